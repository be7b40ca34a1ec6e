//! Mutation operators: the ways in which a module's text can be changed, one small step at a time.
//!
//! Some of them a program can do by itself, from what the training data says ([`crate::optimize::reflection::profile`]); the others
//! ask a reflector for a sentence, a paragraph or the whole text. Which comes next is learned from what
//! the gate says ([`super::bandit`]).

mod advice;
mod describe;
mod drop;
mod examples;
mod format;
mod layout;
mod pack;
mod paper;
mod reason;
mod rewrite;
mod rule;
mod shorten;

pub use crate::config::Operator;
use crate::data::Example;
use crate::engine::{Completion, Message};
use crate::evaluate::Scored;
use crate::optimize::reflection::answer::{self, Unusable};
use crate::optimize::reflection::profile::Output;
use crate::optimize::reflection::writing;
use crate::program::{Demonstration, Layout, Module, ModuleText, Program};
use rand::Rng;

impl Operator {
    /// Whether the same text can come out differently.
    #[must_use]
    pub fn is_random(self) -> bool {
        !matches!(self, Self::Format | Self::Rule)
    }

    /// Whether a reflector is asked for it.
    #[must_use]
    pub fn asks(self) -> bool {
        match self {
            Self::Describe | Self::Rule | Self::Rewrite | Self::Shorten | Self::Paper => true,
            Self::Advice | Self::Format | Self::Examples | Self::Reason | Self::Layout | Self::Drop => false,
        }
    }

    /// Whether it wants to know what was wrong in each failure before it is asked.
    #[must_use]
    pub fn wants_diagnoses(self) -> bool {
        matches!(self, Self::Rule | Self::Rewrite)
    }

    /// Whether it can change this text.
    #[must_use]
    pub fn applies(self, work: &Work<'_>) -> bool {
        match self {
            Self::Advice => advice::applies(work),
            Self::Format => format::applies(work),
            Self::Examples => examples::applies(work),
            Self::Reason => reason::applies(work),
            Self::Layout => layout::applies(work),
            Self::Describe => describe::applies(work),
            Self::Rule | Self::Rewrite | Self::Paper => true,
            Self::Drop => drop::applies(work),
            Self::Shorten => (work.measure)(&work.text.instruction) >= LEAST_TO_SHORTEN,
        }
    }

    /// The new text, or what a reflector has to be asked for it.
    ///
    /// # Errors
    /// [`Unusable::NoRoom`] where no example fits the reflector's context.
    pub fn begin(self, work: &Work<'_>, random: &mut impl Rng) -> Result<Begun, Unusable> {
        match self {
            Self::Advice => Ok(Begun::Text(advice::apply(work, random))),
            Self::Format => Ok(Begun::Text(format::apply(work))),
            Self::Examples => Ok(Begun::Text(examples::apply(work, random))),
            Self::Reason => Ok(Begun::Text(reason::apply(work, random))),
            Self::Layout => Ok(Begun::Text(layout::apply(work, random))),
            Self::Describe => Ok(Begun::Ask(describe::ask(work, random))),
            Self::Rule => rule::apply(work).map(Begun::Text),
            Self::Rewrite => rewrite::ask(work).map(Begun::Ask),
            Self::Drop => Ok(Begun::Text(drop::apply(work, random))),
            Self::Shorten => Ok(Begun::Ask(shorten::ask(work))),
            Self::Paper => paper::ask(work).map(Begun::Ask),
        }
    }

    /// The new text from the reflector's answers.
    ///
    /// # Errors
    /// [`Unusable`]
    pub fn finish(self, work: &Work<'_>, answers: &[Completion]) -> Result<ModuleText, Unusable> {
        let only = || answers.first().ok_or(Unusable::Empty);
        match self {
            Self::Describe => describe::finish(work, answers),
            Self::Rewrite => rewrite::finish(work, only()?),
            Self::Shorten => shorten::finish(work, only()?),
            Self::Paper => paper::finish(work, only()?),
            Self::Advice | Self::Format | Self::Examples | Self::Reason | Self::Layout | Self::Rule | Self::Drop => {
                Err(Unusable::Empty)
            }
        }
    }
}

/// Tokens of an instruction that is worth shortening.
const LEAST_TO_SHORTEN: usize = 80;

/// Where a module stands in its program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Its inputs that another module writes.
    pub made: Vec<String>,
    /// Of these, what each module that reads its outputs reads as well.
    pub alongside: Vec<String>,
    /// Its outputs that another module or a step reads.
    pub read: Vec<String>,
    /// Its outputs that a step searches for.
    pub searched: Vec<String>,
    /// Its inputs that a step has found.
    pub found: Vec<String>,
    /// Whether what it writes is read by nobody but the modules that write the program's answer.
    pub is_last_but_one: bool,
}

impl Place {
    /// Of the module at `index`.
    #[must_use]
    pub fn of(program: &Program, index: usize) -> Self {
        let module = &program.modules[index];
        let chosen = |names: &[String], is: &dyn Fn(&String) -> bool| names.iter().filter(|name| is(name)).cloned().collect();
        let others: Vec<usize> = (0..program.modules.len()).filter(|&other| other != index).collect();
        let is_made = |name: &String| others.iter().any(|&other| program.modules[other].outputs.contains(name));
        let reads = |inputs: &[String]| inputs.iter().any(|name| module.outputs.contains(name));
        let readers: Vec<usize> = others.iter().copied().filter(|&other| reads(&program.modules[other].inputs)).collect();
        let ends = |reader: usize| !program.modules[reader].outputs.iter().any(|name| program.is_read_by_others(reader, name));
        Self {
            made: chosen(&module.inputs, &is_made),
            alongside: chosen(&module.inputs, &|name| {
                let all = readers.iter().all(|&reader| program.modules[reader].inputs.contains(name));
                is_made(name) && !readers.is_empty() && all
            }),
            read: chosen(&module.outputs, &|name| program.is_read_by_others(index, name)),
            searched: chosen(&module.outputs, &|name| {
                program.tools.iter().any(|tool| tool.does.searches() && tool.inputs.contains(name))
            }),
            found: chosen(&module.inputs, &|name| {
                program.tools.iter().any(|tool| tool.does.searches() && tool.outputs.contains(name))
            }),
            is_last_but_one: !readers.is_empty()
                && readers.iter().all(|&reader| ends(reader))
                && !program.tools.iter().any(|tool| reads(&tool.inputs)),
        }
    }
}

/// A text to be changed, and what is known about it.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// The module.
    pub module: &'a Module,
    /// The parent's text.
    pub text: &'a ModuleText,
    /// Where the module stands in its program.
    pub place: &'a Place,
    /// What the training data says of the module's outputs.
    pub profile: &'a [Output],
    /// The parent's rollouts on the minibatch.
    pub rollouts: &'a [&'a Scored],
    /// Its examples, in the same order.
    pub minibatch: &'a [&'a Example],
    /// All training examples.
    pub train: &'a [Example],
    /// Calls of this module with right answers, the student's own or the label, by this or another candidate that reasons as this
    /// one does.
    pub right: &'a [Demonstration],
    /// What was added to this text before and did not help, the latest last.
    pub rejected: &'a [String],
    /// A sentence on each failure: a rule by which it would have been none.
    pub diagnoses: &'a [String],
    /// The most tokens of a reflector's prompt.
    pub room: usize,
    /// The most tokens of a reflector's answer where it writes a whole text.
    pub answer_tokens: u32,
    /// The most tokens of instruction and worked examples together.
    pub most_tokens: usize,
    /// The way to an example's right answer, where the metric knows it.
    pub solution: &'a dyn Fn(&Example) -> Option<String>,
    /// Counts the tokens of a text as the reflector reads it.
    pub count: &'a dyn Fn(&str) -> usize,
    /// Counts them as the student reads it: of prompts, whose limit is the student's.
    pub measure: &'a dyn Fn(&str) -> usize,
}

impl Work<'_> {
    /// What reflectors read of examples and must not quote in an instruction.
    fn inputs(&self) -> Vec<&str> {
        let inputs = self.rollouts.iter().flat_map(|s| &s.rollout.steps).flat_map(|step| &step.inputs);
        inputs.map(|(_, value)| value.as_str()).collect()
    }

    /// Whether it writes what no data has: what is right of it is not known by value.
    fn is_open(&self) -> bool {
        self.module.outputs.iter().any(|name| self.profile.iter().all(|output| output.name != *name))
    }

    /// The words of a reflector, if they are in the language of the instruction, as far as that is plain, and, where the output
    /// is open, on no single example.
    fn general<'t>(&self, words: &'t str) -> Result<&'t str, Unusable> {
        let words = writing::in_its_language(words, self.text)?;
        if self.is_open() { answer::general(words, &self.inputs(), &self.text.instruction) } else { Ok(words) }
    }

    /// The instruction, and more lines behind it.
    fn with_lines(&self, lines: &[String]) -> String {
        format!("{}\n{}", self.text.instruction.trim_end(), lines.join("\n"))
    }

    /// A text with another instruction, if it is one that may be.
    fn with_instruction(&self, instruction: &str) -> Result<ModuleText, Unusable> {
        let text = writing::with_instruction(self.module, self.text, instruction)?;
        if self.tokens(&text) > self.most_tokens { Err(Unusable::TooLong) } else { Ok(text) }
    }

    /// A text laid out so; the module's own layout has no other name.
    fn laid_out(&self, text: ModuleText, layout: Layout) -> ModuleText {
        ModuleText { layout: Some(layout).filter(|layout| *layout != self.module.layout), ..text }
    }

    /// Tokens of a text with its worked examples.
    fn tokens(&self, text: &ModuleText) -> usize {
        text.tokens(self.measure)
    }

    /// Tokens of a worked example.
    fn tokens_shown(&self, shown: &Demonstration) -> usize {
        shown.tokens(self.measure)
    }
}

/// What an operator has begun.
#[derive(Debug, Clone, PartialEq)]
pub enum Begun {
    /// The new text.
    Text(ModuleText),
    /// It depends on a reflector's answers.
    Ask(Questions),
}

/// What a reflector is asked, all at once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Questions {
    /// A chat for each.
    pub chats: Vec<Vec<Message>>,
    /// The most tokens of each answer.
    pub max_tokens: u32,
    /// Rollouts or training examples that found room.
    pub examples: usize,
    /// Rollouts that found none.
    pub left_out: usize,
}

impl Questions {
    /// One that shows no examples.
    fn one(prompt: String, max_tokens: u32) -> Self {
        Self { chats: vec![vec![Message::user(prompt)]], max_tokens, examples: 0, left_out: 0 }
    }
}

pub use rule::{diagnoses, diagnosis};

#[cfg(test)]
mod tests;

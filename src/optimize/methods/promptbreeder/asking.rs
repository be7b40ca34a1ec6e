//! What the models are asked: for mutation prompts, and for task prompts by each of the mutations.

use rand::seq::{IndexedRandom, SliceRandom};

use super::words::THINKING_STYLES;
use super::{Birth, Mutation, Promptbreeder, WORKINGS};
use crate::optimize::Session;
use crate::optimize::methods::search::{Search, Step};
use crate::optimize::reflection::answer;
use crate::optimize::reflection::packing::{self, Packed};
use crate::optimize::reflection::reflection_context;
use crate::optimize::reflection::writing::Question;
use crate::optimize::session::Halt;
use crate::program::Demonstration;

/// Tokens of a mutation prompt.
const MUTATION_TOKENS: u32 = 128;

/// The most task prompts that a list of them shows.
const LISTED: usize = 10;

/// Asks for a task prompt by a mutation prompt.
pub(super) fn applied(mutation: &str, task: &str) -> Packed {
    Packed::plain(format!(
        "{mutation}\n\nThe instruction:\n```\n{task}\n```\n\nWrite the new instruction and nothing else, between two lines of ```.\n"
    ))
}

impl Promptbreeder {
    /// New mutation prompts for those whose mutation changes them.
    pub(super) fn hypermutate(
        &self,
        search: &Search,
        session: &mut Session<'_>,
        step: &Step<'_>,
        births: &mut [Birth],
    ) -> Result<(), Halt> {
        let mut random = session.random("style", step.iteration);
        let module = &session.program().modules[step.module];
        let (mut questions, mut places) = (Vec::new(), Vec::new());
        for (place, birth) in births.iter().enumerate().filter(|(_, birth)| birth.by.is_hyper()) {
            let style = THINKING_STYLES.choose(&mut random).copied().unwrap_or(THINKING_STYLES[0]);
            let prompt = match birth.by {
                Mutation::ZeroOrderHyper => format!(
                    "An instruction for this task is to be improved: {}\n{style}\nWrite one sentence that tells a writer how to \
                     change the instruction. Write nothing else.\n",
                    reflection_context::problem(module)
                ),
                _ => format!(
                    "This tells a writer how to change an instruction:\n\n{}\n\nSum it up and make it better. Write one or two \
                     sentences that tell the writer how to change an instruction, and nothing else.\n",
                    birth.unit.mutation
                ),
            };
            questions.push(Question {
                proposal: place + 1,
                parent: search.parent(),
                module: step.module,
                operator: birth.by.name(),
                prompt: Ok(Packed::plain(prompt)),
                max_tokens: MUTATION_TOKENS,
                temperature: session.plan().reflection_temperature,
            });
            places.push(place);
        }
        let inputs = reflection_context::inputs(session, step);
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let texts = search.writer.write(session, step.iteration, "hypermutation", &questions, &|_, _, completion| {
            answer::text(completion, &inputs).map(str::to_owned)
        })?;
        for (place, text) in places.into_iter().zip(texts) {
            if let Some(text) = text {
                births[place].unit.mutation = text;
            }
        }
        Ok(())
    }

    /// A list of task prompts that is to be continued.
    fn list(&self, search: &Search, session: &Session<'_>, step: &Step<'_>, by: Mutation) -> Packed {
        let mut random = session.random("list", step.iteration);
        let words = |place: &usize| self.units[*place].task.instruction.as_str();
        let (texts, order): (Vec<&str>, _) = match by {
            Mutation::Lineage => (self.elites.iter().map(|text| text.instruction.as_str()).collect(), "the later the better"),
            Mutation::RankedDistribution => (self.ranking(search, step).iter().rev().map(words).collect(), "the best last"),
            _ => {
                let mut places: Vec<usize> = (0..self.units.len()).collect();
                places.shuffle(&mut random);
                (places.iter().map(words).collect(), "in no order")
            }
        };
        // The last ones, as far as the context holds them, each where it stands last.
        let mut distinct: Vec<&str> = Vec::new();
        texts.into_iter().rev().for_each(|text| {
            if !distinct.contains(&text) {
                distinct.push(text)
            }
        });
        let last: Vec<String> = distinct.iter().take(LISTED).map(|text| format!("```\n{text}\n```\n\n")).collect();
        let held = search.writer.held(session, step.iteration, &last);
        let entries: String = last[..held].iter().rev().zip(1..).map(|(text, n)| format!("{n}.\n{text}")).collect();
        let next = held + 1;
        Packed::plain(format!(
            "A list of instructions for the same assistant, {order}:\n\n{entries}Write number {next} of the list, which differs from \
             all of them. Write the instruction and nothing else, between two lines of ```.\n"
        ))
    }

    /// What the task prompt is asked for by.
    pub(super) fn prompt(
        &self,
        search: &Search,
        session: &Session<'_>,
        step: &Step<'_>,
        birth: &Birth,
        workings: &[Demonstration],
    ) -> Packed {
        let module = &session.program().modules[step.module];
        match birth.by {
            Mutation::ZeroOrder => Packed::plain(format!(
                "An assistant has this task: {}\nThink of ten hints for it. Then write an instruction for the assistant that holds the \
                 best of them. Write the instruction and nothing else, between two lines of ```.\n",
                reflection_context::problem(module)
            )),
            Mutation::Lamarckian if !workings.is_empty() => {
                let count = |text: &str| search.writer.count(session, step.iteration, text);
                let head = "Somebody gave an assistant an instruction, and it worked out these right answers by it:\n\n";
                let tail = "What was the instruction? Write it and nothing else, between two lines of ```.\n";
                let pairs = workings.iter().take(WORKINGS).map(packing::pair);
                packing::fill(&count, search.writer.room(session, step.iteration), head, pairs, tail)
            }
            Mutation::Distribution | Mutation::RankedDistribution | Mutation::Lineage => {
                self.list(search, session, step, birth.by)
            }
            // With nothing right to learn from, the mutation prompt has to do.
            Mutation::FirstOrder | Mutation::ZeroOrderHyper | Mutation::FirstOrderHyper | Mutation::Lamarckian => {
                applied(&birth.unit.mutation, &birth.unit.task.instruction)
            }
        }
    }
}

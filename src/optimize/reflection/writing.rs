//! Asking reflectors for texts: all questions of a step in one batch, what is unusable once more, and what must hold
//! of an instruction whoever asked for it.

use rand::Rng;

use crate::engine::{Completion, Decoding, Ended, Message, ModelId, Request};
use crate::event::Event;
use crate::optimize::Session;
use crate::optimize::reflection::answer::{self, Unusable};
use crate::optimize::reflection::packing::Packed;
use crate::optimize::session::Halt;
use crate::program::{Module, ModuleText, language};

/// The most tokens of a module's instruction and worked examples.
#[must_use]
pub fn most_tokens(session: &Session<'_>, module: usize) -> usize {
    session.plan().most_instruction_tokens(session.context_length(session.program().modules[module].model))
}

/// How a reflector's answers are drawn.
#[must_use]
pub fn decoding(max_tokens: u32, temperature: f32) -> Decoding {
    Decoding { temperature, top_p: 0.95, ..Decoding::greedy(max_tokens) }
}

/// A question to a reflector.
#[must_use]
pub fn request(model: ModelId, chat: &[Message], decoding: &Decoding, seed: u64) -> Request {
    Request { model, messages: chat.to_vec(), breakpoints: Vec::new(), decoding: decoding.clone(), seed }
}

/// What a reflector wrote, for the journal.
#[must_use]
pub fn words(answers: &[Completion]) -> String {
    let text = |completion: &Completion| match &completion.ended {
        Ended::Refused(reason) => reason.clone(),
        _ => completion.text.clone(),
    };
    answers.iter().map(text).collect::<Vec<_>>().join("\n")
}

/// The text with another instruction, before which stand the sentences that must stay and that it lacks.
///
/// # Errors
/// [`Unusable::Unchanged`]
pub fn with_instruction(module: &Module, text: &ModuleText, instruction: &str) -> Result<ModuleText, Unusable> {
    let missing: Vec<&str> = module.keep.iter().map(String::as_str).filter(|sentence| !instruction.contains(sentence)).collect();
    let instruction = [missing.join("\n").as_str(), instruction.trim()].join("\n");
    let instruction = instruction.trim();
    if instruction == text.instruction.trim() {
        return Err(Unusable::Unchanged);
    }
    Ok(ModuleText { instruction: instruction.to_owned(), ..text.clone() })
}

/// The words of a reflector, if they are in the language of a text, as far as that is plain.
///
/// # Errors
/// [`Unusable::OtherLanguage`]
pub fn in_its_language<'t>(words: &'t str, text: &ModuleText) -> Result<&'t str, Unusable> {
    if language::differ(words, &text.instruction) { Err(Unusable::OtherLanguage) } else { Ok(words) }
}

/// The text of a module with the instruction in a reflector's answer; `inputs` are what the reflector read of examples, and must
/// not quote.
///
/// # Errors
/// [`Unusable`]
pub fn read(
    session: &Session<'_>,
    (module, text): (usize, &ModuleText),
    inputs: &[&str],
    completion: &Completion,
) -> Result<ModuleText, Unusable> {
    let about = &session.program().modules[module];
    let words = in_its_language(answer::text(completion, inputs)?, text)?;
    let text = with_instruction(about, text, words)?;
    let tokens = text.tokens(&|words| session.count_tokens(about.model, words));
    if tokens > most_tokens(session, module) { Err(Unusable::TooLong) } else { Ok(text) }
}

/// One question, for one text.
#[derive(Debug, Clone)]
pub struct Question {
    /// Which of the iteration's proposals it is for, from 1.
    pub proposal: usize,
    /// The place of the candidate to be improved.
    pub parent: usize,
    /// The module.
    pub module: usize,
    /// What the step is called.
    pub operator: &'static str,
    /// What is read, or why nothing can be asked.
    pub prompt: Result<Packed, Unusable>,
    /// The most tokens of the answer.
    pub max_tokens: u32,
    /// The temperature of the answer.
    pub temperature: f32,
}

impl Question {
    /// The proposal, the module, and what the step is called.
    fn change(&self) -> (usize, usize, &'static str) {
        (self.proposal, self.module, self.operator)
    }
}

/// The models that write prompts; several take turns, an iteration each.
#[derive(Debug, Clone)]
pub struct Writer {
    reflectors: Vec<(String, ModelId)>,
}

impl Writer {
    /// `reflectors` has at least one model, with its name.
    #[must_use]
    pub fn new(reflectors: Vec<(String, ModelId)>) -> Self {
        Self { reflectors }
    }

    /// Who writes in an iteration.
    #[must_use]
    pub fn of(&self, iteration: u64) -> (&str, ModelId) {
        let turn = usize::try_from(iteration).unwrap_or(0) % self.reflectors.len().max(1);
        self.reflectors.get(turn).map_or(("", ModelId(0)), |(name, model)| (name.as_str(), *model))
    }

    /// The most tokens of a prompt for who writes in an iteration, the room of a whole instruction being reserved.
    #[must_use]
    pub fn room(&self, session: &Session<'_>, iteration: u64) -> usize {
        session.context_length(self.of(iteration).1).saturating_sub(session.plan().reflection_tokens as usize)
    }

    /// How many of `entries`, from the first, a list for who writes in an iteration may have: a quarter of the room is left for
    /// all else. The first is always among them.
    #[must_use]
    pub fn held(&self, session: &Session<'_>, iteration: u64, entries: &[String]) -> usize {
        let room = self.room(session, iteration) / 4 * 3;
        let tokens = entries.iter().scan(0, |sum, entry| {
            *sum += self.count(session, iteration, entry);
            Some(*sum)
        });
        tokens.take_while(|sum| *sum <= room).count().max(1).min(entries.len())
    }

    /// Tokens of `text` for who writes in an iteration.
    #[must_use]
    pub fn count(&self, session: &Session<'_>, iteration: u64, text: &str) -> usize {
        session.count_tokens(self.of(iteration).1, text)
    }

    /// Asks all questions in one batch, and once more those whose answers are unusable. What `read` makes of an answer,
    /// by the question's place, comes back in order; None where it was unusable twice, which is told. `stream` names the
    /// step among those of the iteration.
    ///
    /// # Errors
    /// As [`Session::reflect`].
    pub fn write<T>(
        &self,
        session: &mut Session<'_>,
        iteration: u64,
        stream: &str,
        questions: &[Question],
        read: &dyn Fn(&Session<'_>, usize, &Completion) -> Result<T, Unusable>,
    ) -> Result<Vec<Option<T>>, Halt> {
        let (name, model) = self.of(iteration);
        let mut seeds = session.random(stream, iteration);
        let mut texts: Vec<Option<T>> = questions.iter().map(|_| None).collect();
        let mut open: Vec<usize> = Vec::new();
        for (place, question) in questions.iter().enumerate() {
            match &question.prompt {
                Ok(_) => open.push(place),
                Err(unusable) => tell_unusable(session, iteration, question.change(), *unusable, String::new())?,
            }
        }
        for again in [false, true] {
            if open.is_empty() {
                break;
            }
            let mut requests = Vec::new();
            for &place in &open {
                let question = &questions[place];
                let Ok(packed) = &question.prompt else { continue };
                session.log(&Event::Reflecting {
                    iteration,
                    proposal: question.proposal,
                    parent: question.parent,
                    module: session.program().modules[question.module].name.clone(),
                    operator: question.operator,
                    reflector: name.to_owned(),
                    questions: 1,
                    examples: packed.examples,
                    left_out: packed.left_out,
                    again,
                })?;
                let decoding = decoding(question.max_tokens, question.temperature);
                requests.push(request(model, &[Message::user(packed.prompt.clone())], &decoding, seeds.next_u64()));
            }
            let completions = session.reflect(&requests)?;
            let asked = std::mem::take(&mut open);
            for (place, completion) in asked.into_iter().zip(completions) {
                match read(session, place, &completion) {
                    Ok(text) => texts[place] = Some(text),
                    Err(unusable) => {
                        let said = words(std::slice::from_ref(&completion));
                        tell_unusable(session, iteration, questions[place].change(), unusable, said)?;
                        if unusable.is_worth_a_retry() {
                            open.push(place);
                        }
                    }
                }
            }
        }
        Ok(texts)
    }
}

/// Tells of a proposal that cannot be tried: which of its iteration's, of which module, and by what; `text` is what was written.
///
/// # Errors
/// As [`Session::log`].
pub fn tell_unusable(
    session: &mut Session<'_>,
    iteration: u64,
    (proposal, module, operator): (usize, usize, &'static str),
    unusable: Unusable,
    text: String,
) -> Result<(), Halt> {
    session.log(&Event::Unusable {
        iteration,
        proposal,
        module: session.program().modules[module].name.clone(),
        operator,
        reason: unusable.reason(),
        text,
    })
}

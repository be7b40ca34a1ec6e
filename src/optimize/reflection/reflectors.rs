//! Asking reflectors for texts: all questions of a step at once, and those with unusable answers a second time.

use rand::Rng;

use super::packing::PackedPrompt;
use super::unusable::{Attempt, Unusable, log_unusable};
use crate::engine::{Completion, Decoding, Ended, Message, ModelId, Request};
use crate::event::Decision;
use crate::optimize::session::{Halt, Session};
use crate::program::PoolIndex;

/// Returns the decoding settings of a reflection.
#[must_use]
pub fn reflection_decoding(max_tokens: u32, temperature: f32) -> Decoding {
    Decoding { temperature, top_p: 0.95, ..Decoding::greedy(max_tokens) }
}

/// Returns the request of a reflection.
#[must_use]
pub fn reflection_request(model: ModelId, chat: &[Message], decoding: &Decoding, seed: u64) -> Request {
    Request { model, messages: chat.to_vec(), breakpoints: Vec::new(), decoding: decoding.clone(), seed }
}

/// Returns the texts of a reflector's answers as one text, for the journal. The text of a refused answer is the reason.
#[must_use]
pub fn joined_texts(answers: &[Completion]) -> String {
    let text = |completion: &Completion| match &completion.ended {
        Ended::Refused(reason) => reason.clone(),
        _ => completion.text.clone(),
    };
    answers.iter().map(text).collect::<Vec<_>>().join("\n")
}

/// Returns the most tokens of a prompt for a reflector. The tokens of a whole instruction are reserved for its answer.
#[must_use]
pub fn prompt_room(session: &Session<'_>, reflector: ModelId) -> usize {
    session.context_length(reflector).saturating_sub(session.plan().reflection_tokens as usize)
}

/// One question to a reflector, for one text.
#[derive(Debug, Clone)]
pub struct Reflection {
    /// The proposal, module and operator that the text is for.
    pub attempt: Attempt,
    /// The pool index of the candidate to be improved.
    pub parent: PoolIndex,
    /// The prompt, or the reason why there is none.
    pub prompt: Result<PackedPrompt, Unusable>,
    /// The most tokens of the answer.
    pub max_tokens: u32,
    /// The temperature of the answer.
    pub temperature: f32,
}

/// The reflectors of a run. If there are several, each iteration uses the next one.
#[derive(Debug, Clone)]
pub struct Reflectors {
    /// Names from the task file, and models. At least one.
    models: Vec<(String, ModelId)>,
}

impl Reflectors {
    /// Creates the reflectors of a run from at least one model, each with its name in the task file.
    #[must_use]
    pub fn new(models: Vec<(String, ModelId)>) -> Self {
        Self { models }
    }

    /// Returns the name and the model of the reflector of an iteration.
    #[must_use]
    pub fn for_iteration(&self, iteration: u64) -> (&str, ModelId) {
        let turn = usize::try_from(iteration).unwrap_or(0) % self.models.len().max(1);
        self.models.get(turn).map_or(("", ModelId(0)), |(name, model)| (name.as_str(), *model))
    }

    /// Returns the most tokens of a prompt for the reflector of an iteration.
    #[must_use]
    pub fn prompt_room(&self, session: &Session<'_>, iteration: u64) -> usize {
        prompt_room(session, self.for_iteration(iteration).1)
    }

    /// Returns how many of `entries`, from the first, a list in a prompt of an iteration can have. A quarter of the prompt's room
    /// is left for the rest of the prompt. The first entry always counts.
    #[must_use]
    pub fn count_fitting(&self, session: &Session<'_>, iteration: u64, entries: &[String]) -> usize {
        let room = self.prompt_room(session, iteration) / 4 * 3;
        let tokens = entries.iter().scan(0, |sum, entry| {
            *sum += self.count_tokens(session, iteration, entry);
            Some(*sum)
        });
        tokens.take_while(|sum| *sum <= room).count().max(1).min(entries.len())
    }

    /// Counts the tokens of `text` with the tokenizer of the reflector of an iteration.
    #[must_use]
    pub fn count_tokens(&self, session: &Session<'_>, iteration: u64, text: &str) -> usize {
        session.count_tokens(self.for_iteration(iteration).1, text)
    }

    /// Asks all questions at once, and those with unusable answers a second time. Returns for each question what `read` made of
    /// its answer, which it gets with the question's index. None if no answer was usable; this is logged. `stream` names the
    /// random numbers of the seeds.
    ///
    /// # Errors
    /// As [`Session::reflect`].
    pub fn ask<T>(
        &self,
        session: &mut Session<'_>,
        iteration: u64,
        stream: &str,
        questions: &[Reflection],
        read: &dyn Fn(&Session<'_>, usize, &Completion) -> Result<T, Unusable>,
    ) -> Result<Vec<Option<T>>, Halt> {
        let (name, model) = self.for_iteration(iteration);
        let mut seeds = session.random(stream, iteration);
        let mut texts: Vec<Option<T>> = questions.iter().map(|_| None).collect();
        let mut open: Vec<(usize, &PackedPrompt)> = Vec::new();
        for (index, question) in questions.iter().enumerate() {
            match &question.prompt {
                Ok(prompt) => open.push((index, prompt)),
                Err(unusable) => log_unusable(session, iteration, question.attempt, *unusable, String::new())?,
            }
        }
        for again in [false, true] {
            if open.is_empty() {
                break;
            }
            let mut requests = Vec::new();
            for &(index, prompt) in &open {
                let Reflection { attempt, parent, max_tokens, temperature, .. } = questions[index];
                session.log(Decision::Reflecting {
                    iteration,
                    proposal: attempt.proposal,
                    parent,
                    module: session.program().modules[attempt.module_index].name.clone(),
                    operator: attempt.operator,
                    reflector: name.to_owned(),
                    questions: 1,
                    examples: prompt.examples,
                    left_out: prompt.left_out,
                    again,
                })?;
                let decoding = reflection_decoding(max_tokens, temperature);
                requests.push(reflection_request(model, &[Message::user(prompt.text.clone())], &decoding, seeds.next_u64()));
            }
            let completions = session.reflect(&requests)?;
            let asked = std::mem::take(&mut open);
            for ((index, prompt), completion) in asked.into_iter().zip(completions) {
                match read(session, index, &completion) {
                    Ok(text) => texts[index] = Some(text),
                    Err(unusable) => {
                        let answer = joined_texts(std::slice::from_ref(&completion));
                        log_unusable(session, iteration, questions[index].attempt, unusable, answer)?;
                        if unusable.is_worth_a_retry() {
                            open.push((index, prompt));
                        }
                    }
                }
            }
        }
        Ok(texts)
    }
}

//! What every operator implements, and what it returns when it is applied.

use rand::Rng;
use rand::seq::IndexedRandom;

use super::input::OperatorInput;
use crate::engine::{Completion, Grammar, Message};
use crate::optimize::reflection::unusable::Unusable;
use crate::program::ModuleText;

/// A way to change a module's text.
pub trait TextOperator: Sync {
    /// Whether it can change this text.
    fn applies(&self, _input: &OperatorInput<'_>) -> bool {
        true
    }

    /// Whether two applications to the same input can give different texts.
    fn is_random(&self) -> bool {
        true
    }

    /// Whether a reflector is asked for its text, directly or through the diagnoses of failed rollouts.
    fn asks_reflector(&self) -> bool {
        false
    }

    /// Whether it uses [`OperatorInput::diagnoses`], so that a reflector has to write them first.
    fn wants_diagnoses(&self) -> bool {
        false
    }

    /// Whether it can make many texts of about one size, so that it is worth screening some of them by the likelihood of the right
    /// answers before one is tried.
    fn is_screened(&self) -> bool {
        false
    }

    /// Whether a reflector is asked a second time if its answer is unusable.
    fn may_retry(&self) -> bool {
        true
    }

    /// Computes the new text, or the questions that a reflector has to answer for it. Only for an input to which it applies.
    ///
    /// # Errors
    /// [`Unusable::NoRoom`] if no example fits the reflector's context; other reasons if the text cannot be changed.
    fn begin(&self, input: &OperatorInput<'_>, random: &mut dyn Rng) -> Result<Begun, Unusable>;
}

/// Reads a new text from the reflector's answers, one for each chat of the [`Questions`] and in their order.
pub type ReadAnswers = fn(&OperatorInput<'_>, &[Completion]) -> Result<ModuleText, Unusable>;

/// The result of [`TextOperator::begin`].
#[derive(Debug, Clone)]
pub enum Begun {
    /// The new text.
    Text(ModuleText),
    /// Questions to a reflector, and the function that makes the new text of its answers.
    Ask(Questions, ReadAnswers),
}

/// Questions to a reflector that are asked at once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Questions {
    /// One chat for each question.
    pub chats: Vec<Vec<Message>>,
    /// The most tokens of each answer.
    pub max_tokens: u32,
    /// The number of rollouts or training examples in the chats.
    pub examples: usize,
    /// The number of rollouts for which the reflector's context had no room.
    pub left_out: usize,
    /// The grammar that each answer is decoded under. If it is None, any text is allowed.
    pub grammar: Option<Grammar>,
}

impl Questions {
    /// Creates a single question that shows no examples.
    pub(super) fn single(prompt: String, max_tokens: u32) -> Self {
        Self { chats: vec![vec![Message::user(prompt)]], max_tokens, ..Self::default() }
    }
}

/// Returns one of the texts that an operator can make.
///
/// # Errors
/// [`Unusable::Unchanged`] if there are none.
pub(super) fn any_of(texts: &[ModuleText], random: &mut dyn Rng) -> Result<Begun, Unusable> {
    texts.choose(random).cloned().map(Begun::Text).ok_or(Unusable::Unchanged)
}

/// Returns the answer to a single question.
///
/// # Errors
/// [`Unusable::Empty`] if there is no answer.
pub(super) fn single_answer(answers: &[Completion]) -> Result<&Completion, Unusable> {
    answers.first().ok_or(Unusable::Empty)
}

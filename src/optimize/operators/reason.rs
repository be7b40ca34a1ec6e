//! The operator `reason`: switches the task model's reasoning before the answer on or off.

use rand::Rng;

use super::examples::{self, Examples};
use super::format::format_if_possible;
use super::input::OperatorInput;
use super::text_operator::{Begun, TextOperator};
use crate::optimize::reflection::unusable::Unusable;
use crate::program::layout::REASONING;
use crate::program::{ModuleText, parse};

/// The fewest tokens of an answer that leave room to reason.
const MIN_ANSWER_TOKENS: u32 = 64;

/// Switches reasoning on or off.
pub(super) struct Reason;

impl TextOperator for Reason {
    fn applies(&self, input: &OperatorInput<'_>) -> bool {
        let has_room = input.module.max_tokens >= MIN_ANSWER_TOKENS;
        // The reasoning could not be told apart from an output with the same name.
        has_room && !input.module.outputs.iter().any(|output| parse::is_label_of(output, REASONING))
    }

    /// The demonstrations show answers either with reasoning or without, so they are removed. If the training data has worked
    /// solutions, examples with these replace them.
    fn begin(&self, input: &OperatorInput<'_>, random: &mut dyn Rng) -> Result<Begun, Unusable> {
        let reasoning = !input.text.reasoning;
        let text = ModuleText { demonstrations: Vec::new(), nearest: None, reasoning, ..format_if_possible(input) };
        let switched = OperatorInput { text: &text, correct_calls: &[], ..*input };
        if reasoning && Examples.applies(&switched) {
            return Ok(Begun::Text(examples::with_other_demonstrations(&switched, random)));
        }
        Ok(Begun::Text(text))
    }
}

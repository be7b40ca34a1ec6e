//! The operator `hint`: adds one of the user's sentences (`[optimize] hints`).

use rand::Rng;

use super::input::OperatorInput;
use super::text_operator::{Begun, TextOperator, any_of};
use crate::optimize::reflection::unusable::Unusable;
use crate::program::ModuleText;

/// Adds a random sentence of the user's that the instruction does not have yet.
pub(super) struct Hint;

impl TextOperator for Hint {
    fn applies(&self, input: &OperatorInput<'_>) -> bool {
        !with_each_hint(input).is_empty()
    }

    fn begin(&self, input: &OperatorInput<'_>, random: &mut dyn Rng) -> Result<Begun, Unusable> {
        any_of(&with_each_hint(input), random)
    }
}

/// Returns the text with each of the sentences that it does not have yet and has room for.
fn with_each_hint(input: &OperatorInput<'_>) -> Vec<ModuleText> {
    let missing = input.hints.iter().filter(|hint| !input.text.instruction.contains(hint.as_str()));
    missing.filter_map(|hint| input.with_instruction(&input.instruction_with_lines(std::slice::from_ref(hint))).ok()).collect()
}

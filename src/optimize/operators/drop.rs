//! The operator `drop`: removes a sentence or a line of the instruction.

use rand::{Rng, RngExt};

use super::input::OperatorInput;
use super::text_operator::{Begun, TextOperator};
use crate::optimize::reflection::sentences::{removable, without};
use crate::optimize::reflection::unusable::Unusable;
use crate::program::ModuleText;

/// Removes a random sentence or line.
pub(super) struct Drop;

impl TextOperator for Drop {
    fn applies(&self, input: &OperatorInput<'_>) -> bool {
        !removable(&input.text.instruction, &input.module.keep).is_empty()
    }

    fn begin(&self, input: &OperatorInput<'_>, random: &mut dyn Rng) -> Result<Begun, Unusable> {
        let instruction = &input.text.instruction;
        let parts = removable(instruction, &input.module.keep);
        let shortened = without(instruction, parts[random.random_range(0..parts.len())]);
        // A sentence that must stay can extend over both sides of the cut.
        let is_kept = |keep: &String| shortened.contains(keep.as_str()) || !instruction.contains(keep.as_str());
        let is_allowed = input.module.keep.iter().all(is_kept);
        let instruction = if is_allowed { shortened } else { instruction.clone() };
        Ok(Begun::Text(ModuleText { instruction, ..input.text.clone() }))
    }
}

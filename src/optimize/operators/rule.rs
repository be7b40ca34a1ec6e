//! The operator `rule`: adds the rules that a reflector wrote about single failures.

use rand::Rng;

use super::input::OperatorInput;
use super::text_operator::{Begun, TextOperator};
use crate::optimize::reflection::unusable::Unusable;

/// Adds the diagnoses of failed rollouts as rules.
pub(super) struct Rule;

impl TextOperator for Rule {
    fn is_random(&self) -> bool {
        false
    }

    fn asks_reflector(&self) -> bool {
        true
    }

    fn wants_diagnoses(&self) -> bool {
        true
    }

    /// Returns [`Unusable::Empty`] if there is no rule that the instruction does not have yet.
    fn begin(&self, input: &OperatorInput<'_>, _random: &mut dyn Rng) -> Result<Begun, Unusable> {
        let mut rules: Vec<&str> = Vec::new();
        for rule in input.diagnoses.iter().map(String::as_str) {
            if !input.text.instruction.contains(rule) && !rules.contains(&rule) {
                rules.push(rule);
            }
        }
        if rules.is_empty() {
            return Err(Unusable::Empty);
        }
        let lines: Vec<String> = rules.iter().map(|rule| format!("- {rule}")).collect();
        input.with_instruction(&input.instruction_with_lines(&lines)).map(Begun::Text)
    }
}

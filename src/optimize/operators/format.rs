//! The operator `format`: adds what is known about the outputs from the training data.

use rand::Rng;

use super::input::OperatorInput;
use super::text_operator::{Begun, TextOperator};
use crate::optimize::reflection::profile::{self, OutputProfile, ValueKind, Wording};
use crate::optimize::reflection::unusable::Unusable;
use crate::program::ModuleText;

/// Adds a line on each output whose kind of value is known.
pub(super) struct Format;

impl TextOperator for Format {
    fn applies(&self, input: &OperatorInput<'_>) -> bool {
        let lines = missing_lines(input);
        !lines.is_empty() && input.with_instruction(&input.instruction_with_lines(&lines)).is_ok()
    }

    fn is_random(&self) -> bool {
        false
    }

    fn begin(&self, input: &OperatorInput<'_>, _random: &mut dyn Rng) -> Result<Begun, Unusable> {
        Ok(Begun::Text(with_missing_lines(input)))
    }
}

/// Returns the text with the lines on its outputs if the operator applies, else the text as it is.
pub(super) fn format_if_possible(input: &OperatorInput<'_>) -> ModuleText {
    if Format.applies(input) { with_missing_lines(input) } else { input.text.clone() }
}

fn with_missing_lines(input: &OperatorInput<'_>) -> ModuleText {
    ModuleText { instruction: input.instruction_with_lines(&missing_lines(input)), ..input.text.clone() }
}

/// Returns the lines on outputs that the instruction does not have yet. A closed set counts as present if the instruction has
/// each of its values as a word.
fn missing_lines(input: &OperatorInput<'_>) -> Vec<String> {
    let instruction = &input.text.instruction;
    let lists_values = |output: &&OutputProfile| match &output.kind {
        ValueKind::Set(values) => values.keys().all(|value| has_word(instruction, value)),
        _ => false,
    };
    let wording = Wording::for_instruction(instruction);
    let lines = input.profile.iter().filter(|output| !lists_values(output));
    let lines = lines.map(|output| profile::statement(std::slice::from_ref(output), wording));
    lines.filter(|line| !line.is_empty() && !instruction.contains(line.as_str())).collect()
}

/// Whether `value` occurs in `text` and is not a part of a longer word there.
fn has_word(text: &str, value: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(value).any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + value.len()..].starts_with(is_part))
}

//! Adds what the training data says of the outputs.

use super::Work;
use crate::optimize::reflection::profile::{self, Kind, Output, Wording};
use crate::program::ModuleText;

/// The lines that the instruction does not have yet. A set is there where all of its values are, in whatever words.
fn missing(work: &Work<'_>) -> Vec<String> {
    let has = |text: &str| work.text.instruction.contains(text);
    let is_told = |output: &&Output| match &output.kind {
        Kind::Set(values) => values.keys().all(|value| has_word(&work.text.instruction, value)),
        _ => false,
    };
    let wording = Wording::of(&work.text.instruction);
    let statement = |output| profile::statement(std::slice::from_ref(output), wording);
    let lines = work.profile.iter().filter(|output| !is_told(output)).map(statement);
    lines.filter(|line| !line.is_empty() && !has(line)).collect()
}

/// Whether `value` stands in `text` as a word of its own.
fn has_word(text: &str, value: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(value).any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + value.len()..].starts_with(is_part))
}

pub(super) fn applies(work: &Work<'_>) -> bool {
    let lines = missing(work);
    !lines.is_empty() && work.with_instruction(&work.with_lines(&lines)).is_ok()
}

/// The text with all that is known of the outputs, where there is room for it.
pub(super) fn where_it_applies(work: &Work<'_>) -> ModuleText {
    if applies(work) { apply(work) } else { work.text.clone() }
}

pub(super) fn apply(work: &Work<'_>) -> ModuleText {
    ModuleText { instruction: work.with_lines(&missing(work)), ..work.text.clone() }
}

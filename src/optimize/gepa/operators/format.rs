//! Adds what the training data says of the outputs.

use super::Work;
use crate::optimize::gepa::profile;
use crate::program::ModuleText;

/// The lines that the instruction does not have yet.
fn missing(work: &Work<'_>) -> Vec<String> {
    let one = |output| profile::statement(std::slice::from_ref(output));
    work.profile.iter().map(one).filter(|line| !line.is_empty() && !work.text.instruction.contains(line)).collect()
}

pub(super) fn applies(work: &Work<'_>) -> bool {
    let lines = missing(work);
    !lines.is_empty() && work.with_instruction(&with(work, &lines)).is_ok()
}

fn with(work: &Work<'_>, lines: &[String]) -> String {
    format!("{}\n{}", work.text.instruction.trim_end(), lines.join("\n"))
}

pub(super) fn apply(work: &Work<'_>) -> ModuleText {
    ModuleText { instruction: with(work, &missing(work)), ..work.text.clone() }
}

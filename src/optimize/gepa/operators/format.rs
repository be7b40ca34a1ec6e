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

/// The text with all that is known of the outputs, where there is room for it.
pub(super) fn where_it_applies(work: &Work<'_>) -> ModuleText {
    if applies(work) { apply(work) } else { work.text.clone() }
}

pub(super) fn apply(work: &Work<'_>) -> ModuleText {
    ModuleText { instruction: with(work, &missing(work)), ..work.text.clone() }
}

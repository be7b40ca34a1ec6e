//! Leaves a sentence or line of an instruction out.

use rand::{Rng, RngExt};

use super::Work;
use crate::program::ModuleText;

/// Where the instruction can be cut: its lines, and the sentences of its lines. The first of all says what
/// the task is, and stays; so does a line that leads to others, and a form, of which a part says nothing.
fn parts<'a>(work: &Work<'a>) -> Vec<&'a str> {
    let sentences = |line: &'a str| if is_form(line) { vec![line] } else { line.split_inclusive(". ").collect() };
    let kept = |part: &str| work.module.keep.iter().any(|keep| keep.contains(part.trim()) || part.contains(keep.as_str()));
    let all = work.text.instruction.lines().flat_map(sentences).filter(|part| !part.trim().is_empty());
    all.skip(1).filter(|part| !is_form(part) && !kept(part)).collect()
}

fn is_form(line: &str) -> bool {
    line.trim_end().ends_with(':') || line.trim_start().starts_with(['{', '['])
}

pub(super) fn applies(work: &Work<'_>) -> bool {
    !parts(work).is_empty()
}

pub(super) fn apply(work: &Work<'_>, random: &mut impl Rng) -> ModuleText {
    let instruction = &work.text.instruction;
    let parts = parts(work);
    let part = parts[random.random_range(0..parts.len())];
    // Parts are slices of the instruction: their place is the distance of their beginnings.
    let at = part.as_ptr() as usize - instruction.as_ptr() as usize;
    let left = [&instruction[..at], &instruction[at + part.len()..]].concat();
    let lines: Vec<&str> = left.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    ModuleText { instruction: lines.join("\n"), ..work.text.clone() }
}

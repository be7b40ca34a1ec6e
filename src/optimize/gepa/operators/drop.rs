//! Leaves a sentence or line of an instruction out.

use rand::{Rng, RngExt};

use super::Work;
use crate::program::ModuleText;

/// Where the instruction can be cut: its lines, and the sentences of its lines. The first of all says what
/// the task is, and stays.
fn parts<'a>(work: &Work<'a>) -> Vec<&'a str> {
    let sentences = work.text.instruction.lines().flat_map(|line| line.split_inclusive(". "));
    let kept = |part: &str| work.module.keep.iter().any(|keep| keep.contains(part.trim()) || part.contains(keep.as_str()));
    sentences.filter(|part| !part.trim().is_empty()).skip(1).filter(|part| !kept(part)).collect()
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

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
    let left = without(&instruction[..at], &instruction[at + part.len()..]);
    // What is kept word for word may stand on both sides of the cut.
    let keeps = work.module.keep.iter().all(|keep| left.contains(keep.as_str()) || !instruction.contains(keep.as_str()));
    ModuleText { instruction: if keeps { left } else { instruction.clone() }, ..work.text.clone() }
}

/// What stands before and behind a cut, without the line or the blank line that it leaves empty.
fn without(before: &str, behind: &str) -> String {
    let (mut before, mut behind) = (before, behind);
    if behind.is_empty() || behind.starts_with('\n') {
        before = before.trim_end_matches([' ', '\t']);
    }
    if before.ends_with('\n') {
        behind = behind.strip_prefix('\n').unwrap_or(behind);
        if before.ends_with("\n\n") {
            behind = behind.trim_start_matches('\n');
        }
    }
    format!("{before}{behind}").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::without;

    #[test]
    fn a_cut_takes_its_own_line_and_no_other() {
        for (before, behind, left) in [
            ("One.\n", "\nThree.\n\nFour.", "One.\nThree.\n\nFour."),
            ("One.\n\n", "\n\nThree.", "One.\n\nThree."),
            ("One. ", "\nThree.", "One.\nThree."),
            ("One. ", "Three.", "One. Three."),
            ("One.\n", "", "One."),
        ] {
            assert_eq!(without(before, behind), left);
        }
    }
}

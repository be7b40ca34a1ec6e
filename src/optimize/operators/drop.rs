//! The operator `drop`: removes a sentence or a line of the instruction.

use rand::{Rng, RngExt};

use super::input::OperatorInput;
use super::text_operator::{Begun, TextOperator};
use crate::optimize::reflection::unusable::Unusable;
use crate::program::ModuleText;

/// Removes a random sentence or line.
pub(super) struct Drop;

impl TextOperator for Drop {
    fn applies(&self, input: &OperatorInput<'_>) -> bool {
        !removable_parts(input).is_empty()
    }

    fn begin(&self, input: &OperatorInput<'_>, random: &mut dyn Rng) -> Result<Begun, Unusable> {
        let instruction = &input.text.instruction;
        let parts = removable_parts(input);
        let part = parts[random.random_range(0..parts.len())];
        // The parts are slices of the instruction, so the difference of the addresses is the byte offset.
        let at = part.as_ptr() as usize - instruction.as_ptr() as usize;
        let shortened = join_around_cut(&instruction[..at], &instruction[at + part.len()..]);
        // A sentence that must stay can extend over both sides of the cut.
        let is_kept = |keep: &String| shortened.contains(keep.as_str()) || !instruction.contains(keep.as_str());
        let is_allowed = input.module.keep.iter().all(is_kept);
        let instruction = if is_allowed { shortened } else { instruction.clone() };
        Ok(Begun::Text(ModuleText { instruction, ..input.text.clone() }))
    }
}

/// Returns the parts of the instruction that can be removed: sentences, and lines that are a form. The first part states the task
/// and stays. So do lines that end in a colon, forms, and the sentences that the module must keep.
pub(super) fn removable_parts<'a>(input: &OperatorInput<'a>) -> Vec<&'a str> {
    let sentences = |line: &'a str| if is_form(line) { vec![line] } else { line.split_inclusive(". ").collect() };
    let must_stay = |part: &str| input.module.keep.iter().any(|keep| keep.contains(part.trim()) || part.contains(keep.as_str()));
    let all = input.text.instruction.lines().flat_map(sentences).filter(|part| !part.trim().is_empty());
    all.skip(1).filter(|part| !is_form(part) && !must_stay(part)).collect()
}

/// Whether a line introduces what follows it, or is JSON: a part of it alone would be meaningless.
fn is_form(line: &str) -> bool {
    line.trim_end().ends_with(':') || line.trim_start().starts_with(['{', '['])
}

/// Joins the texts before and behind a cut, without the empty line or the second blank line that the cut would leave.
pub(super) fn join_around_cut(before: &str, behind: &str) -> String {
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
    use super::join_around_cut;

    #[test]
    fn a_cut_removes_its_own_line_and_no_other() {
        for (before, behind, joined) in [
            ("One.\n", "\nThree.\n\nFour.", "One.\nThree.\n\nFour."),
            ("One.\n\n", "\n\nThree.", "One.\n\nThree."),
            ("One. ", "\nThree.", "One.\nThree."),
            ("One. ", "Three.", "One. Three."),
            ("One.\n", "", "One."),
        ] {
            assert_eq!(join_around_cut(before, behind), joined);
        }
    }
}

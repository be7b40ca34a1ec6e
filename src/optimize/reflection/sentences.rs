//! The sentences of an instruction, one of which can be removed or replaced.

/// Returns the parts of an instruction that can be removed: sentences, and lines that are a form. The first part states the task
/// and stays. So do lines that end in a colon, forms, and the sentences in `keep`.
#[must_use]
pub fn removable<'a>(instruction: &'a str, keep: &[String]) -> Vec<&'a str> {
    let sentences = |line: &'a str| if is_form(line) { vec![line] } else { line.split_inclusive(". ").collect() };
    let must_stay = |part: &str| keep.iter().any(|keep| keep.contains(part.trim()) || part.contains(keep.as_str()));
    let all = instruction.lines().flat_map(sentences).filter(|part| !part.trim().is_empty());
    all.skip(1).filter(|part| !is_form(part) && !must_stay(part)).collect()
}

/// Whether a line introduces what follows it, or is JSON: a part of it alone would be meaningless.
fn is_form(line: &str) -> bool {
    line.trim_end().ends_with(':') || line.trim_start().starts_with(['{', '['])
}

/// Returns the instruction without one of its [`removable`] parts.
#[must_use]
pub fn without(instruction: &str, part: &str) -> String {
    let (before, behind) = around(instruction, part);
    join_around_cut(before, behind)
}

/// Returns the instruction with a sentence in the place of one of its [`removable`] parts.
#[must_use]
pub fn replaced(instruction: &str, part: &str, sentence: &str) -> String {
    let (before, behind) = around(instruction, part);
    let space = &part[part.trim_end().len()..];
    format!("{before}{sentence}{space}{behind}")
}

/// Returns what stands before and behind a part, which is a slice of the instruction.
fn around<'a>(instruction: &'a str, part: &str) -> (&'a str, &'a str) {
    // The difference of the addresses is the byte offset.
    let at = part.as_ptr() as usize - instruction.as_ptr() as usize;
    (&instruction[..at], &instruction[at + part.len()..])
}

/// Joins the texts before and behind a cut, without the empty line or the second blank line that the cut would leave.
fn join_around_cut(before: &str, behind: &str) -> String {
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

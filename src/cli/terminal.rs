//! Texts that are safe to write to a terminal.

use std::io::Write;

use gepard::event::{Event, Lifecycle};

/// Writes a line to stderr. An error is ignored, so that a run continues where nobody reads its progress.
pub(super) fn print_to_stderr(text: &str) {
    drop(writeln!(std::io::stderr(), "{}", printable(text)));
}

/// Writes what a run notes to stderr, and nothing of its other events.
pub(super) fn print_notes(event: &Event) {
    if let Event::Lifecycle(Lifecycle::Noted { note }) = event {
        print_to_stderr(&format!("note: {note}"));
    }
}

/// Replaces characters by U+FFFD that could change more of a terminal than the text itself: control characters (C0, DEL and C1,
/// so that no escape sequence survives) and characters that change the direction of text. Line breaks and tabs stay.
pub(super) fn printable(text: &str) -> String {
    let is_safe = |c: char| matches!(c, '\n' | '\t') || !(c.is_control() || changes_direction(c));
    text.chars().map(|c| if is_safe(c) { c } else { '\u{fffd}' }).collect()
}

/// Replaces what [`printable`] replaces, and every run of white space by one space.
pub(super) fn one_line(text: &str) -> String {
    printable(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns whether a character is a mark, embedding, override or isolate of Unicode's bidirectional algorithm, or a separator of
/// lines or paragraphs.
fn changes_direction(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_sequences_do_not_reach_the_terminal() {
        assert_eq!(printable("a\x1b[31mb\u{9b}c\nd\te\r\x07\x7f"), "a\u{fffd}[31mb\u{fffd}c\nd\te\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(printable("\x1b]0;title\x07"), "\u{fffd}]0;title\u{fffd}");
        assert_eq!(printable("\u{202e}txt.exe\u{2066}"), "\u{fffd}txt.exe\u{fffd}");
    }

    #[test]
    fn text_of_any_language_is_unchanged() {
        for text in ["Grüße, 你好, नमस्ते", "שלום", "👩‍👩‍👧", "e\u{301}"] {
            assert_eq!(printable(text), text);
        }
    }

    #[test]
    fn one_line_has_no_line_breaks() {
        assert_eq!(one_line(" a\n\n b\x1b[2J\tc "), "a b\u{fffd}[2J c");
    }

    proptest::proptest! {
        #[test]
        fn no_control_character_is_left(text in ".{0,200}") {
            let shown = printable(&text);
            proptest::prop_assert!(shown.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()));
            proptest::prop_assert_eq!(shown.chars().count(), text.chars().count());
        }
    }
}

//! What may reach a terminal.

/// Text of a model or a file, safe for a terminal: control characters (C0, DEL and C1, so no escape sequence survives), and
/// those that turn the direction of text around, become U+FFFD. Line breaks and tabs stay.
pub(super) fn printable(text: &str) -> String {
    let is_safe = |c: char| matches!(c, '\n' | '\t') || !(c.is_control() || turns_around(c));
    text.chars().map(|c| if is_safe(c) { c } else { '\u{fffd}' }).collect()
}

/// The same in one line.
pub(super) fn one_line(text: &str) -> String {
    printable(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Marks, embeddings, overrides and isolates of the bidirectional algorithm, and the separators of lines and paragraphs.
fn turns_around(c: char) -> bool {
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
    fn text_of_any_language_stays() {
        for text in ["Grüße, 你好, नमस्ते", "שלום", "👩‍👩‍👧", "e\u{301}"] {
            assert_eq!(printable(text), text);
        }
    }

    #[test]
    fn one_line_is_one() {
        assert_eq!(one_line(" a\n\n b\x1b[2J\tc "), "a b\u{fffd}[2J c");
    }

    proptest::proptest! {
        #[test]
        fn nothing_moves_the_cursor(text in ".{0,200}") {
            let shown = printable(&text);
            proptest::prop_assert!(shown.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()));
            proptest::prop_assert_eq!(shown.chars().count(), text.chars().count());
        }
    }
}

//! The way to a terminal: nothing that a model, a file or a name says moves its cursor.

use std::io::{Result, Write};

use serde::Serialize;

use super::terminal::printable;

/// A writer to a terminal, through which only what is [`printable`] passes.
pub(super) struct Screen<W> {
    inner: W,
    /// The beginning of a character that is not whole yet.
    rest: Vec<u8>,
}

impl<W: Write> Screen<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, rest: Vec::new() }
    }

    fn pass(&mut self, count: usize) -> Result<()> {
        let text = printable(&String::from_utf8_lossy(&self.rest[..count]));
        self.inner.write_all(text.as_bytes())?;
        self.rest.drain(..count);
        Ok(())
    }
}

impl<W: Write> Write for Screen<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.rest.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.rest) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.rest.len(),
        };
        self.pass(whole)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        self.pass(self.rest.len())?;
        self.inner.flush()
    }
}

/// A value as JSON in one line, whose texts have escapes for whatever is not printable: the same value to who reads it, and
/// harmless to a terminal.
pub(super) fn json(value: &impl Serialize) -> Result<String> {
    let mut out = String::new();
    let mut buffer = [0; 2];
    for letter in serde_json::to_string(value)?.chars() {
        // All that is not ASCII stands within a text.
        if printable(letter.encode_utf8(&mut [0; 4])).starts_with(letter) {
            out.push(letter);
        } else {
            letter.encode_utf16(&mut buffer).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(pieces: &[&[u8]]) -> String {
        let mut screen = Screen::new(Vec::new());
        pieces.iter().for_each(|piece| screen.write_all(piece).unwrap());
        screen.flush().unwrap();
        String::from_utf8(screen.inner).unwrap()
    }

    #[test]
    fn what_moves_the_cursor_does_not_pass_in_pieces_either() {
        assert_eq!(shown(&[b"a\x1b", b"[2Jb\n"]), "a\u{fffd}[2Jb\n");
        // A C1 control character and a letter, cut in two.
        assert_eq!(shown(&[b"\xc2", b"\x9b31m \xc3", b"\xbc"]), "\u{fffd}31m ü");
        assert_eq!(shown(&[b"\xff\xc3"]), "\u{fffd}\u{fffd}");
    }

    #[test]
    fn json_is_the_same_value_and_harmless() {
        let value = serde_json::json!({ "a\u{9b}": ["\x1b[2J", "ü\u{202e}\u{7f}😀\u{fffd}"] });
        let text = json(&value).unwrap();
        assert_eq!(text, r#"{"a\u009b":["\u001b[2J","ü\u202e\u007f😀�"]}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    proptest! {
        #[test]
        fn any_text_passes_as_if_it_were_one_piece(text in ".{0,40}", cut in 0..40_usize) {
            let (first, second) = text.as_bytes().split_at(cut.min(text.len()));
            prop_assert_eq!(shown(&[first, second]), printable(&text));
            let there_and_back: String = serde_json::from_str(&json(&text).unwrap()).unwrap();
            prop_assert_eq!(there_and_back, text);
        }
    }
}

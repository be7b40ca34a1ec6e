//! Output to a terminal that no text of a model, a file or a name can use to move the cursor.

use std::io::{Result, Write};

use serde::Serialize;

use super::terminal::printable;

/// A writer to a terminal that replaces every character that is not [`printable`].
pub(super) struct PrintableWriter<W> {
    inner: W,
    /// Bytes at the end that do not form a whole character yet.
    incomplete: Vec<u8>,
}

impl<W: Write> PrintableWriter<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, incomplete: Vec::new() }
    }

    /// Writes the first `count` buffered bytes.
    fn write_buffered(&mut self, count: usize) -> Result<()> {
        let text = printable(&String::from_utf8_lossy(&self.incomplete[..count]));
        self.inner.write_all(text.as_bytes())?;
        self.incomplete.drain(..count);
        Ok(())
    }
}

impl<W: Write> Write for PrintableWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.incomplete.extend_from_slice(bytes);
        let complete = match std::str::from_utf8(&self.incomplete) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.incomplete.len(),
        };
        self.write_buffered(complete)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        self.write_buffered(self.incomplete.len())?;
        self.inner.flush()
    }
}

/// Returns a value as one line of JSON in which every character that is not [`printable`] is escaped. A JSON parser reads the
/// same value, and a terminal shows it without harm.
pub(super) fn printable_json(value: &impl Serialize) -> Result<String> {
    let mut out = String::new();
    let mut buffer = [0; 2];
    for letter in serde_json::to_string(value)?.chars() {
        // A character that is not ASCII can only be part of a JSON string, where an escape is allowed.
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

    fn written(pieces: &[&[u8]]) -> String {
        let mut writer = PrintableWriter::new(Vec::new());
        pieces.iter().for_each(|piece| writer.write_all(piece).unwrap());
        writer.flush().unwrap();
        String::from_utf8(writer.inner).unwrap()
    }

    #[test]
    fn control_characters_are_replaced_even_when_written_in_pieces() {
        assert_eq!(written(&[b"a\x1b", b"[2Jb\n"]), "a\u{fffd}[2Jb\n");
        // A C1 control character and a letter, each written in two pieces.
        assert_eq!(written(&[b"\xc2", b"\x9b31m \xc3", b"\xbc"]), "\u{fffd}31m ü");
        assert_eq!(written(&[b"\xff\xc3"]), "\u{fffd}\u{fffd}");
    }

    #[test]
    fn printable_json_is_the_same_value() {
        let value = serde_json::json!({ "a\u{9b}": ["\x1b[2J", "ü\u{202e}\u{7f}😀\u{fffd}"] });
        let text = printable_json(&value).unwrap();
        assert_eq!(text, r#"{"a\u009b":["\u001b[2J","ü\u202e\u007f😀�"]}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    proptest! {
        #[test]
        fn any_text_is_written_as_if_it_were_one_piece(text in ".{0,40}", cut in 0..40_usize) {
            let (first, second) = text.as_bytes().split_at(cut.min(text.len()));
            prop_assert_eq!(written(&[first, second]), printable(&text));
            let there_and_back: String = serde_json::from_str(&printable_json(&text).unwrap()).unwrap();
            prop_assert_eq!(there_and_back, text);
        }
    }
}

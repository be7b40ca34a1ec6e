//! Files in which a backslash stands before a quote inside quotes, as Spark, MySQL and Python's `escapechar` write them.

/// Where a byte of a file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the beginning of a value.
    Start,
    /// In a value without quotes.
    Plain,
    /// Inside quotes.
    Quoted,
    /// Inside quotes, behind a backslash.
    Escaped,
    /// Behind a quote that may close the value, or be the first of a doubled one.
    Closed {
        /// Whether a backslash stood before the quote.
        after_backslash: bool,
    },
}

/// Follows the quotes of a file, byte by byte.
#[derive(Debug)]
pub(super) struct Quotes {
    separator: u8,
    place: Place,
}

impl Quotes {
    /// Begins at the beginning of a row.
    pub(super) fn new(separator: u8) -> Self {
        Self { separator, place: Place::Start }
    }

    /// Takes the next byte. Whether it stands behind a backslash inside quotes.
    pub(super) fn is_escaped(&mut self, byte: u8) -> bool {
        let is_escaped = self.place == Place::Escaped;
        self.place = match (self.place, byte) {
            (Place::Escaped, _) | (Place::Closed { .. } | Place::Start, b'"') => Place::Quoted,
            (Place::Quoted, b'\\') => Place::Escaped,
            (Place::Quoted, b'"') => Place::Closed { after_backslash: false },
            (Place::Quoted, _) => Place::Quoted,
            (_, byte) if self.ends_value(byte) => Place::Start,
            _ => Place::Plain,
        };
        is_escaped
    }

    fn ends_value(&self, byte: u8) -> bool {
        byte == self.separator || matches!(byte, b'\r' | b'\n')
    }
}

/// Whether a file, of which these are the first bytes, has backslashes before quotes. They tell themselves apart from doubled quotes
/// by a quote behind an odd number of backslashes that neither ends its value nor is doubled.
pub(super) fn has_backslashes(bytes: &[u8], separator: u8) -> bool {
    if memchr::memmem::find(bytes, b"\\\"").is_none() {
        return false;
    }
    let mut quotes = Quotes::new(separator);
    let mut backslashes = 0_usize;
    for &byte in bytes {
        // A backslash is read as any other byte here.
        let next = match (quotes.place, byte) {
            (Place::Quoted, b'\\') => Place::Quoted,
            (Place::Quoted, b'"') => Place::Closed { after_backslash: backslashes % 2 == 1 },
            (Place::Closed { after_backslash: true }, byte) if byte != b'"' && !quotes.ends_value(byte) => return true,
            _ => {
                quotes.is_escaped(byte);
                quotes.place
            }
        };
        quotes.place = next;
        backslashes = if byte == b'\\' { backslashes + 1 } else { 0 };
    }
    false
}

/// Two characters that stand for an escaped quote and an escaped backslash while a row is split.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks([char; 2]);

impl Marks {
    /// Returns marks that the text does not have.
    pub(super) fn absent_from(text: &str) -> Self {
        // Noncharacters: no text is meant to have them, but it may.
        let mut free = ('\u{fdd0}'..='\u{fdef}').filter(|mark| !text.contains(*mark));
        Self([free.next().unwrap_or('\u{fdd0}'), free.next().unwrap_or('\u{fdd1}')])
    }

    /// Replaces the marks by the characters that they stand for.
    pub(super) fn replaced(self, value: &str) -> String {
        value.replace(self.0[0], "\"").replace(self.0[1], "\\")
    }
}

/// Returns a row with marks in place of escaped quotes and escaped backslashes. Any other backslash stays.
pub(super) fn marked(text: &str, separator: u8, marks: Marks) -> String {
    let mut quotes = Quotes::new(separator);
    let mut marked = String::with_capacity(text.len());
    for letter in text.chars() {
        let is_escaped = quotes.is_escaped(u8::try_from(letter).ok().filter(u8::is_ascii).unwrap_or(b'x'));
        let mark = match letter {
            '"' => Some(marks.0[0]),
            '\\' => Some(marks.0[1]),
            _ => None,
        };
        match mark.filter(|_| is_escaped) {
            Some(mark) => {
                marked.pop();
                marked.push(mark);
            }
            None => marked.push(letter),
        }
    }
    marked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backslashes_before_quotes_are_told_from_doubled_quotes() {
        for (text, wanted) in [
            (r#""he said \"no\" twice",b"#, true),
            (r#""\"no\"",b"#, true),
            (r#"a,"{\"k\": \"v\"}""#, true),
            (r#""ends in C:\","next""#, false),
            ("\"C:\\\"\n\"D:\\\"\n", false),
            (r#""{""k"": ""x\""y""}",b"#, false),
            (r#"plain \"quotes\" here,b"#, false),
            (r#""two \\",b"#, false),
            (r#""a ""b"" c",d"#, false),
        ] {
            assert_eq!(has_backslashes(text.as_bytes(), b','), wanted, "{text}");
        }
    }
}

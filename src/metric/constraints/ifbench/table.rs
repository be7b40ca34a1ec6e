//! Reads separated values as Python's `csv.reader` does.

/// Where the reader is within a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before the first field of a row.
    Row,
    /// Before a field.
    Field,
    /// In a field without quotation marks.
    Plain,
    /// In a field with quotation marks.
    Quoted,
    /// After a quotation mark in such a field.
    Quote,
    /// After the end of a row, in what is left of its line.
    End,
}

/// What one character, or the end of a line, does to the row that is being read.
#[derive(Default)]
struct Row {
    fields: Vec<String>,
    field: String,
}

impl Row {
    fn save(&mut self) {
        self.fields.push(std::mem::take(&mut self.field));
    }

    /// Reads a character. None stands for the end of a line without its line break. Returns the state after it, or None where
    /// Python raises an error.
    fn read(&mut self, at: At, c: Option<char>, delimiter: char) -> Option<At> {
        let is_break = matches!(c, Some('\n' | '\r') | None);
        let after_row = if c.is_none() { At::Row } else { At::End };
        Some(match (at, c) {
            (At::Row, None) => At::Row,
            (At::Row, Some('\n' | '\r')) => At::End,
            (At::Row | At::Field | At::Plain | At::Quote, _) if is_break => {
                self.save();
                after_row
            }
            (At::Row | At::Field, Some('"')) => At::Quoted,
            (At::Row | At::Field | At::Plain | At::Quote, Some(c)) if c == delimiter => {
                self.save();
                At::Field
            }
            (At::Quoted, None) => At::Quoted,
            (At::Quoted, Some('"')) => At::Quote,
            (At::Quoted | At::Quote, Some(c)) if at == At::Quoted || c == '"' => {
                self.field.push(c);
                At::Quoted
            }
            (At::End, None) => At::Row,
            (At::End, Some(_)) if is_break => At::End,
            (At::End, Some(_)) => return None,
            (_, Some(c)) => {
                self.field.push(c);
                At::Plain
            }
            (_, None) => At::Row,
        })
    }
}

/// Returns the rows of a text. An empty line is a row without fields. None where a line has a carriage return in its middle.
pub(super) fn rows(text: &str, delimiter: char) -> Option<Vec<Vec<String>>> {
    let (mut rows, mut row, mut at) = (Vec::new(), Row::default(), At::Row);
    for line in text.split_inclusive('\n') {
        for c in line.chars() {
            at = row.read(at, Some(c), delimiter)?;
        }
        at = row.read(at, None, delimiter)?;
        if at == At::Row {
            rows.push(std::mem::take(&mut row.fields));
        }
    }
    // The text ends within quotation marks.
    if at == At::Quoted {
        row.save();
        rows.push(row.fields);
    }
    Some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_in_python() {
        let read = |text: &str| rows(text, ',').map(|rows| rows.iter().map(|row| row.join("|")).collect::<Vec<_>>().join("/"));
        for (text, wanted) in [
            ("a,b\nc,d", Some("a|b/c|d")),
            ("a,\n\n,b\r\n", Some("a|//|b")),
            ("\"a,\"\"b\"\"\",\"c\nd\"", Some("a,\"b\"|c\nd")),
            ("\"a\"b,c\"d\"", Some("ab|c\"d\"")),
            ("\"open,\nend", Some("open,\nend")),
            ("a\rb", None),
            ("a\r\r\nb", Some("a/b")),
        ] {
            assert_eq!(read(text).as_deref(), wanted, "{text:?}");
        }
    }
}

//! CSV and TSV files: the first row names the fields, and all values are text.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;

use csv::{ByteRecord, Reader, ReaderBuilder, StringRecord};
use serde_json::{Map, Value};

use super::row::{LONGEST_ROW, Row};
use super::source::Source;
use super::wording::counted;

/// How the rows of a CSV file are read: its separator and the names of its fields.
#[derive(Debug)]
pub(super) struct Csv {
    separator: u8,
    fields: Vec<String>,
}

/// Why the rows of a file cannot be found.
pub(super) enum CsvError {
    /// The file cannot be read.
    Read(io::Error),
    /// A row cannot be used.
    Row {
        /// The line of the row, counted from 1.
        line: usize,
        /// What is wrong with the row, and what would be right.
        cause: String,
    },
}

impl From<io::Error> for CsvError {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// Returns a reader that accepts rows with any number of values.
fn reader<R: Read>(separator: u8, capacity: usize, from: R) -> Reader<R> {
    ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator)
        .buffer_capacity(capacity.clamp(1, 1 << 16))
        .from_reader(from)
}

impl Csv {
    /// Returns the separator of a file with the ending `.csv` or `.tsv`. None for any other ending.
    pub(super) fn separator(path: &Path) -> Option<u8> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "csv" => Some(b','),
            "tsv" => Some(b'\t'),
            _ => None,
        }
    }

    /// Reads the header, which begins at the byte `start`, and finds the first `limit` rows below it. The values of these rows are
    /// not read.
    ///
    /// # Errors
    /// [`CsvError`] if the file cannot be read, its first row cannot name fields, or a row is too long.
    pub(super) fn read(separator: u8, source: &Source, start: usize, limit: usize) -> Result<(Self, Vec<Row>), CsvError> {
        let first = find_rows(separator, source, start, 1)?;
        let header = first.first().map(|&Row { start, end, .. }| source.bytes(start, end)).transpose()?;
        // Where the comma is the decimal mark, as in much of Europe, spreadsheets separate the values by semicolons.
        let has_semicolons = header.as_ref().is_some_and(|names| names.contains(&b';') && !names.contains(&b','));
        let separator = if separator == b',' && has_semicolons { b';' } else { separator };
        let rows = find_rows(separator, source, start, limit.saturating_add(1))?;
        Self::from_header(separator, rows, header.as_deref())
    }

    /// Takes the header from the front of `rows`.
    fn from_header(separator: u8, mut rows: Vec<Row>, header: Option<&[u8]>) -> Result<(Self, Vec<Row>), CsvError> {
        let Some(header) = header else {
            return Ok((Self { separator, fields: Vec::new() }, rows));
        };
        let line = rows.remove(0).line;
        let bad_header = |cause: String| CsvError::Row { line, cause };
        let header = std::str::from_utf8(header).map_err(|_| bad_header(NOT_UTF8.to_owned()))?;
        let names = record(separator, header).map_err(bad_header)?;
        let fields: Vec<String> = names.iter().map(|name| name.trim().to_owned()).collect();
        check_names(separator, &fields).map_err(bad_header)?;
        Ok((Self { separator, fields }, rows))
    }

    /// Returns the fields of a row.
    ///
    /// # Errors
    /// A message if the row does not have one value for each field.
    pub(super) fn fields(&self, text: &str) -> Result<Map<String, Value>, String> {
        // After an odd number of quotes, the reader takes the lines below for a part of this row.
        if text.contains('\n') && text.matches('"').count() % 2 == 1 {
            return Err("a double quote that is opened in this row is not closed; write `\"\"` for one inside quotes".into());
        }
        let record = record(self.separator, text)?;
        if record.len() != self.fields.len() {
            let separator = match self.separator {
                b'\t' => "tab",
                b';' => "semicolon",
                _ => "comma",
            };
            return Err(format!(
                "the row has {}, the first row names {}; a value with a {separator}, a quote or a line break in it must stand in \
                 double quotes",
                counted(record.len(), "value"),
                counted(self.fields.len(), "field")
            ));
        }
        if record.iter().all(|value| value.trim().is_empty()) {
            return Err("the row has no values; remove it".into());
        }
        Ok(self.fields.iter().cloned().zip(record.iter().map(Value::from)).collect())
    }
}

const NOT_UTF8: &str = "the names of the fields are not UTF-8; save the file as UTF-8";

/// Returns the values of one row.
fn record(separator: u8, text: &str) -> Result<StringRecord, String> {
    let mut record = StringRecord::new();
    reader(separator, text.len(), text.as_bytes()).read_record(&mut record).map_err(|error| error.to_string())?;
    Ok(record)
}

/// Refuses a header without names, with the same name twice, or with another separator.
fn check_names(separator: u8, fields: &[String]) -> Result<(), String> {
    if let [only] = fields
        && let Some(other) = [';', '\t', ','].into_iter().find(|&other| other != char::from(separator) && only.contains(other))
    {
        let remedy = match (other, separator) {
            ('\t', _) => "end its name in .tsv",
            (',', _) => "end its name in .csv",
            _ => "end its name in .csv, or save it with tabs between the values",
        };
        return Err(format!("the first row names one field, `{only}`; if {other:?} stands between the values, {remedy}"));
    }
    for (index, name) in fields.iter().enumerate() {
        if name.is_empty() {
            return Err(format!("column {} has no name; the first row must name all fields", index + 1));
        }
        if fields[..index].contains(name) {
            return Err(format!("two columns are called `{name}`; rename one of them"));
        }
    }
    Ok(())
}

/// A reader that also stores the bytes that were read since the end of the last row. So no row has to be read twice to know its
/// content. It fails as soon as a row is longer than [`LONGEST_ROW`].
struct RecordingReader<R> {
    from: R,
    recorded: Rc<RefCell<VecDeque<u8>>>,
}

impl<R: Read> Read for RecordingReader<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut recorded = self.recorded.borrow_mut();
        if is_too_long(&recorded) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let count = self.from.read(bytes)?;
        recorded.extend(&bytes[..count]);
        Ok(count)
    }
}

/// Whether the bytes are more than one row can have. The reader's buffer may hold 128 KB beyond the row.
fn is_too_long(recorded: &VecDeque<u8>) -> bool {
    recorded.len() > LONGEST_ROW + (1 << 17)
}

/// Finds the first `limit` rows, the header included. A line break inside quotes does not end a row. Blank lines are no rows.
fn find_rows(separator: u8, source: &Source, start: usize, limit: usize) -> Result<Vec<Row>, CsvError> {
    let mut rows: Vec<Row> = Vec::new();
    let recorded = Rc::new(RefCell::new(VecDeque::new()));
    let recording = RecordingReader { from: source.reader_from(start), recorded: Rc::clone(&recorded) };
    let mut reader = reader(separator, usize::MAX, recording);
    let mut record = ByteRecord::new();
    let (mut after, mut line) = (start, 1);
    let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
    while rows.len() < limit {
        let before = after;
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) if is_too_long(&recorded.borrow()) => {
                let megabytes = LONGEST_ROW >> 20;
                let cause = format!("the row has more than {megabytes} MB; is a double quote opened in it and not closed?");
                return Err(CsvError::Row { line, cause });
            }
            Err(error) => return Err(io::Error::other(error).into()),
        }
        after = start + usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
        let row: Vec<u8> = recorded.borrow_mut().drain(..after - before).collect();
        let leading = row.iter().take_while(|byte| is_break(byte)).count();
        let trailing = row[leading..].iter().rev().take_while(|byte| is_break(byte)).count();
        let lines_above = memchr::memchr_iter(b'\n', &row[..leading]).count();
        if !row[leading..row.len() - trailing].iter().all(u8::is_ascii_whitespace) {
            rows.push(Row { start: before + leading, end: after - trailing, line: line + lines_above });
        }
        line += lines_above + memchr::memchr_iter(b'\n', &row[leading..]).count();
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use crate::data::dataset::Dataset;
    use crate::data::error::DataError;

    fn dataset(ending: &str, content: &[u8], limit: Option<usize>) -> Result<Dataset, DataError> {
        let mut file = tempfile::Builder::new().suffix(ending).tempfile().unwrap();
        file.write_all(content).unwrap();
        Dataset::open(file.path(), limit)
    }

    fn texts(data: &Dataset, field: &str) -> Vec<String> {
        data.check(&[field.to_owned()]).unwrap().iter().map(|row| row.text(field).unwrap()).collect()
    }

    #[test]
    fn the_first_row_names_the_fields_and_all_values_are_text() {
        let content = b"\xef\xbb\xbfid,message, label \r\n7,\"one, \"\"two\"\"\r\nthree\",007\r\n\r\n  8,,true";
        let data = dataset(".csv", content, None).unwrap();
        let rows = data.check(&["message".into(), "label".into()]).unwrap();
        assert_eq!(rows[0].id, "7");
        assert_eq!(rows[0].text("message").unwrap(), "one, \"two\"\r\nthree");
        assert_eq!(rows[0].fields["label"], "007");
        assert_eq!(
            (rows[1].id.as_str(), &rows[1].fields["message"], &rows[1].fields["label"]),
            ("  8", &"".into(), &"true".into())
        );
        assert_eq!(data.id(1).unwrap(), "  8");
    }

    #[test]
    fn lines_are_counted_as_an_editor_does() {
        for line_break in ["\n", "\r\n"] {
            let content = ["text", "\"a", "b\"", "", "c"].join(line_break);
            let data = dataset(".CSV", content.as_bytes(), None).unwrap();
            let ids: Vec<String> = data.check(&[]).unwrap().into_iter().map(|row| row.id).collect();
            assert_eq!(ids, ["line-2", "line-5"], "{line_break:?}");
        }
    }

    #[test]
    fn tabs_separate_by_the_name_s_ending() {
        assert_eq!(texts(&dataset(".tsv", b"a\tb\n1,2\t3", None).unwrap(), "a"), ["1,2"]);
    }

    #[test]
    fn semicolons_separate_where_the_header_has_them_and_no_comma() {
        let data = dataset(".csv", b"a;b\n1,5;\"x;y\"\n", None).unwrap();
        assert_eq!((texts(&data, "a"), texts(&data, "b")), (vec!["1,5".to_owned()], vec!["x;y".to_owned()]));
        assert_eq!(texts(&dataset(".csv", b"a;b,c\n1,2\n", None).unwrap(), "a;b"), ["1"]);
    }

    #[test]
    fn a_quote_that_is_never_closed_does_not_take_all_memory() {
        let content = ["a,b\n1,\"x\n", &"3,4\n".repeat(5 << 20)].concat();
        let error = dataset(".csv", content.as_bytes(), None).unwrap_err().to_string();
        assert!(error.contains(":2: the row has more than 16 MB; is a double quote opened"), "{error}");
    }

    #[test]
    fn errors_name_the_line() {
        for (content, line, says) in [
            (&b"a,b\n1,2\n1\n"[..], 3, "the row has 1 value, the first row names 2 fields; a value with a comma"),
            (b"a,b\n\"1,2\n3,4\n5,6\n", 2, "a double quote that is opened in this row is not closed"),
            (b"a,b\n1,\"x\n3,4\n", 2, "not closed"),
            (b"a;b\n1;2\n3\n", 3, "the row has 1 value, the first row names 2 fields; a value with a semicolon"),
            (b"a\tb\n1\t2\n", 1, "end its name in .tsv"),
            (b"a,a\n1,2\n", 1, "two columns are called `a`"),
            (b"\na,\n1,2\n", 2, "column 2 has no name"),
            (b"a,b\n,\n", 2, "the row has no values"),
            (b"a\xe4,b\n1,2\n", 1, "the names of the fields are not UTF-8"),
            (b"a,b\n1,2\n1,\xfc\n", 3, "not UTF-8 at byte 3 of the row; save the file as UTF-8"),
            (b"id,a\n1,2\n1,3\n", 3, "the id `1` stands in line 2 already"),
            (b"id,b\n1,2\n", 2, "the field `a` is missing; the row has `id`, `b`"),
        ] {
            let error = dataset(".csv", content, None).and_then(|data| data.check(&["a".into()])).unwrap_err();
            let DataError::Row { line: at, cause, .. } = &error else { panic!("{error}") };
            assert_eq!(*at, line, "{error}");
            assert!(cause.contains(says), "{cause}");
        }
    }

    #[test]
    fn a_limit_leaves_the_rest_unread() {
        let data = dataset(".csv", b"a,b\n1,2\n3\n", Some(1)).unwrap();
        assert_eq!(texts(&data, "a"), ["1"]);
        assert!(dataset(".csv", b"", None).unwrap().is_empty());
        assert!(dataset(".csv", b"a,b\n", None).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_back(
            rows in prop::collection::vec(("[a-z\",;\n\r ]{0,12}", "[\\PC\n]{0,12}x"), 0..8),
            crlf in any::<bool>(),
        ) {
            let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
            let mut writer = csv::WriterBuilder::new().terminator(terminator).from_writer(Vec::new());
            writer.write_record(["a", "b"]).unwrap();
            rows.iter().for_each(|(a, b)| writer.write_record([a, b]).unwrap());
            let data = dataset(".csv", &writer.into_inner().unwrap(), None).unwrap();
            prop_assert_eq!(texts(&data, "a"), rows.iter().map(|(a, _)| a.clone()).collect::<Vec<_>>());
            prop_assert_eq!(texts(&data, "b"), rows.iter().map(|(_, b)| b.clone()).collect::<Vec<_>>());
        }
    }
}

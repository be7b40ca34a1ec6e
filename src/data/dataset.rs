//! A file of examples. The positions of its rows are found when it is opened; a row is read when it is needed.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::csv::{Csv, CsvError};
use super::error::DataError;
use super::example::Example;
use super::foreign;
use super::json_file;
use super::jsonl;
use super::row::{LONGEST_ROW, Row};
use super::source::Source;

/// A file of examples and the positions of its rows. A file is read as CSV or TSV if its name ends so, and as JSONL otherwise.
#[derive(Debug)]
pub struct Dataset {
    path: PathBuf,
    source: Source,
    format: Format,
    rows: Vec<Row>,
}

/// The format of a file.
#[derive(Debug)]
enum Format {
    Jsonl,
    Csv(Csv),
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Dataset {
    /// Opens the file at `path` and finds its rows, or only the first `limit` of them. Blank lines are no rows. A byte order mark
    /// and carriage returns are skipped.
    ///
    /// # Errors
    /// [`DataError::Read`] if the file cannot be read. [`DataError::Format`] if it is no text. [`DataError::Row`] if the first row of a CSV file cannot name fields.
    pub fn open(path: &Path, limit: Option<usize>) -> Result<Self, DataError> {
        let unreadable = |cause| DataError::Read { path: path.to_owned(), cause };
        // Checked before opening, because opening a named pipe would wait for a writer.
        let metadata = std::fs::metadata(path).map_err(unreadable)?;
        if !metadata.is_file() {
            let kind = if metadata.is_dir() { ErrorKind::IsADirectory } else { ErrorKind::InvalidInput };
            return Err(unreadable(Error::new(kind, "it is no regular file; give a file of examples")));
        }
        let source = Source::open(path).map_err(unreadable)?;
        if let Some(what) = foreign::format(&source.beginning(foreign::BYTES).map_err(unreadable)?) {
            return Err(DataError::Format { path: path.to_owned(), what });
        }
        let has_mark = source.beginning(BYTE_ORDER_MARK.len()).map_err(unreadable)? == BYTE_ORDER_MARK;
        let start = if has_mark { BYTE_ORDER_MARK.len() } else { 0 };
        let limit = limit.unwrap_or(usize::MAX);
        let (format, rows) = match Csv::separator(path) {
            None => (Format::Jsonl, jsonl::find_rows(source.reader_from(start), start, limit).map_err(unreadable)?),
            Some(separator) => {
                let (csv, rows) = Csv::read(separator, &source, start, limit).map_err(|error| match error {
                    CsvError::Read(cause) => unreadable(cause),
                    CsvError::Row { line, cause } => DataError::Row { path: path.to_owned(), line, cause },
                })?;
                (Format::Csv(csv), rows)
            }
        };
        Ok(Self { path: path.to_owned(), source, format, rows })
    }

    /// Returns the path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Reads the row at `index`, counted from 0.
    ///
    /// # Errors
    /// [`DataError::Row`] if the row is not UTF-8, is no JSON object or does not have one CSV value for each field, if its `id` is
    /// neither text nor a number, or if `index` is past the end.
    pub fn get(&self, index: usize) -> Result<Example, DataError> {
        let (line, text) = self.text(index)?;
        let fields = match &self.format {
            Format::Jsonl => jsonl::fields(&text, line).map_err(|cause| self.form(index).unwrap_or(cause)),
            Format::Csv(csv) => csv.fields(&text),
        };
        let fields = fields.map_err(|cause| self.bad_row(line, cause))?;
        let id = match fields.get("id") {
            None => format!("line-{line}"),
            Some(Value::String(id)) => id.clone(),
            Some(Value::Number(id)) => id.to_string(),
            Some(other) => {
                return Err(self.bad_row(line, format!("`id` must be text or a number, not {other}")));
            }
        };
        Ok(Example { id, fields })
    }

    /// Explains why a row is no JSON object by the form of the whole file. None if its first row is one, or if the file has no
    /// other form.
    fn form(&self, index: usize) -> Option<String> {
        let is_first = index == 0 || jsonl::fields(&self.text(0).ok()?.1, 1).is_err();
        if is_first { json_file::explanation(self.source.reader_from(0)) } else { None }
    }

    /// Explains how the only row of a file of JSONL holds a table of at least `fewest` rows. None if the file has more rows, or if
    /// its row holds none.
    #[must_use]
    pub fn table_in_only_row(&self, fewest: usize) -> Option<DataError> {
        let (Format::Jsonl, [only]) = (&self.format, self.rows.as_slice()) else { return None };
        json_file::table_in(&self.get(0).ok()?.fields, fewest).map(|cause| self.bad_row(only.line, cause))
    }

    /// Reads the id of the row at `index`. Of a row of JSONL, no other field is built.
    ///
    /// # Errors
    /// [`DataError::Row`] under the same conditions as in [`Dataset::get`].
    pub fn id(&self, index: usize) -> Result<String, DataError> {
        if let Format::Jsonl = &self.format
            && let (_, text) = self.text(index)?
            && let Some(id) = jsonl::id(&text)
        {
            return Ok(id.into_owned());
        }
        self.get(index).map(|example| example.id)
    }

    /// Reads a row: its line, counted from 1, and its text.
    fn text(&self, index: usize) -> Result<(usize, String), DataError> {
        let Some(&Row { start, end, line }) = self.rows.get(index) else {
            return Err(self.bad_row(0, format!("there is no row {index} among {}", self.rows.len())));
        };
        if end - start > LONGEST_ROW {
            let cause = format!("the row has more than {} MB, which no model reads; write one row a line", LONGEST_ROW >> 20);
            return Err(self.bad_row(line, cause));
        }
        let bytes =
            self.source.bytes(start, end).map_err(|cause| self.bad_row(line, format!("it cannot be read any more: {cause}")))?;
        let text = String::from_utf8(bytes).map_err(|e| {
            let at = e.utf8_error().valid_up_to() + 1;
            self.bad_row(line, format!("not UTF-8 at byte {at} of the row; save the file as UTF-8"))
        })?;
        Ok((line, text))
    }

    /// Returns the SHA-256 of the file's bytes, in hexadecimal.
    ///
    /// # Errors
    /// [`DataError::Read`] if the file can no longer be read.
    pub fn sha256(&self) -> Result<String, DataError> {
        self.source.sha256().map_err(|cause| DataError::Read { path: self.path.clone(), cause })
    }

    /// Returns an error about the row at `index`.
    pub(super) fn unusable(&self, index: usize, cause: String) -> DataError {
        self.bad_row(self.line(index), cause)
    }

    /// Returns the line in which the row at `index` begins, counted from 1. 0 if there is no such row.
    pub(super) fn line(&self, index: usize) -> usize {
        self.rows.get(index).map_or(0, |row| row.line)
    }

    fn bad_row(&self, line: usize, cause: String) -> DataError {
        DataError::Row { path: self.path.clone(), line, cause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::strategy::Strategy;
    use std::io::Write;

    fn dataset(content: &[u8]) -> Dataset {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        Dataset::open(file.path(), None).unwrap()
    }

    proptest::proptest! {
        /// Of any bytes, as JSONL and as CSV: rows, or an error with the file's name and a line.
        #[test]
        fn any_file_is_read_or_refused_with_its_line(
            pieces in proptest::collection::vec(proptest::prop_oneof![
                proptest::sample::select(vec!["{\"id\": 1}\n", "{", "}", "\"", "\"q\": ", "[", "]", ",", "\n", "\r\n", ";", "\\u00", "\u{feff}", "1e999"])
                    .prop_map(|piece| piece.as_bytes().to_vec()),
                proptest::collection::vec(proptest::num::u8::ANY, 0..6),
            ], 0..24),
            is_csv: bool,
        ) {
            let mut file = tempfile::Builder::new().suffix(if is_csv { ".csv" } else { ".jsonl" }).tempfile().unwrap();
            file.write_all(&pieces.concat()).unwrap();
            let name = file.path().file_name().unwrap().to_string_lossy().into_owned();
            if let Err(error) = Dataset::open(file.path(), None).and_then(|data| data.check(&["q".into()])) {
                let told = error.to_string();
                proptest::prop_assert!(told.contains(&name), "{}", told);
                if let DataError::Row { line, .. } = error {
                    proptest::prop_assert!(line > 0);
                }
            }
        }
    }

    #[test]
    fn a_file_that_is_shortened_meanwhile_is_an_error() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"{\"id\": 1}\n{\"id\": 2}\n").unwrap();
        let data = Dataset::open(file.path(), None).unwrap();
        file.as_file().set_len(12).unwrap();
        assert_eq!(data.get(0).unwrap().id, "1");
        let error = data.get(1).unwrap_err().to_string();
        assert!(error.contains("it cannot be read any more"), "{error}");
    }

    #[test]
    fn blank_lines_marks_and_carriage_returns_are_passed_over() {
        let data = dataset(b"\xef\xbb\xbf{\"id\": 1}\r\n\r\n{\"x\": \"a\"}");
        assert_eq!(data.len(), 2);
        assert_eq!(data.get(0).unwrap().id, "1");
        assert_eq!(data.get(1).unwrap().id, "line-3");
    }

    #[test]
    fn errors_name_the_line() {
        for (content, line, says) in [
            (&b"{\"q\": 1}\n{oops}"[..], 2, "not valid JSON"),
            (b"[{\"q\": 1}]", 1, "an array"),
            (b"{'q': 1}\n{'q': 2}", 1, "write it with `json.dumps`"),
            (b"{\"q\": 1},\n{\"q\": 2},", 1, "no comma stands between rows: remove it"),
            (b"// mine\n{\"q\": 1}", 1, "JSON has no comments: remove the line"),
            (b"text,q\nx,1", 1, "if this is a table, end its name in .csv or .tsv"),
            (b"{\"q\": \"\xff\"}", 1, "not UTF-8 at byte 8 of the row"),
            (b"\n{\"q\": 1, \"id\": []}", 2, "`id` must be"),
            (b"{\"id\": 1, \"q\": 2}\n{\"id\": \"1\", \"q\": 2}", 2, "stands in line 1"),
            (b"{\"id\": 1, \"w\": 2}", 1, "the field `q` is missing; the row has `id`, `w`"),
        ] {
            let error = dataset(content).check(&["q".into()]).unwrap_err();
            let DataError::Row { line: at, cause, .. } = &error else { panic!("{error}") };
            assert_eq!(*at, line, "{error}");
            assert!(cause.contains(says), "{cause}");
        }
    }

    #[test]
    fn a_limit_leaves_the_rest_unread() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"{\"a\": 1}\nnot json").unwrap();
        let data = Dataset::open(file.path(), Some(1)).unwrap();
        assert_eq!(data.check(&[]).unwrap().len(), 1);
    }

    #[test]
    fn an_empty_file_has_no_rows() {
        assert!(dataset(b"").is_empty());
    }
}

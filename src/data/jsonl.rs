//! A JSONL file: rows are found at once, and read when asked for.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{DataError, Example};
use crate::hash::hex;

/// A JSONL file and where its rows are.
#[derive(Debug)]
pub struct Dataset {
    path: PathBuf,
    file: File,
    sha256: String,
    rows: Vec<Row>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    start: u64,
    length: usize,
    /// The line in the file, from 1; blank lines count, though they are no rows.
    line: usize,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The most bytes of a line: far more than any model reads.
const LONGEST_LINE: u64 = 16 << 20;

impl Dataset {
    /// Reads through `path` and finds its rows, the first `limit` of them if there is a limit. Blank lines
    /// are no rows; a byte order mark and carriage returns are passed over.
    ///
    /// # Errors
    /// [`DataError::Read`] where the file cannot be read, [`DataError::Row`] for a line that is too long to be a row.
    pub fn open(path: &Path, limit: Option<usize>) -> Result<Self, DataError> {
        let read = |cause| DataError::Read { path: path.to_owned(), cause };
        // Asked before opening: opening a named pipe would wait for a writer.
        let about = std::fs::metadata(path).map_err(read)?;
        if !about.is_file() {
            let kind = if about.is_dir() { ErrorKind::IsADirectory } else { ErrorKind::InvalidInput };
            return Err(read(Error::new(kind, "it is no regular file; give a file with a JSON object a line")));
        }
        let file = File::open(path).map_err(read)?;
        let mut reader = BufReader::with_capacity(1 << 20, &file);
        let (mut digest, mut rows, mut bytes) = (Sha256::new(), Vec::new(), Vec::new());
        let (mut start, mut line) = (0, 1);
        while rows.len() < limit.unwrap_or(usize::MAX) {
            bytes.clear();
            let count = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes).map_err(read)?;
            if count == 0 {
                break;
            }
            if count as u64 == LONGEST_LINE && !bytes.ends_with(b"\n") {
                let cause =
                    format!("the line has more than {} MB, which no model reads; write one row a line", LONGEST_LINE >> 20);
                return Err(DataError::Row { path: path.to_owned(), line, cause });
            }
            digest.update(&bytes);
            let skipped = if start == 0 && bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
            let row = &bytes[skipped..];
            let length = row.strip_suffix(b"\n").unwrap_or(row).len();
            if !row.iter().all(u8::is_ascii_whitespace) {
                rows.push(Row { start: start + skipped as u64, length, line });
            }
            start += count as u64;
            line += 1;
        }
        Ok(Self { path: path.to_owned(), sha256: hex(&digest.finalize()), file, rows })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row at `index`, from 0.
    ///
    /// # Errors
    /// [`DataError::Row`] where it is no JSON object in UTF-8, has an `id` that is neither text
    /// nor a number, or `index` is past the end.
    pub fn get(&self, index: usize) -> Result<Example, DataError> {
        let Some(&Row { start, length, line }) = self.rows.get(index) else {
            return Err(self.bad_row(0, format!("there is no row {index} among {}", self.rows.len())));
        };
        let mut bytes = vec![0; length];
        let changed = |cause| self.bad_row(line, format!("the file was changed while it was read: {cause}"));
        self.file.read_exact_at(&mut bytes, start).map_err(changed)?;
        let text = std::str::from_utf8(&bytes).map_err(|e| {
            self.bad_row(line, format!("not UTF-8 at byte {} of the line; save the file as UTF-8", e.valid_up_to() + 1))
        })?;
        let fields: Map<String, Value> = serde_json::from_str(text).map_err(|e| self.bad_row(line, not_an_object(text, &e)))?;
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

    /// Reads every row once: each must parse, have all `required` fields, and an id of its own.
    /// Returns the examples.
    ///
    /// # Errors
    /// [`DataError::Row`] for the first row that breaks a rule.
    pub fn check(&self, required: &[String]) -> Result<Vec<Example>, DataError> {
        let mut examples = Vec::with_capacity(self.rows.len());
        let mut lines: BTreeMap<String, usize> = BTreeMap::new();
        for (index, row) in self.rows.iter().enumerate() {
            let example = self.get(index)?;
            for field in required {
                if !example.fields.contains_key(field) {
                    return Err(self.bad_row(row.line, missing_field(field, &example.fields)));
                }
            }
            if let Some(first) = lines.insert(example.id.clone(), row.line) {
                return Err(
                    self.bad_row(row.line, format!("the id `{}` stands in line {first} already; ids must be unique", example.id))
                );
            }
            examples.push(example);
        }
        Ok(examples)
    }

    /// The SHA-256 of the bytes that were read, in hexadecimal: of the file's, unless there was a limit.
    #[must_use]
    pub fn sha256(&self) -> String {
        self.sha256.clone()
    }

    /// That the row at `index` cannot be used.
    pub(super) fn unusable(&self, index: usize, cause: String) -> DataError {
        self.bad_row(self.rows.get(index).map_or(0, |row| row.line), cause)
    }

    fn bad_row(&self, line: usize, cause: String) -> DataError {
        DataError::Row { path: self.path.clone(), line, cause }
    }
}

fn not_an_object(text: &str, error: &serde_json::Error) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Array(_)) => "a row must be one JSON object; this is an array (a .json file? write one object a line)".into(),
        Ok(_) => "a row must be one JSON object, like {\"id\": \"1\", \"text\": \"…\"}".into(),
        Err(_) => {
            // serde_json says "at line 1 column N"; the line is ours to tell.
            let cause = error.to_string();
            let cause = cause.split(" at line ").next().unwrap_or_default();
            format!("not valid JSON: {cause} at column {}", error.column())
        }
    }
}

fn missing_field(field: &str, fields: &Map<String, Value>) -> String {
    let known: Vec<String> = fields.keys().map(|k| format!("`{k}`")).collect();
    format!("the field `{field}` is missing; the row has {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn dataset(content: &[u8]) -> Dataset {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        Dataset::open(file.path(), None).unwrap()
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
            (b"{\"q\": \"\xff\"}", 1, "not UTF-8 at byte 8"),
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
        assert_eq!(dataset(b"").sha256(), crate::hash::sha256_hex(b""));
    }

    #[test]
    fn a_line_longer_than_any_model_reads_is_named() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let long = "x".repeat(50_000_000);
        writeln!(file, "{{\"a\": 1}}\n{{\"a\": \"{long}\"}}").unwrap();
        let error = Dataset::open(file.path(), None).unwrap_err().to_string();
        assert!(error.ends_with(":2: the line has more than 16 MB, which no model reads; write one row a line"), "{error}");
        assert_eq!(Dataset::open(file.path(), Some(1)).unwrap().len(), 1);
    }

    #[test]
    fn a_file_that_is_shortened_meanwhile_is_an_error_not_the_end_of_the_process() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"{\"a\": 1}\n{\"a\": 2}\n").unwrap();
        let data = Dataset::open(file.path(), None).unwrap();
        file.as_file().set_len(12).unwrap();
        assert!(data.get(0).is_ok());
        let error = data.get(1).unwrap_err().to_string();
        assert!(error.contains(":2: the file was changed while it was read"), "{error}");
    }

    proptest! {
        /// Whatever a file holds: no panic, rows in the order of their lines, and errors that name a line.
        #[test]
        fn any_file_is_read_or_refused_with_its_line(
            lines in prop::collection::vec("\\PC{0,20}|[{}\\[\\]\":,0-9a-z\\\\ ]{0,30}|\\{\"id\": ?\"?[a-c]\"?\\}", 0..6),
            end in prop::sample::select(&["\n", "\r\n", "\n\n"][..]),
            mark in any::<bool>(),
            noise in prop::collection::vec(any::<u8>(), 0..4),
        ) {
            let mark: &[u8] = if mark { BYTE_ORDER_MARK } else { b"" };
            let content = [mark, lines.join(end).as_bytes(), &noise].concat();
            let data = dataset(&content);
            prop_assert_eq!(data.sha256(), crate::hash::sha256_hex(&content));
            let count = content.split(|&byte| byte == b'\n').count();
            match data.check(&["id".into()]) {
                Ok(examples) => prop_assert_eq!(examples.len(), data.len()),
                Err(DataError::Row { line, cause, .. }) => prop_assert!((1..=count).contains(&line) && !cause.is_empty()),
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
    }
}

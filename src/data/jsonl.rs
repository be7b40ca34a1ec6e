//! A JSONL file, mapped into memory: rows are found at once and parsed when asked for.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use serde_json::{Map, Value};

use super::{DataError, Example};
use crate::hash::sha256_hex;

/// A JSONL file and where its rows are.
#[derive(Debug)]
pub struct Dataset {
    path: PathBuf,
    /// None for an empty file, which cannot be mapped.
    bytes: Option<Mmap>,
    rows: Vec<Row>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    start: usize,
    end: usize,
    /// The line in the file, from 1; blank lines count, though they are no rows.
    line: usize,
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Dataset {
    /// Maps `path` and finds its rows, the first `limit` of them if there is a limit. Blank lines
    /// are no rows; a byte order mark and carriage returns are passed over.
    ///
    /// # Errors
    /// [`DataError::Read`] where the file cannot be read.
    pub fn open(path: &Path, limit: Option<usize>) -> Result<Self, DataError> {
        let read = |cause| DataError::Read { path: path.to_owned(), cause };
        let file = File::open(path).map_err(read)?;
        let length = file.metadata().map_err(read)?.len();
        // SAFETY: the map is read-only. A file that another program shortens meanwhile would end
        // the process by SIGBUS: a user's training data is taken to stand still during a run.
        #[allow(unsafe_code)]
        let bytes = if length == 0 { None } else { Some(unsafe { Mmap::map(&file) }.map_err(read)?) };
        let rows = find_rows(bytes.as_deref().unwrap_or_default(), limit.unwrap_or(usize::MAX));
        Ok(Self { path: path.to_owned(), bytes, rows })
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
        let Some(&Row { start, end, line }) = self.rows.get(index) else {
            return Err(self.bad_row(0, format!("there is no row {index} among {}", self.rows.len())));
        };
        let bytes = &self.bytes.as_deref().unwrap_or_default()[start..end];
        let text = std::str::from_utf8(bytes).map_err(|e| {
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

    /// The SHA-256 of the file's bytes, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        sha256_hex(self.bytes.as_deref().unwrap_or_default())
    }

    /// That the row at `index` cannot be used.
    pub(super) fn unusable(&self, index: usize, cause: String) -> DataError {
        self.bad_row(self.rows.get(index).map_or(0, |row| row.line), cause)
    }

    fn bad_row(&self, line: usize, cause: String) -> DataError {
        DataError::Row { path: self.path.clone(), line, cause }
    }
}

fn find_rows(bytes: &[u8], limit: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut start = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let mut line = 1;
    while start < bytes.len() && rows.len() < limit {
        let end = bytes[start..].iter().position(|&b| b == b'\n').map_or(bytes.len(), |at| start + at);
        if !bytes[start..end].iter().all(u8::is_ascii_whitespace) {
            rows.push(Row { start, end, line });
        }
        start = end + 1;
        line += 1;
    }
    rows
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
    }
}

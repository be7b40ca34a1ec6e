//! A CSV file: its dialect, the names of its fields, and the values of its rows.

use std::path::Path;

use serde_json::{Map, Value};

use super::backslash::has_backslashes;
use super::dialect::Dialect;
use super::error::CsvError;
use super::header::{check_names, separator_in_words, separator_line, separator_of};
use super::rows::{From, find_rows};
use crate::data::row::{LONGEST_ROW, Row};
use crate::data::source::Source;
use crate::data::wording::counted;

/// How the rows of a CSV file are read: its dialect and the names of its fields.
#[derive(Debug)]
pub(in crate::data) struct Csv {
    dialect: Dialect,
    /// The names of the columns. A column without a name is empty text.
    names: Vec<String>,
}

impl Csv {
    /// Returns the separator of a file with the ending `.csv` or `.tsv`. None for any other ending.
    pub(in crate::data) fn separator(path: &Path) -> Option<u8> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "csv" => Some(b','),
            "tsv" => Some(b'\t'),
            _ => None,
        }
    }

    /// Reads the header, which begins at the byte `start`, and finds the first `limit` rows below it. The values of these rows are
    /// not read. A first line like `sep=;` is no header; it names the separator.
    ///
    /// # Errors
    /// [`CsvError`] if the file cannot be read, its first row cannot name fields, or a row is too long.
    pub(in crate::data) fn read(
        separator: u8,
        source: &Source,
        start: usize,
        limit: usize,
    ) -> Result<(Self, Vec<Row>), CsvError> {
        let beginning = source.beginning(start + LONGEST_ROW)?;
        let beginning = beginning.get(start..).unwrap_or_default();
        let named = separator_line(beginning);
        let from = match named {
            Some(line) => From { start: start + line.length, line: 2 },
            None => From { start, line: 1 },
        };
        let has_backslashes = |separator| has_backslashes(&beginning[from.start - start..], separator);
        let named = named.map(|line| line.separator);
        let guessed = named.unwrap_or(separator);
        let dialect = Dialect { separator: guessed, has_backslashes: has_backslashes(guessed) };
        let first = find_rows(dialect, source, from, 1)?;
        let Some(&Row { start: header_start, end: header_end, line }) = first.first() else {
            return Ok((Self { dialect, names: Vec::new() }, Vec::new()));
        };
        let header = source.bytes(header_start, header_end)?;
        let separator = named.unwrap_or_else(|| separator_of(&header, separator));
        let dialect = Dialect { separator, has_backslashes: has_backslashes(separator) };
        let bad_header = |cause: String| CsvError::Row { line, cause };
        let text = std::str::from_utf8(&header).map_err(|_| bad_header(NOT_UTF8.to_owned()))?;
        let values = dialect.values(text).map_err(bad_header)?;
        let names: Vec<String> = values.iter().map(|name| name.trim().to_owned()).collect();
        check_names(&header, separator, &names).map_err(bad_header)?;
        let mut rows = find_rows(dialect, source, from, limit.saturating_add(1))?;
        rows.remove(0);
        Ok((Self { dialect, names }, rows))
    }

    /// Returns the fields of a row.
    ///
    /// # Errors
    /// A message if the row does not have one value for each field.
    pub(in crate::data) fn fields(&self, text: &str) -> Result<Map<String, Value>, String> {
        // After an odd number of quotes, the reader takes the lines below for a part of this row.
        if text.contains(['\n', '\r']) && self.dialect.has_open_quotes(text) {
            return Err("a double quote that is opened in this row is not closed; write `\"\"` for one inside quotes".into());
        }
        let values = self.dialect.values(text)?;
        if values.len() != self.names.len() {
            let hint = if values.len() == self.names.len() + 1 { ", and a column of row numbers needs a name, too" } else { "" };
            return Err(format!(
                "the row has {}, the first row names {}; a value with a {}, a quote or a line break in it must stand in \
                 double quotes{hint}",
                counted(values.len(), "value"),
                counted(self.names.len(), "field"),
                separator_in_words(self.dialect.separator),
            ));
        }
        if self.names.len() > 1 && self.names.iter().zip(&values).all(|(name, value)| name == value.trim()) {
            return Err("the row repeats the names of the fields, as where files were joined; remove it".into());
        }
        let mut fields = Map::new();
        for (index, (name, value)) in self.names.iter().zip(values).enumerate() {
            if !name.is_empty() {
                fields.insert(name.clone(), value.into());
            } else if !is_nameless_value(index, value.trim()) {
                return Err(format!("column {} has no name in the first row, and here the value {value:?}; name it", index + 1));
            }
        }
        Ok(fields)
    }
}

/// Whether a value may stand in a column without a name: nothing, or in the first column the row number that pandas and R write.
fn is_nameless_value(column: usize, value: &str) -> bool {
    value.is_empty() || (column == 0 && value.bytes().all(|byte| byte.is_ascii_digit()))
}

const NOT_UTF8: &str = "the names of the fields are not UTF-8; save the file as UTF-8";

//! JSONL files: each line is a JSON object.

use std::borrow::Cow;
use std::io::{self, BufRead};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::row::Row;

/// Finds the first `limit` rows: all lines that are not blank. `from` reads the file from the byte `start` on.
pub(super) fn find_rows(mut from: impl BufRead, mut start: usize, limit: usize) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    let (mut line, mut end, mut is_blank) = (1, start, true);
    while rows.len() < limit {
        let buffer = from.fill_buf()?;
        if buffer.is_empty() {
            if !is_blank {
                rows.push(Row { start, end, line });
            }
            break;
        }
        let line_break = memchr::memchr(b'\n', buffer);
        let read = line_break.unwrap_or(buffer.len());
        is_blank &= buffer[..read].iter().all(u8::is_ascii_whitespace);
        end += read;
        from.consume(read + usize::from(line_break.is_some()));
        if line_break.is_some() {
            if !is_blank {
                rows.push(Row { start, end, line });
            }
            end += 1;
            (start, line, is_blank) = (end, line + 1, true);
        }
    }
    Ok(rows)
}

/// Returns the fields of a row. `line` is its line in the file, counted from 1.
///
/// # Errors
/// A message if the text is not one JSON object.
pub(super) fn fields(text: &str, line: usize) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| not_an_object(text, line, &error))
}

/// Returns the id of a row without building its other fields. None if the id is not text without escapes or a whole number; the
/// whole row must be read then.
pub(super) fn id(text: &str) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct WithId<'a> {
        #[serde(borrow)]
        id: Id<'a>,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id<'a> {
        Text(&'a str),
        Number(i64),
    }
    match serde_json::from_str::<WithId<'_>>(text).ok()?.id {
        Id::Text(id) => Some(Cow::Borrowed(id)),
        Id::Number(id) => Some(Cow::Owned(id.to_string())),
    }
}

/// Explains why a row could not be read as one JSON object.
fn not_an_object(text: &str, line: usize, error: &serde_json::Error) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Array(_)) => "a row must be one JSON object; this is an array (a .json file? write one object a line)".into(),
        Ok(_) => "a row must be one JSON object, like {\"id\": \"1\", \"text\": \"…\"}".into(),
        Err(_) => {
            // The error ends in "at line 1 column N", which counts the lines of this row and not those of the file.
            let cause = error.to_string();
            let cause = cause.split(" at line ").next().unwrap_or_default();
            let is_table = line == 1 && !text.trim_start().starts_with(['{', '[']);
            // The error's column is that of the last byte that was read, which is the first of such a word.
            let rest = text.as_bytes().get(error.column().saturating_sub(1)..).unwrap_or_default();
            let is_python = ["NaN", "Infinity"].iter().any(|word| rest.starts_with(word.as_bytes()));
            let hint = match (is_table, is_python) {
                _ if text.trim_start().starts_with("{'") => "; Python wrote this row with `str`: write it with `json.dumps`",
                _ if text.trim_start().starts_with("//") => "; JSON has no comments: remove the line",
                _ if cause == "trailing characters" && rest == b"," => "; no comma stands between rows: remove it",
                (true, _) if text.starts_with("- ") => "; if this is YAML, write its items as JSON, one a line",
                (true, _) => "; if this is a table, end its name in .csv or .tsv",
                (_, true) => "; JSON has no NaN and no Infinity: write null",
                _ => "",
            };
            format!("not valid JSON: {cause} at column {}{hint}", error.column())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_the_same_without_the_whole_row() {
        assert_eq!(id(r#"{"text": {"id": 3}, "id": "a"}"#).as_deref(), Some("a"));
        assert_eq!(id(r#"{"id": -7, "text": []}"#).as_deref(), Some("-7"));
        for other in [r#"{"text": 1}"#, r#"{"id": "a\"b"}"#, r#"{"id": []}"#, r#"{"id": "a""#, r#"{"id": 1.5}"#] {
            assert_eq!(id(other), None, "{other}");
        }
    }
}

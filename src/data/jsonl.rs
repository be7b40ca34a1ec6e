//! JSONL: a JSON object a line.

use std::borrow::Cow;
use std::io::{self, BufRead};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::dataset::Row;

/// The first `limit` rows of what is read from `start` on: all lines that are not blank.
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
        let of_line = memchr::memchr(b'\n', buffer);
        let read = of_line.unwrap_or(buffer.len());
        is_blank &= buffer[..read].iter().all(u8::is_ascii_whitespace);
        end += read;
        from.consume(read + usize::from(of_line.is_some()));
        if of_line.is_some() {
            if !is_blank {
                rows.push(Row { start, end, line });
            }
            end += 1;
            (start, line, is_blank) = (end, line + 1, true);
        }
    }
    Ok(rows)
}

/// The fields of the row in a line.
///
/// # Errors
/// Why it is no JSON object.
pub(super) fn fields(text: &str, line: usize) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| not_an_object(text, line, &error))
}

/// The id of a row that has one as text without escapes, or as a whole number; None says nothing about the row.
pub(super) fn id(text: &str) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        id: Id<'a>,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Id<'a> {
        Text(&'a str),
        Number(i64),
    }
    match serde_json::from_str::<Named<'_>>(text).ok()?.id {
        Id::Text(id) => Some(Cow::Borrowed(id)),
        Id::Number(id) => Some(Cow::Owned(id.to_string())),
    }
}

fn not_an_object(text: &str, line: usize, error: &serde_json::Error) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Array(_)) => "a row must be one JSON object; this is an array (a .json file? write one object a line)".into(),
        Ok(_) => "a row must be one JSON object, like {\"id\": \"1\", \"text\": \"…\"}".into(),
        Err(_) => {
            // serde_json says "at line 1 column N"; the line is ours to tell.
            let cause = error.to_string();
            let cause = cause.split(" at line ").next().unwrap_or_default();
            let is_table = line == 1 && !text.trim_start().starts_with(['{', '[']);
            let table = if is_table { "; if this is a table, end its name in .csv or .tsv" } else { "" };
            format!("not valid JSON: {cause} at column {}{table}", error.column())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_alone_is_the_same_as_the_whole_row_s() {
        assert_eq!(id(r#"{"text": {"id": 3}, "id": "a"}"#).as_deref(), Some("a"));
        assert_eq!(id(r#"{"id": -7, "text": []}"#).as_deref(), Some("-7"));
        for other in [r#"{"text": 1}"#, r#"{"id": "a\"b"}"#, r#"{"id": []}"#, r#"{"id": "a""#, r#"{"id": 1.5}"#] {
            assert_eq!(id(other), None, "{other}");
        }
    }
}

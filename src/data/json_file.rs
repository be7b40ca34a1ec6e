//! JSON files that are no JSONL: what they hold, and how they become one object a line.

use std::io::Read;

use serde::de::IgnoredAny;
use serde_json::{Deserializer, Map, Value};

use super::wording::counted;

/// The most bytes of a file that is read as a whole to find out what it holds.
const MOST_BYTES: u64 = 64 << 20;

/// Explains why the first line of a file is no JSON object, if the file holds JSON in another form. None if it holds none.
pub(super) fn explanation(file: impl Read) -> Option<String> {
    let mut text = String::new();
    let length = file.take(MOST_BYTES + 1).read_to_string(&mut text).ok()?;
    let text = text.trim_start_matches('\u{feff}');
    let is_whole = (length as u64) <= MOST_BYTES;
    if text.trim_start().starts_with('[') && (!is_whole || serde_json::from_str::<IgnoredAny>(text).is_ok()) {
        let rows = serde_json::from_str::<Vec<IgnoredAny>>(text)
            .map_or(String::new(), |rows| format!(" of {}", counted(rows.len(), "item")));
        return Some(format!(
            "a row must be one JSON object; this is an array{rows}. Write one object a line: jq -c '.[]' FILE > rows.jsonl"
        ));
    }
    if !is_whole {
        return None;
    }
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(object)) => Some(table_in(&object, 1).unwrap_or_else(|| {
            "the file is one JSON object over several lines, not a row a line; write one object for each row, each on one line".into()
        })),
        Ok(_) => None,
        Err(_) => {
            let objects: Vec<Value> = Deserializer::from_str(text).into_iter().collect::<Result<_, _>>().ok()?;
            if objects.is_empty() || !objects.iter().all(Value::is_object) {
                return None;
            }
            let lines = text.lines().filter(|line| !line.trim().is_empty()).count();
            let (place, command) = if text.contains('\r') && !text.contains('\n') {
                ("are separated by carriage returns", "tr '\\r' '\\n' < FILE")
            } else if objects.len() > lines {
                ("stand several to a line", "jq -c . FILE")
            } else {
                ("stand over several lines", "jq -c . FILE")
            };
            Some(format!("the JSON objects {place}; write each on one line: {command} > rows.jsonl"))
        }
    }
}

/// Explains how an object holds a table of at least `fewest` rows: as an array of rows, by columns, or by the names of the rows.
/// None if it holds none.
pub(super) fn table_in(object: &Map<String, Value>, fewest: usize) -> Option<String> {
    let has_rows =
        |value: &&Value| value.as_array().is_some_and(|rows| rows.len() >= fewest && rows.iter().any(Value::is_object));
    if let Some((key, _)) = object.iter().find(|(_, value)| has_rows(value)) {
        let key_in_quotes = Value::from(key.as_str());
        return Some(format!(
            "the file is one JSON object whose `{key}` is an array of rows. Write one row a line: \
             jq -c '.[{key_in_quotes}][]' FILE > rows.jsonl"
        ));
    }
    let lists: Vec<&Vec<Value>> = object.values().filter_map(Value::as_array).collect();
    let are_columns =
        lists.len() == object.len() && lists.iter().all(|list| list.len() == lists[0].len() && list.len() >= fewest);
    let objects: Vec<&Map<String, Value>> = object.values().filter_map(Value::as_object).collect();
    let are_objects = objects.len() == object.len() && objects.iter().all(|entry| entry.keys().eq(objects[0].keys()));
    let is_number = |key: &String| key.bytes().all(|byte| byte.is_ascii_digit());
    let are_indexed = are_objects && objects.iter().all(|entry| entry.len() >= fewest && entry.keys().all(is_number));
    if object.len() < 2 {
        return None;
    }
    if are_columns || are_indexed {
        return Some(
            "the file is one JSON object with the columns of a table. Write one row a line, in Python: \
             pandas.read_json(FILE).to_json(\"rows.jsonl\", orient=\"records\", lines=True)"
                .into(),
        );
    }
    (are_objects && objects.len() >= fewest).then(|| {
        "the file is one JSON object whose entries are rows. Write one row a line: \
         jq -c 'to_entries[] | {id: .key} + .value' FILE > rows.jsonl"
            .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_the_file_is_told() {
        for (text, says) in [
            ("[\n  {\n    \"a\": 1\n  },\n  {}\n]\n", "this is an array of 2 items. Write one object a line: jq -c '.[]'"),
            ("[{\"a\": 1}]", "this is an array of 1 item."),
            ("\u{feff}\n[]", "an array of 0 items"),
            (
                "{\n \"data\": [\n {\"a\": 1}\n ]\n}",
                "whose `data` is an array of rows. Write one row a line: jq -c '.[\"data\"][]'",
            ),
            ("{\n \"version\": 1,\n \"my rows\": [{}]\n}", "jq -c '.[\"my rows\"][]'"),
            ("{\"a\": [1,\n2], \"b\": [3, 4]}", "with the columns of a table"),
            ("{\"a\": {\"0\": 1,\n\"1\": 2}, \"b\": {\"0\": 3, \"1\": 4}}", "with the columns of a table"),
            ("{\"r1\": {\"a\": 1,\n\"b\": 2}, \"r2\": {\"a\": 3, \"b\": 4}}", "whose entries are rows"),
            ("{\"r1\": {\"a\": 1\n}, \"r2\": {\"b\": 4}}", "one JSON object over several lines"),
            ("{\"a\": [1,\n2], \"b\": [3]}", "one JSON object over several lines"),
            ("{\"a\": 1}{\"a\": 2}\n{\"a\": 3}", "stand several to a line; write each on one line: jq -c ."),
            ("{\"a\": 1}\r{\"a\": 2}\r", "separated by carriage returns; write each on one line: tr '\\r' '\\n' < FILE"),
            ("{\n \"a\": 1\n}\n", "one JSON object over several lines"),
            ("{\n \"a\": 1\n}\n{\n \"a\": 2\n}\n", "stand over several lines; write each on one line: jq -c ."),
        ] {
            assert!(
                explanation(text.as_bytes()).is_some_and(|told| told.contains(says)),
                "{text}: {:?}",
                explanation(text.as_bytes())
            );
        }
        let one_row = |text: &str| table_in(serde_json::from_str::<Value>(text).unwrap().as_object().unwrap(), 3);
        assert_eq!(one_row("{\"messages\": [{\"role\": \"user\"}, {\"role\": \"assistant\"}]}"), None);
        assert_eq!(one_row("{\"a\": [1, 2], \"b\": [3, 4]}"), None);
        assert_eq!(one_row("{\"only\": [1, 2, 3]}"), None);
        assert!(one_row("{\"rows\": [{}, {}, {}]}").is_some());
        for other in ["", "{oops", "[1, 2", "a,b\n1,2\n", "{\"a\": 1}\n{\"a\":", "7"] {
            assert_eq!(explanation(other.as_bytes()), None, "{other}");
        }
    }
}

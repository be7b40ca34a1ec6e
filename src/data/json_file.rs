//! JSON files that are no JSONL: what they hold, and how they become one object a line.

use std::io::Read;

use serde::de::IgnoredAny;
use serde_json::{Deserializer, Value};

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
        Ok(Value::Object(object)) => {
            let is_table = |value: &Value| value.as_array().is_some_and(|items| items.iter().any(Value::is_object));
            Some(match object.iter().find(|(_, value)| is_table(value)) {
                Some((key, _)) => format!(
                    "the file is one JSON object whose `{key}` is an array of rows. Write one row a line: \
                     jq -c '.[{}][]' FILE > rows.jsonl",
                    Value::from(key.as_str())
                ),
                None => "the file is one JSON object over several lines, not a row a line; write one object for each row, each on one line".into(),
            })
        }
        Ok(_) => None,
        Err(_) => {
            let objects: Result<Vec<Value>, _> = Deserializer::from_str(text).into_iter().collect();
            let is_split = objects.is_ok_and(|objects| !objects.is_empty() && objects.iter().all(Value::is_object));
            is_split
                .then(|| "the JSON objects stand over several lines; write each on one line: jq -c . FILE > rows.jsonl".into())
        }
    }
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
            ("{\n \"a\": 1\n}\n", "one JSON object over several lines"),
            ("{\n \"a\": 1\n}\n{\n \"a\": 2\n}\n", "stand over several lines; write each on one line: jq -c ."),
        ] {
            assert!(
                explanation(text.as_bytes()).is_some_and(|told| told.contains(says)),
                "{text}: {:?}",
                explanation(text.as_bytes())
            );
        }
        for other in ["", "{oops", "[1, 2", "a,b\n1,2\n", "{\"a\": 1}\n{\"a\":", "7"] {
            assert_eq!(explanation(other.as_bytes()), None, "{other}");
        }
    }
}

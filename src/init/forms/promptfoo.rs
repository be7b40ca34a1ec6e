//! promptfoo's tests: rows with `vars` and `assert`.

use serde_json::Value;

use super::converted::{Converted, all_have, row_of};
use crate::data::{Example, listed};

/// The assertions that say what the answer is.
const ANSWERS: [&str; 3] = ["equals", "contains", "icontains"];

/// Converts tests into rows with the variables and `expected`.
pub(super) fn convert(rows: &[Example]) -> Result<Option<Converted>, String> {
    let is_list = |value: &Value| value.is_array();
    if !all_have(rows, "vars", Value::is_object) || !rows.iter().any(|row| row.fields.get("assert").is_some_and(is_list)) {
        return Ok(None);
    }
    let kind = |assertion: &Value| assertion.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut converted = Vec::new();
    for row in rows {
        let assertions = row.fields.get("assert").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let answer = assertions.iter().find(|assertion| ANSWERS.contains(&kind(assertion).as_str()));
        let Some(expected) =
            answer.and_then(|assertion| assertion.get("value")).filter(|value| value.is_string() || value.is_number())
        else {
            let kinds: Vec<String> = assertions.iter().map(kind).collect();
            return Err(format!(
                "its rows are tests of promptfoo (`vars`, `assert`), and the test `{}` asserts {}, from which no right answer follows. \
                 Write rows with the variables and the right answer as fields, and choose a metric (docs/metrics.md): `judge` for \
                 `llm-rubric`, `command` for `javascript` and `python`, `constraints` or `regex` for the rest",
                row.id,
                if kinds.is_empty() { "nothing".to_owned() } else { listed(kinds) }
            ));
        };
        let mut fields = row.fields.get("vars").and_then(Value::as_object).cloned().unwrap_or_default();
        fields.insert("expected".into(), expected.clone());
        converted.push(row_of(row, fields));
    }
    let told = format!(
        "Its rows are tests of promptfoo: the variables became fields, and the value of the assertion ({}) became `expected`.",
        listed(ANSWERS)
    );
    Ok(Some(Converted { rows: converted, told, output: "expected".into(), instruction: None }))
}

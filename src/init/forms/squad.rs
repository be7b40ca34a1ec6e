//! Questions with spans as answers, as in SQuAD: `{"text": ["in May"], "answer_start": [17]}`.

use serde_json::Value;

use super::converted::{Converted, all_have};
use crate::data::Example;

/// Replaces such an object by its texts, of which one is enough. Positions are left out: a model cannot count characters. The
/// answer of a question without a span becomes null.
pub(super) fn convert(rows: &[Example]) -> Result<Option<Converted>, String> {
    let is_list = |value: &Value, key: &str| value.get(key).is_some_and(Value::is_array);
    let is_span = |value: &Value| is_list(value, "text") && is_list(value, "answer_start");
    let Some(field) = rows.first().and_then(|row| row.fields.iter().find(|(_, value)| is_span(value))).map(|(name, _)| name)
    else {
        return Ok(None);
    };
    if !all_have(rows, field, is_span) {
        return Ok(None);
    }
    let converted = rows.iter().map(|row| {
        let mut row = row.clone();
        if let Some(value) = row.fields.get_mut(field) {
            let texts = value.get_mut("text").map(Value::take).unwrap_or_default();
            *value = if texts.as_array().is_some_and(Vec::is_empty) { Value::Null } else { texts };
        }
        row
    });
    let told = format!(
        "Its rows are questions with spans as answers, as in SQuAD: `{field}` became the list of its texts, of which one is enough."
    );
    Ok(Some(Converted { rows: converted.collect(), told, output: field.clone(), instruction: None }))
}

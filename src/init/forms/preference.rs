//! Preferences: rows with a `chosen` and a `rejected` answer.

use serde_json::{Map, Value};

use super::chat;
use super::converted::{Converted, all_have, row_of};
use crate::data::Example;

/// Converts preferences into rows with `prompt` and `answer`: the chosen one. What was rejected is left out.
pub(super) fn convert(rows: &[Example]) -> Result<Option<Converted>, String> {
    let is_answer = |value: &Value| value.is_string() || chat::is_chat(value);
    if !all_have(rows, "chosen", is_answer) || !all_have(rows, "rejected", is_answer) {
        return Ok(None);
    }
    let mut converted = Vec::new();
    for row in rows {
        let failed =
            |cause: &str| format!("its rows are preferences (`chosen`, `rejected`), and in the row `{}` {cause}", row.id);
        let mut fields = Map::new();
        let chosen = row.fields.get("chosen").unwrap_or(&Value::Null);
        let prompt = ["prompt", "question", "instruction", "input"].into_iter().find_map(|name| row.fields.get(name));
        let prompt = match prompt {
            Some(value) if chat::is_chat(value) => {
                let messages = chat::messages(value).map_err(|cause| failed(&cause))?;
                Some(messages.iter().map(|message| message.text.as_str()).collect::<Vec<_>>().join("\n"))
            }
            other => other.and_then(Value::as_str).map(str::to_owned),
        };
        let (asked, answer) = match chosen {
            Value::String(text) => (prompt, text.clone()),
            chosen => {
                let messages = chat::messages(chosen).map_err(|cause| failed(&cause))?;
                let answer = messages.last().map(|message| message.text.clone()).unwrap_or_default();
                (prompt.or_else(|| chat::divided(&messages).map(|(_, asked, _)| asked)), answer)
            }
        };
        let asked =
            asked.ok_or_else(|| failed("there is no `prompt` that `chosen` answers; write it into a field of that name"))?;
        fields.insert("prompt".into(), asked.into());
        fields.insert("answer".into(), answer.into());
        converted.push(row_of(row, fields));
    }
    let told = "Its rows are preferences: `chosen` became `answer`, and `rejected` is left out. Texts so free are rather graded by a \
                judge (docs/metrics.md) than compared with one answer.";
    Ok(Some(Converted { rows: converted, told: told.into(), output: "answer".into(), instruction: None }))
}

//! Samples of OpenAI's `evals`: rows with a chat as `input` and the right answer, or several, as `ideal`.

use serde_json::Value;

use super::chat::{self, Message};
use super::converted::{Converted, all_have};
use crate::data::Example;

/// Converts samples into rows with `message` and `ideal`. A system message that all have in common becomes the instruction.
pub(super) fn convert(rows: &[Example]) -> Result<Option<Converted>, String> {
    if !all_have(rows, "input", chat::is_chat) || !all_have(rows, "ideal", |ideal| !ideal.is_null()) {
        return Ok(None);
    }
    let mut chats = Vec::new();
    for row in rows {
        let failed =
            |cause: &str| format!("its rows are samples of `evals` (`input`, `ideal`), and in the row `{}` {cause}", row.id);
        let mut messages = chat::messages(row.fields.get("input").unwrap_or(&Value::Null)).map_err(|cause| failed(&cause))?;
        messages.push(Message { role: "assistant".into(), text: String::new() });
        chats.push(chat::divided(&messages).ok_or_else(|| failed("`input` asks nothing"))?);
    }
    let (mut converted, instruction) = chat::rows_of(rows, &chats, "message");
    for (converted, row) in converted.iter_mut().zip(rows) {
        converted.fields.remove("answer");
        converted.fields.insert("ideal".into(), row.fields.get("ideal").cloned().unwrap_or_default());
    }
    let told = format!(
        "Its rows are samples of `evals`: what `input` asks became `message`{}.",
        if instruction.is_some() { ", and their system message the instruction" } else { "" }
    );
    Ok(Some(Converted { rows: converted, told, output: "ideal".into(), instruction }))
}

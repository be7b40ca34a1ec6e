//! Preferences: rows with an answer that was preferred and one that was not.

use serde_json::Value;

use super::chat::{self, Message};
use super::converted::{Converted, all_have};
use crate::data::Example;

/// The fields with the preferred answer and the other one: those of most data sets, and those of OpenAI's files for
/// preference fine-tuning.
const PAIRS: [[&str; 2]; 2] = [["chosen", "rejected"], ["preferred_output", "non_preferred_output"]];

/// The fields with what the answers answer.
const PROMPTS: [&str; 4] = ["prompt", "question", "instruction", "input"];

/// Converts preferences into rows with `prompt` and `answer`: the preferred one. The other one is left out. A system message
/// that all have in common becomes the instruction.
pub(super) fn convert(rows: &[Example]) -> Result<Option<Converted>, String> {
    let is_answer = |value: &Value| value.is_string() || chat::is_chat(value);
    let Some([chosen, rejected]) = PAIRS.into_iter().find(|pair| pair.iter().all(|field| all_have(rows, field, is_answer)))
    else {
        return Ok(None);
    };
    let mut chats = Vec::new();
    for row in rows {
        let failed =
            |cause: &str| format!("its rows are preferences (`{chosen}`, `{rejected}`), and in the row `{}` {cause}", row.id);
        let mut messages = asked(row).map_err(|cause| failed(&cause))?;
        match row.fields.get(chosen).unwrap_or(&Value::Null) {
            Value::String(text) => messages.push(Message { role: "assistant".into(), text: text.clone() }),
            answer => {
                let mut answer = chat::messages(answer).map_err(|cause| failed(&cause))?;
                // A chat that was chosen as a whole repeats the prompt.
                let is_whole = answer.iter().any(|message| message.role != "assistant");
                let kept = if is_whole && !messages.is_empty() { answer.len().saturating_sub(1) } else { 0 };
                messages.extend(answer.drain(kept..));
            }
        }
        chats.push(chat::divided(&messages).ok_or_else(|| {
            failed(&format!("there is no `prompt` that `{chosen}` answers; write it into a field of that name"))
        })?);
    }
    let (converted, instruction) = chat::rows_of(rows, &chats, "prompt");
    let told = format!(
        "Its rows are preferences: `{chosen}` became `answer`{}, and `{rejected}` is left out. Texts so free are rather graded by a judge \
         (docs/metrics.md) than compared with one answer.",
        if instruction.is_some() { ", the system message the instruction" } else { "" }
    );
    Ok(Some(Converted { rows: converted, told, output: "answer".into(), instruction }))
}

/// Returns what is answered: the messages of a chat, of the `messages` in an object, or a text as one message. Empty if there
/// is nothing.
fn asked(row: &Example) -> Result<Vec<Message>, String> {
    let value = PROMPTS.iter().find_map(|name| row.fields.get(*name));
    let value = value.map(|value| value.get("messages").unwrap_or(value));
    match value {
        Some(chat) if chat::is_chat(chat) => chat::messages(chat),
        Some(Value::String(text)) => Ok(vec![Message { role: "user".into(), text: text.clone() }]),
        _ => Ok(Vec::new()),
    }
}

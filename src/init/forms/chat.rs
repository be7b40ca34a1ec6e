//! Chats: `messages` as OpenAI's files for fine-tuning have them, and `conversations` as ShareGPT's.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::converted::{Converted, all_have, row_of};
use crate::data::Example;

/// One message of a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// `system`, `user`, `assistant` or another role.
    pub(super) role: String,
    /// Its text.
    pub(super) text: String,
}

/// Whether a value is a chat: a list of objects with a role and a content, or their equivalents.
pub(super) fn is_chat(value: &Value) -> bool {
    let is_message = |item: &Value| ["role", "from"].iter().any(|key| item.get(key).is_some_and(Value::is_string));
    value.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(is_message))
}

/// Returns the messages of a chat.
///
/// # Errors
/// Why a message has no text.
pub(super) fn messages(value: &Value) -> Result<Vec<Message>, String> {
    let message = |item: &Value| {
        let get = |names: [&str; 2]| names.iter().find_map(|name| item.get(name));
        let role = match get(["role", "from"]).and_then(Value::as_str).unwrap_or_default() {
            "human" => "user",
            "gpt" | "model" => "assistant",
            "developer" => "system",
            other => other,
        };
        let text = match get(["content", "value"]) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(parts)) => {
                let part = |part: &Value| part.get("text").and_then(Value::as_str).map(str::to_owned);
                let texts: Option<Vec<String>> = parts.iter().map(part).collect();
                texts.ok_or("a message has a part that is no text, such as an image; leave such rows out")?.join("\n")
            }
            _ => return Err(format!("a message of `{role}` has no text, such as a call of a tool; leave such rows out")),
        };
        Ok(Message { role: role.to_owned(), text })
    };
    value.as_array().into_iter().flatten().map(message).collect()
}

/// Divides a chat into the texts of its first system messages, what stands before the last answer, and that answer. None if it does
/// not end with an answer to something.
pub(super) fn divided(messages: &[Message]) -> Option<(String, String, String)> {
    let (last, before) = messages.split_last().filter(|(last, _)| last.role == "assistant")?;
    let systems = before.iter().take_while(|message| message.role == "system").count();
    let (system, turns) = before.split_at(systems);
    let system = system.iter().map(|message| message.text.trim()).collect::<Vec<_>>().join("\n");
    let asked = match turns {
        [] => return None,
        [only] => only.text.clone(),
        turns => turns.iter().map(|turn| format!("{}: {}", turn.role, turn.text)).collect::<Vec<_>>().join("\n"),
    };
    Some((system, asked, last.text.clone()))
}

/// Converts chats into rows with `message`, or `conversation` where one has several turns, and `answer`. A system message that all
/// have in common becomes the instruction.
pub(super) fn convert(rows: &[Example]) -> Result<Option<Converted>, String> {
    let Some(field) = ["messages", "conversations", "conversation"].into_iter().find(|field| all_have(rows, field, is_chat))
    else {
        return Ok(None);
    };
    let mut chats = Vec::new();
    for row in rows {
        let failed = |cause: &str| format!("its rows are chats (`{field}`), and in the row `{}` {cause}", row.id);
        let messages = messages(row.fields.get(field).unwrap_or(&Value::Null)).map_err(|cause| failed(&cause))?;
        chats.push(divided(&messages).ok_or_else(|| failed("the last message is no answer of the assistant to a user"))?);
    }
    let is_long = rows.iter().any(|row| {
        let turns = row.fields.get(field).and_then(|value| messages(value).ok()).unwrap_or_default();
        turns.iter().filter(|message| message.role != "system").count() > 2
    });
    let input = if is_long { "conversation" } else { "message" };
    let (converted, instruction) = rows_of(rows, &chats, input);
    let told = format!(
        "Its rows are chats (`{field}`): what stands before the last answer became `{input}`, that answer became `answer`{}.",
        if instruction.is_some() { ", and their system message the instruction" } else { "" }
    );
    Ok(Some(Converted { rows: converted, told, output: "answer".into(), instruction }))
}

/// Returns rows with the parts of their chats: `input`, `answer`, and `system` where the system messages differ. A system
/// message that all have in common is returned as the instruction; None if there is none.
pub(super) fn rows_of(rows: &[Example], chats: &[(String, String, String)], input: &str) -> (Vec<Example>, Option<String>) {
    let systems: BTreeSet<&String> = chats.iter().map(|(system, ..)| system).collect();
    let common = (systems.len() == 1).then(|| systems.first().map(|text| (*text).clone())).flatten();
    let mut converted = Vec::new();
    for (row, (system, asked, answer)) in rows.iter().zip(chats) {
        let mut fields = Map::new();
        if common.is_none() {
            fields.insert("system".into(), system.as_str().into());
        }
        fields.insert(input.into(), asked.as_str().into());
        fields.insert("answer".into(), answer.as_str().into());
        converted.push(row_of(row, fields));
    }
    (converted, common.filter(|text| !text.is_empty()))
}

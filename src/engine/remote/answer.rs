//! Reads the reply to a chat.

use serde_json::Value;

use crate::engine::completion::Ended;
use crate::engine::reasoning;

/// What a server answers to a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// The answer, without reasoning.
    pub(super) text: String,
    /// The reasoning before the answer. None if there was none.
    pub(super) reasoning: Option<String>,
    /// Why the answer ended.
    pub(super) ended: Ended,
    /// Tokens of the prompt. None if the server does not count them.
    pub(super) prompt: Option<u64>,
    /// Tokens of the prompt that the server had computed before.
    pub(super) cached: u64,
    /// Tokens of answer and reasoning. None if the server does not count them.
    pub(super) decoded: Option<u64>,
    /// Tokens of the reasoning. None if the server does not count them.
    pub(super) reasoned: Option<u64>,
}

/// Reads a reply.
///
/// # Errors
/// What is missing.
pub(super) fn read(reply: &Value) -> Result<Answer, String> {
    let choice = &reply["choices"][0];
    let message = choice.get("message").filter(|message| message.is_object()).ok_or("`choices[0].message` is missing")?;
    let content = match &message["content"] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        _ => return Err("`choices[0].message.content` is no text".into()),
    };
    let told = ["reasoning_content", "reasoning"].iter().find_map(|key| message[*key].as_str());
    let (reasoning, text) = match told.filter(|told| !told.trim().is_empty()) {
        Some(told) => (Some(told.trim().to_owned()), content),
        None => reasoning::split(&content),
    };
    let ended = match choice["finish_reason"].as_str() {
        None | Some("stop") => Ended::Stop,
        Some("length") => Ended::Length,
        Some(other) => Ended::Refused(format!("the server ended the answer for the reason `{other}`")),
    };
    let usage = &reply["usage"];
    let details = &usage["completion_tokens_details"]["reasoning_tokens"];
    Ok(Answer {
        text,
        reasoning,
        ended,
        prompt: usage["prompt_tokens"].as_u64(),
        cached: usage["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap_or(0),
        decoded: usage["completion_tokens"].as_u64(),
        reasoned: details.as_u64().or_else(|| usage["reasoning_tokens"].as_u64()).filter(|tokens| *tokens > 0),
    })
}

//! Writes a request in OpenAI's protocol, with the extensions of each server.

use serde_json::{Map, Value, json};

use super::gbnf::{Constraint, constraint};
use super::identity::Software;
use super::style::Style;
use crate::engine::request::{Message, Request, Role};
use crate::engine::settings::TOP_K;

/// A chat that is sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sent {
    /// The body of the request.
    pub(super) body: Value,
    /// The beginning of the answer that the reply may have: the model was asked to write it itself, because the server cannot
    /// continue one, or the server repeats it. Empty if the reply has none.
    pub(super) beginning: String,
}

/// Writes a chat.
pub(super) fn chat(request: &Request, style: &Style) -> Sent {
    let decoding = &request.decoding;
    let form = |begins: Option<&str>| decoding.grammar.as_ref().and_then(|grammar| constraint(grammar, begins));
    let held_to_schema = style.abilities.schema && matches!(form(None), Some(Constraint::Schema(_)));
    // A begun answer has no place for reasoning before it.
    let continues = style.abilities.begun && style.thinking == 0 && (style.abilities.begun_schema || !held_to_schema);
    let (messages, begun) = match request.messages.split_last() {
        Some((last, before)) if last.role == Role::Assistant && !continues => (ask_to_begin(before, &last.content), Some(last)),
        _ => (request.messages.clone(), None),
    };
    let continued = messages.last().filter(|last| last.role == Role::Assistant);
    let is_continued = continued.is_some();
    let repeated = continued.filter(|_| style.abilities.repeats_begun);
    let beginning = begun.or(repeated).map(|message| message.content.clone()).unwrap_or_default();
    let mut body = Map::new();
    let mut set = |key: &str, value: Value| drop(body.insert(key.into(), value));
    set("model", json!(style.model));
    set("messages", messages.iter().map(|m| json!({ "role": m.role.name(), "content": m.content })).collect());
    set("max_tokens", json!(decoding.max_tokens.saturating_add(style.thinking)));
    set("temperature", json!(decoding.temperature));
    if decoding.temperature > 0.0 {
        set("top_p", json!(decoding.top_p));
        set("seed", json!(request.seed & 0x7fff_ffff));
    }
    if !decoding.stop.is_empty() {
        set("stop", json!(decoding.stop));
    }
    if style.software == Software::Other {
        if let Some(Constraint::Schema(schema)) = form(None).filter(|_| style.abilities.schema) {
            set("response_format", response_format(schema));
        }
        return Sent { body: Value::Object(body), beginning };
    }
    // Servers have other defaults, or take them from a file of the model.
    let repetition = if style.software == Software::LlamaServer { "repeat_penalty" } else { "repetition_penalty" };
    set(repetition, json!(1.0));
    set("min_p", json!(0.0));
    if decoding.temperature > 0.0 {
        set("top_k", json!(TOP_K));
    }
    if is_continued && style.software != Software::LlamaServer {
        set("continue_final_message", json!(true));
        set("add_generation_prompt", json!(false));
    }
    let thinks = style.thinking > 0;
    set("chat_template_kwargs", json!({ "enable_thinking": thinks, "thinking": thinks }));
    if thinks && style.abilities.budget {
        match style.software {
            Software::Vllm => set("thinking_token_budget", json!(style.thinking)),
            Software::LlamaServer => {
                set("thinking_budget_tokens", json!(style.thinking));
                set("reasoning_budget_tokens", json!(style.thinking));
            }
            Software::Sglang | Software::Other => {}
        }
    }
    let begins = begun.map(|message| message.content.as_str());
    match (form(begins), style.software) {
        (Some(Constraint::Gbnf(grammar)), software) if style.abilities.grammar => match software {
            Software::Vllm => set("structured_outputs", json!({ "grammar": grammar })),
            Software::Sglang => set("ebnf", json!(grammar)),
            Software::LlamaServer | Software::Other => set("grammar", json!(grammar)),
        },
        (Some(Constraint::Schema(schema)), software) if style.abilities.schema => match software {
            Software::Vllm => set("structured_outputs", json!({ "json": schema })),
            Software::LlamaServer => set("json_schema", schema),
            Software::Sglang | Software::Other => set("response_format", response_format(schema)),
        },
        _ => {}
    }
    Sent { body: Value::Object(body), beginning }
}

/// Returns OpenAI's form of a JSON schema.
fn response_format(schema: Value) -> Value {
    json!({ "type": "json_schema", "json_schema": { "name": "answer", "strict": true, "schema": schema } })
}

/// Returns a chat whose last turn of the user asks to begin the answer with `begun`.
fn ask_to_begin(before: &[Message], begun: &str) -> Vec<Message> {
    let mut messages = before.to_vec();
    let request = format!("Begin your answer with exactly this:\n{begun}");
    match messages.last_mut().filter(|last| last.role == Role::User) {
        Some(last) => last.content = format!("{}\n\n{request}", last.content),
        None => messages.push(Message::user(request)),
    }
    messages
}

/// Returns an answer without the beginning that the model was asked to write, whatever white space is around it.
pub(super) fn without_beginning(text: String, asked: &str) -> String {
    let asked = asked.trim();
    match text.trim_start().strip_prefix(asked) {
        Some(rest) if !asked.is_empty() => rest.to_owned(),
        _ => text,
    }
}

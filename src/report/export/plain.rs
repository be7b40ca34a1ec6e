//! The chat as text for people, and everything as JSON for programs.

use serde_json::{Map, Value, json};

use super::deployed::Deployed;
use super::file::ExportFile;
use super::request::shortest;
use crate::engine::Message;
use crate::engine::settings::TOP_K;

/// Returns every message of a chat, each below its role.
pub(super) fn text(one: &Deployed) -> String {
    let message = |message: &Message| format!("── {} ──\n{}\n", message.role.name(), message.content);
    one.messages.iter().map(message).collect::<Vec<_>>().join("\n")
}

/// Returns everything that a program needs to send the same requests.
pub(super) fn json(modules: &[Deployed]) -> ExportFile {
    let modules: Vec<Value> = modules.iter().map(module).collect();
    ExportFile { name: "program.json".into(), content: format!("{:#}\n", json!({ "modules": modules })), notes: Vec::new() }
}

fn module(one: &Deployed) -> Value {
    let module = &one.module;
    let placeholders: Map<String, Value> =
        one.placeholders.iter().map(|(field, placeholder)| (field.clone(), placeholder.as_str().into())).collect();
    json!({
        "name": module.name,
        "model": one.model,
        "context": one.context,
        "inputs": module.inputs,
        "placeholders": placeholders,
        "outputs": module.outputs,
        "messages": one.messages,
        "begun": one.answer_beginning(),
        "max_tokens": module.max_tokens,
        "temperature": shortest(module.temperature),
        "top_p": shortest(module.top_p),
        "top_k": (module.temperature > 0.0).then_some(TOP_K),
        "grammar": one.grammar,
        "thinking": one.thinking,
        "instruction": one.text.instruction,
        "demonstrations": one.text.demonstrations,
        "reasoning": one.text.reasoning,
    })
}

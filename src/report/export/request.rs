//! The body of a chat-completions request, and the commands that send it to llama-server.

use serde_json::{Value, json};

use super::Deployed;
use crate::data::listed;
use crate::engine::Role;
use crate::engine::settings::TOP_K;

/// The body, and what it cannot carry.
pub(super) fn openai(one: &Deployed) -> (String, Vec<String>) {
    let mut notes: Vec<String> = one.thinking_note().into_iter().chain(to_fill_in(one)).collect();
    if !one.begun().is_empty() {
        notes.push(format!(
            "the last message begins the answer with `{}`: llama-server goes on from there by itself, vLLM with \
             \"continue_final_message\": true and \"add_generation_prompt\": false; a server that answers anew instead gets \
             another prompt than the one measured",
            one.begun()
        ));
    }
    notes.extend(one.grammar_note());
    if one.module.temperature > 0.0 {
        notes.push(format!(
            "answers were drawn from the {TOP_K} likeliest tokens, without `min_p`: where a server has fields for that, set \
             \"top_k\": {TOP_K} and \"min_p\": 0"
        ));
    }
    (format!("{:#}\n", body(one)), notes)
}

fn body(one: &Deployed) -> Value {
    let module = &one.module;
    let mut body = json!({
        "model": one.model_name(),
        "messages": one.messages,
        "temperature": shortest(module.temperature),
        "max_tokens": module.max_tokens,
        // As gepard renders templates that know of thinking; such a template takes no begun answer otherwise.
        "chat_template_kwargs": { "enable_thinking": one.thinking > 0 },
    });
    // Without effect on a greedy answer.
    if module.temperature > 0.0 {
        body["top_p"] = shortest(module.top_p);
    }
    body
}

/// A number of the plan as its user wrote it: 0.7, not 0.699999988.
pub(super) fn shortest(number: f32) -> Value {
    number.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

/// Where the fields go.
pub(super) fn to_fill_in(one: &Deployed) -> Option<String> {
    let placeholders = listed(one.placeholders.iter().map(|(_, placeholder)| placeholder));
    let role = one.messages.iter().rfind(|message| message.role == Role::User).map(|_| "the last message of the user");
    Some(format!("put the fields' texts, trimmed, in the place of {placeholders}, in {}", role?))
}

/// The commands, and what they cannot carry.
pub(super) fn llama_server(one: &Deployed) -> (String, Vec<String>) {
    let mut body = body(one);
    if one.module.temperature > 0.0 {
        body["top_k"] = TOP_K.into();
        body["min_p"] = 0.into();
    }
    let of_server = one.model_note();
    let mut of_request: Vec<String> = one.thinking_note().into_iter().chain(to_fill_in(one)).collect();
    if let Some(grammar) = &one.grammar {
        body["grammar"] = format!("%llguidance {{}}\n{}", grammar.lark()).into();
        let note = "the grammar needs a llama-server that was built with -DLLAMA_LLGUIDANCE=ON; without it, leave it out";
        of_request.push(note.into());
    }
    let above = |note: &String| format!("# {note}\n");
    let server_notes: String = of_server.iter().map(above).collect();
    let request_notes: String = of_request.iter().map(above).collect();
    let script = format!(
        "# Module `{}`. The server:\n{server_notes}\
         llama-server --model {} --ctx-size {} --parallel 1 --jinja --port 8080\n\n\
         # A request, from another terminal.\n{request_notes}\
         curl --silent http://127.0.0.1:8080/v1/chat/completions --header 'Content-Type: application/json' --data-binary @- <<'JSON'\n\
         {body:#}\nJSON\n",
        one.module.name,
        quoted(&one.model),
        one.context,
    );
    (script, of_server.into_iter().chain(of_request).collect())
}

/// One word of a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

//! The body of a chat-completions request, and the commands that send it to llama-server.

use serde_json::{Value, json};

use super::deployed::Deployed;
use super::file::ModuleExport;
use crate::data::listed;
use crate::engine::Role;
use crate::engine::settings::TOP_K;

/// Returns the body of a chat-completions request.
pub(super) fn openai(one: &Deployed) -> ModuleExport {
    let mut notes: Vec<String> = one.thinking_note().into_iter().chain(placeholder_note(one)).collect();
    if !one.answer_beginning().is_empty() {
        notes.push(format!(
            "the last message begins the answer with `{}`: llama-server continues it; vLLM does with \
             \"continue_final_message\": true and \"add_generation_prompt\": false; a server that begins a new answer sends another \
             prompt than the one measured",
            one.answer_beginning()
        ));
    }
    notes.extend(one.grammar_note());
    if one.module.temperature > 0.0 {
        notes.push(format!(
            "answers were drawn from the {TOP_K} likeliest tokens, without `min_p`: set \"top_k\": {TOP_K} and \"min_p\": 0 if the \
             server has these fields"
        ));
    }
    ModuleExport { content: format!("{:#}\n", body(one)), notes }
}

fn body(one: &Deployed) -> Value {
    let module = &one.module;
    let mut body = json!({
        "model": one.model_name(),
        "messages": one.messages,
        "temperature": shortest(module.temperature),
        "max_tokens": module.max_tokens,
        // The run rendered the model's chat template with this variable. Without it, some templates do not accept a begun answer.
        "chat_template_kwargs": { "enable_thinking": one.thinking > 0 },
    });
    // A greedy answer does not depend on it.
    if module.temperature > 0.0 {
        body["top_p"] = shortest(module.top_p);
    }
    body
}

/// Returns a number of the plan with as few digits as possible: 0.7, not 0.699999988.
pub(super) fn shortest(number: f32) -> Value {
    number.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

/// Returns the note that explains the placeholders; None if no message is of the user.
fn placeholder_note(one: &Deployed) -> Option<String> {
    let placeholders = listed(one.placeholders.iter().map(|(_, placeholder)| placeholder));
    one.messages.iter().rfind(|message| message.role == Role::User)?;
    Some(format!("replace {placeholders} with the fields' texts, trimmed, in the last message of the user"))
}

/// Returns the command that starts llama-server and the one that sends it a request, with the notes as comments.
pub(super) fn llama_server(one: &Deployed) -> ModuleExport {
    let mut body = body(one);
    if one.module.temperature > 0.0 {
        body["top_k"] = TOP_K.into();
        body["min_p"] = 0.into();
    }
    let server_note = one.model_note();
    let mut request_notes: Vec<String> = one.thinking_note().into_iter().chain(placeholder_note(one)).collect();
    if let Some(grammar) = &one.grammar {
        body["grammar"] = format!("%llguidance {{}}\n{}", grammar.lark()).into();
        let note = "the grammar needs a llama-server that was built with -DLLAMA_LLGUIDANCE=ON; without it, remove `grammar`";
        request_notes.push(note.into());
    }
    let comment = |note: &String| format!("# {note}\n");
    let server_comments: String = server_note.iter().map(comment).collect();
    let request_comments: String = request_notes.iter().map(comment).collect();
    let content = format!(
        "# Module `{}`. The server:\n{server_comments}\
         llama-server --model {} --ctx-size {} --parallel 1 --jinja --port 8080\n\n\
         # A request, from another terminal.\n{request_comments}\
         curl --silent http://127.0.0.1:8080/v1/chat/completions --header 'Content-Type: application/json' --data-binary @- <<'JSON'\n\
         {body:#}\nJSON\n",
        one.module.name,
        shell_quoted(&one.model),
        one.context,
    );
    ModuleExport { content, notes: server_note.into_iter().chain(request_notes).collect() }
}

/// Returns `text` as one word of a POSIX shell.
fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

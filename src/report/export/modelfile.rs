//! A Modelfile of Ollama.
//!
//! Ollama puts SYSTEM and the MESSAGEs before the user's message, and the model's own template around all of them. It can neither
//! begin the answer nor put an instruction into the user's turn. The file says in comments what it cannot carry.

use super::deployed::Deployed;
use super::error::ExportError;
use super::file::ModuleExport;
use super::request::shortest;
use crate::engine::settings::TOP_K;
use crate::engine::{Message, Role};
use crate::program::layout::Turn;
use crate::program::render;

/// Returns the Modelfile of a module.
pub(super) fn write(one: &Deployed) -> Result<ModuleExport, ExportError> {
    let Parts { system, turns, question, instruction_moved } = parts(one);
    let mut notes = Vec::new();
    if instruction_moved {
        notes.push(
            "the instruction is in the system turn; in the run, it was in the user's turn. A run with \
             `--set layout.instruction=system` measures it there"
                .to_owned(),
        );
    }
    if !one.answer_beginning().is_empty() {
        notes.push(format!("the answer is not begun; in the run, the model continued `{}`", one.answer_beginning()));
    }
    notes.extend(one.grammar_note());
    notes.extend(one.thinking_note());
    let mut lines = vec![
        comment(&format!("Module `{}` of a gepard run.", one.module.name)),
        comment("Send this message, with the fields' texts, trimmed, instead of the names in braces:"),
        comment(""),
    ];
    lines.extend(question.lines().map(|line| comment(&format!("    {line}"))));
    lines.push(comment(""));
    if !notes.is_empty() {
        lines.push(comment("What a Modelfile cannot carry, so that answers can differ from those measured:"));
        lines.extend(notes.iter().map(|note| comment(&format!("- {note}"))));
    }
    notes.extend(one.model_note());
    lines.extend(one.model_note().map(|note| comment(&note)));
    lines.push(format!("FROM {}", one.model));
    lines.push(format!("PARAMETER temperature {}", shortest(one.module.temperature)));
    // Ollama's default penalty would change greedy answers.
    lines.push("PARAMETER repeat_penalty 1.0".into());
    if one.module.temperature > 0.0 {
        lines.push(format!("PARAMETER top_p {}", shortest(one.module.top_p)));
        lines.push(format!("PARAMETER top_k {TOP_K}"));
        lines.push("PARAMETER min_p 0.0".into());
    }
    lines.push(format!("PARAMETER num_predict {}", one.module.max_tokens));
    lines.push(format!("PARAMETER num_ctx {}", one.context));
    if let Some(system) = system {
        lines.push(format!("SYSTEM {}", quoted(one, &system)?));
    }
    for turn in turns {
        lines.push(format!("MESSAGE {} {}", turn.role.name(), quoted(one, &turn.content)?));
    }
    Ok(ModuleExport { content: lines.join("\n") + "\n", notes })
}

/// The parts of a chat in a Modelfile.
struct Parts {
    system: Option<String>,
    /// The demonstrations.
    turns: Vec<Message>,
    /// The message that a user of the file sends.
    question: String,
    /// Whether the instruction was moved from the user's turn to the system turn.
    instruction_moved: bool,
}

fn parts(one: &Deployed) -> Parts {
    let is_turn = |message: &&Message| message.role != Role::System;
    let instruction_moved = match one.module.layout.instruction {
        Turn::User => one.messages.iter().filter(is_turn).count() <= 2,
        Turn::Below => true,
        Turn::System => false,
    };
    let mut messages = one.messages.clone();
    if instruction_moved {
        // An instruction beside the fields of the only question would have to be sent by the user of the file.
        let mut module = one.module.clone();
        module.layout.instruction = Turn::System;
        messages = render::prompt(&module, &one.text, &one.placeholders).messages;
    }
    if !one.answer_beginning().is_empty() {
        messages.pop();
    }
    let question = messages.pop().map_or_else(String::new, |last| last.content);
    let system = messages.iter().find(|message| message.role == Role::System).map(|message| message.content.clone());
    Parts { system, turns: messages.into_iter().filter(|message| is_turn(&message)).collect(), question, instruction_moved }
}

/// Returns a comment of one line.
fn comment(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("# {line}").trim_end().to_owned()
}

/// Returns a value in three quotes. A Modelfile has no escapes.
fn quoted(one: &Deployed, text: &str) -> Result<String, ExportError> {
    let ends_early = format!("{text}\n").split(['\n', '\r']).any(|line| line.trim_end().ends_with("\"\"\""));
    if ends_early {
        return Err(one.form_error(
            "a line of its text ends with three quotes, which would end the text in a Modelfile; --format openai can hold it",
        ));
    }
    if let Some(dropped) = text.chars().find(|&c| !is_kept(c)) {
        return Err(one.form_error(format!(
            "its text has the character U+{:04X}, which Ollama drops when it reads a Modelfile; --format openai can hold it",
            dropped as u32
        )));
    }
    Ok(format!("\"\"\"{text}\"\"\""))
}

/// Returns whether Ollama keeps a character of a Modelfile: it keeps those that Go's `unicode.IsPrint` accepts, and ASCII white
/// space.
fn is_kept(c: char) -> bool {
    // `escape_debug` escapes what the standard library's table calls unprintable. A combining mark is printable behind a letter.
    matches!(c, ' ' | '\t' | '\n' | '\r') || !format!("a{c}").escape_debug().to_string().contains("\\u{")
}

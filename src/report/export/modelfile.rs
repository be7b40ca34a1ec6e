//! A Modelfile of Ollama, as far as one can hold what was measured.
//!
//! Ollama puts SYSTEM and MESSAGE before what its user writes, and the model's own template around all of it. It has no way to
//! begin the answer, nor to set an instruction above the user's own words in the same turn. What is lost is said in the file.

use super::request::shortest;
use super::{Deployed, ExportError};
use crate::engine::settings::TOP_K;
use crate::engine::{Message, Role};
use crate::program::layout::{self, Turn};

/// The file, and what it cannot carry.
pub(super) fn write(one: &Deployed) -> Result<(String, Vec<String>), ExportError> {
    let Parts { system, turns, question, moved } = parts(one);
    let mut lost = Vec::new();
    if moved {
        lost.push(
            "the instruction stands in the system turn; in the run it stood in the user's. A run with \
             `--set layout.instruction=system` measures it there"
                .to_owned(),
        );
    }
    if !one.begun().is_empty() {
        lost.push(format!("the answer is not begun; in the run, the model went on from `{}`", one.begun()));
    }
    lost.extend(one.grammar_note());
    lost.extend(one.thinking_note());
    let mut lines = vec![
        comment(&format!("Module `{}` of a gepard run.", one.module.name)),
        comment("Send it this, with the fields' texts, trimmed, in the place of the braces:"),
        comment(""),
    ];
    lines.extend(question.lines().map(|line| comment(&format!("    {line}"))));
    lines.push(comment(""));
    if !lost.is_empty() {
        lines.push(comment("What a Modelfile cannot carry, so that answers can differ from those measured:"));
        lines.extend(lost.iter().map(|loss| comment(&format!("- {loss}"))));
    }
    lost.extend(one.model_note());
    lines.extend(one.model_note().map(|note| comment(&note)));
    lines.push(format!("FROM {}", one.model));
    lines.push(format!("PARAMETER temperature {}", shortest(one.module.temperature)));
    // Ollama's own would turn greedy answers into others.
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
    Ok((lines.join("\n") + "\n", lost))
}

/// What stands where in a Modelfile.
struct Parts {
    system: Option<String>,
    turns: Vec<Message>,
    /// What its user is to write.
    question: String,
    /// Whether the instruction had to leave the user's turn.
    moved: bool,
}

fn parts(one: &Deployed) -> Parts {
    let is_turn = |message: &&Message| message.role != Role::System;
    let moved = match one.module.layout.instruction {
        Turn::User => one.messages.iter().filter(is_turn).count() <= 2,
        Turn::Below => true,
        Turn::System => false,
    };
    let mut messages = one.messages.clone();
    if moved {
        // What stands above or below the fields of the one question belongs to the model, not to who asks it.
        let mut module = one.module.clone();
        module.layout.instruction = Turn::System;
        messages = layout::render(&module, &one.text, &one.placeholders).messages;
    }
    if !one.begun().is_empty() {
        messages.pop();
    }
    let question = messages.pop().map_or_else(String::new, |last| last.content);
    let system = messages.iter().find(|message| message.role == Role::System).map(|message| message.content.clone());
    Parts { system, turns: messages.into_iter().filter(|message| is_turn(&message)).collect(), question, moved }
}

/// A line that Ollama does not read.
fn comment(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("# {line}").trim_end().to_owned()
}

/// A value in three quotes. There is no way to escape anything in it.
fn quoted(one: &Deployed, text: &str) -> Result<String, ExportError> {
    let ends_early = format!("{text}\n").split(['\n', '\r']).any(|line| line.trim_end().ends_with("\"\"\""));
    if ends_early {
        return Err(one.wrong(
            "a line of its text ends with three quotes, which would end it in a Modelfile; --format openai has it whole",
        ));
    }
    if let Some(dropped) = text.chars().find(|&c| !is_kept(c)) {
        return Err(one.wrong(format!(
            "its text has the character U+{:04X}, which Ollama drops when it reads a Modelfile; --format openai has it whole",
            dropped as u32
        )));
    }
    Ok(format!("\"\"\"{text}\"\"\""))
}

/// Ollama keeps what Go calls printable, and white space of ASCII.
fn is_kept(c: char) -> bool {
    // The standard library's own table, which it tells through its escapes; the letter before it lets marks stand.
    matches!(c, ' ' | '\t' | '\n' | '\r') || !format!("a{c}").escape_debug().to_string().contains("\\u{")
}

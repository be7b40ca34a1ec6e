use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::deployed::placeholders;
use super::file::ModuleExport;
use super::{Deployed, Format, dspy, files, modelfile, plain, request};
use crate::engine::{Message, Shape};
use crate::program::layout::{Cue, Examples, Fields, Turn};
use crate::program::{Demonstration, Layout, Module, ModuleText, render, tests_support};

fn deployed(module: Module, text: ModuleText) -> Deployed {
    let placeholders = placeholders(&module, &text);
    let messages = render::prompt(&module, &text, &placeholders).messages;
    let grammar = render::grammar(&module, &text);
    let model = "/models/small one.gguf".to_owned();
    Deployed {
        module,
        text,
        model,
        has_model_file: true,
        is_scripted: false,
        context: 4096,
        thinking: 0,
        lora: None,
        messages,
        placeholders,
        grammar,
    }
}

fn demonstration(answer: &str) -> Demonstration {
    let inputs = vec![("text".into(), "one".into()), ("sender".into(), "Ann".into())];
    Demonstration { id: "t".into(), inputs, answer: answer.into() }
}

fn with(layout: Layout, outputs: &[&str], text: ModuleText) -> Deployed {
    deployed(Module { layout, ..tests_support::module("m", &["text", "sender"], outputs) }, text)
}

/// Replaces each placeholder with the text of its field, as a user of the export does.
fn filled(one: &Deployed, text: &str, fields: &[(String, String)]) -> String {
    one.placeholders.iter().zip(fields).fold(text.to_owned(), |text, ((_, placeholder), (_, value))| {
        let pieces: Vec<&str> = text.split(placeholder.as_str()).collect();
        pieces.join(value.trim())
    })
}

fn fields() -> Vec<(String, String)> {
    vec![("text".into(), " two \n".into()), ("sender".into(), "Bea".into())]
}

/// Reads the commands of a Modelfile as Ollama's parser does (parser/parser.go): a quoted value ends at a line break after the
/// closing quotes.
fn read_modelfile(source: &str) -> Vec<(String, String)> {
    let mut commands = Vec::new();
    let mut lines = source.split_inclusive(['\n', '\r']);
    while let Some(line) = lines.next() {
        let start = line.trim_start();
        if start.is_empty() || start.starts_with('#') {
            continue;
        }
        let (name, rest) = start.split_once(' ').unwrap();
        let (name, mut value) = match name {
            "PARAMETER" | "MESSAGE" => {
                let (second, rest) = rest.split_once(' ').unwrap();
                (format!("{name} {second}"), rest.to_owned())
            }
            _ => (name.to_owned(), rest.to_owned()),
        };
        let unquoted = loop {
            let trimmed = value.trim();
            match trimmed.strip_prefix("\"\"\"") {
                None => break trimmed.to_owned(),
                Some(inside) if trimmed.len() >= 6 && inside.ends_with("\"\"\"") => break inside[..inside.len() - 3].to_owned(),
                Some(_) => value.push_str(lines.next().unwrap()),
            }
        };
        commands.push((name, unquoted));
    }
    commands
}

/// Returns the turns of a Modelfile, with the message that its comment asks the user to send.
fn chat_of(modelfile: &str) -> Vec<(String, String)> {
    let mut chat: Vec<(String, String)> = read_modelfile(modelfile)
        .into_iter()
        .filter_map(|(name, value)| {
            Some((name.strip_prefix("MESSAGE ").or((name == "SYSTEM").then_some("system"))?.to_owned(), value))
        })
        .collect();
    let question: Vec<&str> = modelfile.lines().skip(3).take_while(|line| *line != "#").map(|line| &line[6..]).collect();
    chat.push(("user".into(), question.join("\n")));
    chat
}

fn turns(messages: &[Message]) -> Vec<(String, String)> {
    messages.iter().map(|m| (format!("{:?}", m.role).to_lowercase(), m.content.clone())).collect()
}

#[test]
fn a_placeholder_occurs_nowhere_else_in_the_chat() {
    let text = ModuleText::new("Fill {text} and {{text}}.");
    let one = with(Layout::default(), &["label"], text);
    assert_eq!(one.placeholders[0].1, "{{{text}}}");
    assert_eq!(one.placeholders[1].1, "{sender}");
}

#[test]
fn a_modelfile_with_demonstrations_is_the_chat_without_the_begun_answer() {
    let text = ModuleText {
        demonstrations: vec![demonstration("a"), demonstration("b")],
        ..ModuleText::new("Sort \"\"\"it\"\"\".\n# x")
    };
    let one = with(Layout::default(), &["label"], text);
    let ModuleExport { content: written, notes: lost } = modelfile::write(&one).unwrap();
    let mut sent = turns(&one.messages);
    assert_eq!(sent.pop().unwrap(), ("assistant".into(), "label:".into()));
    assert_eq!(chat_of(&written), sent);
    assert_eq!(lost, ["the answer is not begun; in the run, the model continued `label:`"]);
    let commands: BTreeMap<String, String> = read_modelfile(&written).into_iter().collect();
    assert_eq!(commands["FROM"], "/models/small one.gguf");
    assert_eq!((commands["PARAMETER num_predict"].as_str(), commands["PARAMETER temperature"].as_str()), ("8", "0.0"));
}

#[test]
fn a_modelfile_without_demonstrations_says_that_the_instruction_moved() {
    let one = with(Layout::default(), &["label"], ModuleText::new("Sort it."));
    let ModuleExport { content: written, notes: lost } = modelfile::write(&one).unwrap();
    assert_eq!(
        chat_of(&written),
        [("system".into(), "Sort it.".into()), ("user".into(), "text: {text}\nsender: {sender}".to_owned())]
    );
    assert!(lost[0].contains("layout.instruction=system"), "{lost:?}");
    let system = Layout { instruction: Turn::System, answer: Cue::Label, ..Layout::default() };
    let one = with(system, &["label"], ModuleText::new("Sort it."));
    let ModuleExport { content: written, notes: lost } = modelfile::write(&one).unwrap();
    assert_eq!(
        (chat_of(&written), lost),
        (turns(&one.messages), Vec::new()),
        "nothing is lost if Ollama's own layout was measured"
    );
}

#[test]
fn a_text_that_a_modelfile_would_change_is_refused() {
    for (instruction, says) in
        [("Answer in \"\"\"\nquotes", "three quotes"), ("Two\u{a0}words", "U+00A0"), ("a\u{200d}b", "U+200D")]
    {
        let one = with(Layout::default(), &["label"], ModuleText::new(instruction));
        let error = modelfile::write(&one).unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("--format openai"), "{error}");
    }
    let one = with(Layout::default(), &["label"], ModuleText::new("Grüße, 你好, नमस्ते, e\u{301}!"));
    assert!(modelfile::write(&one).is_ok());
}

#[test]
fn a_dspy_state_has_the_fields_of_demonstrations() {
    let text = ModuleText {
        demonstrations: vec![demonstration("because\nlabel: a\nwhy: b")],
        reasoning: true,
        ..ModuleText::new("Do.")
    };
    let one = with(Layout::default(), &["label", "why"], text);
    let state: Value = serde_json::from_str(&dspy::state(&[one]).unwrap().content).unwrap();
    let demo = &state["m.predict"]["demos"][0];
    assert_eq!([&demo["text"], &demo["reasoning"], &demo["label"], &demo["why"]], ["one", "because", "a", "b"]);
    assert_eq!(state["m.predict"]["signature"]["fields"][2]["description"], "${reasoning}");
    let one =
        with(Layout::default(), &["label"], ModuleText { demonstrations: vec![demonstration("a")], ..ModuleText::new("Do.") });
    let state: Value = serde_json::from_str(&dspy::state(&[one]).unwrap().content).unwrap();
    assert_eq!(state["m"]["demos"][0]["label"], "a");
    for name in ["a text", "from"] {
        let odd = deployed(tests_support::module("m", &[name], &["label"]), ModuleText::new("Do."));
        assert!(dspy::state(&[odd]).unwrap_err().to_string().contains(&format!("`{name}` is not a name in Python")));
    }
}

#[test]
fn a_command_line_quotes_its_arguments_and_carries_the_grammar() {
    let mut module = tests_support::module("m", &["text"], &["label"]);
    module.shapes.insert("label".into(), Shape::Flag);
    let mut one = deployed(module, ModuleText::new("It's so."));
    one.model = "/it's/a.gguf".into();
    let ModuleExport { content: script, notes } = request::llama_server(&one);
    assert!(script.contains(r"--model '/it'\''s/a.gguf' --ctx-size 4096"), "{script}");
    let body = script.split("<<'JSON'\n").nth(1).unwrap().strip_suffix("\nJSON\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["messages"], serde_json::json!(one.messages));
    assert!(body["grammar"].as_str().unwrap().starts_with("%llguidance {}\nstart:"), "{body}");
    assert!(notes.iter().any(|note| note.contains("LLAMA_LLGUIDANCE")), "{notes:?}");
}

#[test]
fn the_notes_about_a_command_are_above_it() {
    let one = with(Layout::default(), &["label"], ModuleText::new("Sort it."));
    let ModuleExport { content: script, notes } = request::llama_server(&Deployed { has_model_file: false, ..one });
    let (server, request) = script.split_once("\nllama-server --model").unwrap();
    assert!(server.ends_with("is not on this machine: replace the name with the path of the file"), "{script}");
    assert!(
        !request.contains("path of the file") && request.contains("# replace `{text}`, `{sender}` with the fields' texts"),
        "{script}"
    );
    assert_eq!(notes.len(), 2, "{notes:?}");
}

fn layouts() -> impl Strategy<Value = Layout> {
    let turn = prop_oneof![Just(Turn::User), Just(Turn::System), Just(Turn::Below)];
    let shown = prop_oneof![Just(Fields::Labelled), Just(Fields::Bare)];
    let cue = prop_oneof![Just(Cue::Label), Just(Cue::Begun), Just(Cue::None)];
    let examples = prop_oneof![Just(Examples::Turns), Just(Examples::Text)];
    (turn, shown, cue, examples, any::<bool>()).prop_map(|(instruction, fields, answer, examples, placeholders)| Layout {
        instruction,
        fields,
        answer,
        examples,
        placeholders,
    })
}

proptest! {
    /// A request whose placeholders are replaced is the chat that the run sent.
    #[test]
    fn a_request_is_the_chat_of_the_run(
        layout in layouts(),
        instruction in "[ -~\n{}äß]{1,60}",
        demonstrations in 0_usize..3,
        reasoning: bool,
        outputs in 1_usize..3,
        value in "[ -~\n{}ä]{0,30}",
    ) {
        let demonstrations = vec![demonstration("{text} a"); demonstrations];
        let one = with(layout, &["label", "why"][..outputs], ModuleText { instruction, demonstrations, nearest: None, reasoning, layout: None });
        // `filled` replaces one placeholder after the other, so it must not be given a text with the other's placeholder.
        prop_assume!(!one.placeholders.iter().any(|(_, placeholder)| value.contains(placeholder.as_str())));
        let fields = vec![("text".to_owned(), value), ("sender".to_owned(), "Bea".to_owned())];
        let body: Value = serde_json::from_str(&request::openai(&one).content).unwrap();
        let sent: Vec<Message> = serde_json::from_value(body["messages"].clone()).unwrap();
        let sent: Vec<Message> = sent.into_iter().map(|m| Message { content: filled(&one, &m.content, &fields), ..m }).collect();
        prop_assert_eq!(&sent, &one.chat(&fields));
        for message in &one.messages {
            prop_assert!(plain::text(&one).contains(&message.content));
        }
    }

    /// Ollama reads from a Modelfile the chat that was written into it.
    #[test]
    fn a_modelfile_is_read_as_it_was_written(
        layout in layouts(),
        instruction in "[ -~\n\"ä]{1,60}",
        answer in "[ -~\n\"]{1,20}",
        demonstrations in 0_usize..3,
    ) {
        let demonstrations = vec![demonstration(&answer); demonstrations];
        let one = with(layout, &["label"], ModuleText { demonstrations, ..ModuleText::new(instruction) });
        if let Ok(ModuleExport { content: written, notes: lost }) = modelfile::write(&one) {
            let moved = lost.iter().any(|loss| loss.contains("layout.instruction=system"));
            let mut sent = turns(&one.messages);
            if !one.answer_beginning().is_empty() {
                sent.pop();
            }
            let read = chat_of(&written);
            match moved {
                false => prop_assert_eq!(read, sent),
                true if layout.instruction == Turn::Below => {
                    let system = Layout { instruction: Turn::System, ..layout };
                    let mut above = turns(&with(system, &["label"], one.text.clone()).messages);
                    above.truncate(read.len());
                    prop_assert_eq!(read, above);
                }
                true => prop_assert_eq!(read.iter().map(|(_, content)| content.as_str()).collect::<Vec<_>>().join("\n\n"), sent[0].1.clone()),
            }
        }
    }
}

#[test]
fn texts_of_fields_are_trimmed() {
    let one = with(Layout::default(), &["label"], ModuleText::new("Sort it."));
    assert_eq!(filled(&one, &one.messages[0].content, &fields()), one.chat(&fields())[0].content);
}

#[test]
fn every_form_that_loses_the_bound_of_the_reasoning_says_so() {
    let one = Deployed { thinking: 64, ..with(Layout::default(), &["team"], ModuleText::new("Sort it.")) };
    let modules = [one];
    for (format, holds_it) in
        [(Format::Json, true), (Format::OpenAi, false), (Format::LlamaServer, false), (Format::Modelfile, false)]
    {
        let file = files(&modules, format).unwrap().remove(0);
        let says = |text: &str| text.contains("64 tokens of reasoning");
        assert_eq!(file.content.contains(r#""thinking": 64"#), holds_it, "{format:?}");
        assert_eq!(file.notes.iter().any(|note| says(note)), !holds_it, "{format:?}");
        // A file that can have comments says it, too.
        assert_eq!(says(&file.content), matches!(format, Format::LlamaServer | Format::Modelfile), "{format:?}");
    }
}

#[test]
fn an_adapter_is_told_in_every_form() {
    let lora = Some((std::path::PathBuf::from("/a.gguf"), 0.5));
    let one = Deployed { lora, ..with(Layout::default(), &["team"], ModuleText::new("Sort it.")) };
    for format in [Format::Text, Format::Json, Format::Modelfile, Format::OpenAi, Format::Dspy, Format::LlamaServer] {
        let files = files(&[one.clone(), one.clone()], format).unwrap();
        let told: Vec<bool> =
            files.iter().map(|file| file.notes.iter().any(|note| note.contains("--lora-scaled /a.gguf:0.5"))).collect();
        assert!(told.iter().all(|told| *told), "{format:?}");
    }
}

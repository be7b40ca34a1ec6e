//! Reasoning with a budget, on the test model with a chat template that marks reasoning.

use std::path::{Path, PathBuf};

use crate::models::{SETTINGS, answer, model_file};
use crate::support::model;
use gepard::engine::llama::Llama;
use gepard::engine::settings::ModelFile;
use gepard::engine::{Decoding, Ended, Engine, Grammar, Message, ModelId, Request, Role, Shape};

/// A template like Qwen3's: it closes the reasoning itself if none is wanted.
const TEMPLATE: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n\
                        {% if not enable_thinking %}<think>\n\n</think>\n\n{% endif %}";

/// Writes a copy of the test model with another template, padded to the same length.
fn reasoner(folder: &Path) -> PathBuf {
    let mut bytes = std::fs::read(model()).unwrap();
    let key = b"tokenizer.chat_template";
    let length = bytes.windows(key.len()).position(|window| window == key).unwrap() + key.len() + 4;
    let text = length + 8;
    let count = usize::try_from(u64::from_le_bytes(bytes[length..text].try_into().unwrap())).unwrap();
    let comment = count - TEMPLATE.len() - "{##}".len();
    let template = format!("{TEMPLATE}{{#{}#}}", " ".repeat(comment));
    bytes[text..text + count].copy_from_slice(template.as_bytes());
    let path = folder.join("reasoner.gguf");
    std::fs::write(&path, bytes).unwrap();
    path
}

fn file(path: PathBuf, name: &str, thinking: u32) -> ModelFile {
    ModelFile { context: Some(512), thinking, ..model_file(name, path) }
}

fn request(model: usize, answer_start: &str, decoding: Decoding) -> Request {
    let mut messages = vec![Message::user("Name the capital of France.")];
    if !answer_start.is_empty() {
        messages.push(Message { role: Role::Assistant, content: answer_start.into() });
    }
    Request { model: ModelId(model), messages, breakpoints: vec![], decoding, seed: 1 }
}

#[test]
fn reasoning_ends_at_its_budget_and_the_answer_follows() {
    let folder = tempfile::tempdir().unwrap();
    let path = reasoner(folder.path());
    let mut engine = Llama::open(&[file(path.clone(), "task", 12), file(path, "plain", 0)], SETTINGS).unwrap();
    assert!(engine.context_length(ModelId(0)) < engine.context_length(ModelId(1)));
    let city = Grammar::value(&Shape::Values(vec!["Rome".into(), "Paris".into()]));
    let bound = Decoding { grammar: Some(city), ..Decoding::greedy(8) };
    let requests = [
        request(0, "", Decoding::greedy(6)),
        request(0, "The capital of France is", Decoding::greedy(6)),
        request(0, "", bound),
        request(1, "The capital of France is", Decoding::greedy(6)),
    ];
    let answers = answer(&mut engine, &requests);
    for answer in &answers[..3] {
        let thought = answer.reasoning.as_deref().unwrap();
        assert!(!thought.is_empty() && !thought.contains("think>") && !answer.text.contains("think>"), "{answer:?}");
        assert!((1..=12).contains(&answer.usage.reasoned) && answer.usage.decoded > answer.usage.reasoned, "{answer:?}");
    }
    assert_eq!(answers[0].ended, Ended::Length);
    assert!(answers[1].text.contains("Paris"), "{:?}", answers[1]);
    assert!(["Rome", "Paris"].contains(&answers[2].text.trim()), "{:?}", answers[2]);
    assert_eq!((answers[3].reasoning.as_deref(), answers[3].usage.reasoned), (None, 0));
    assert!(answers[3].text.contains("Paris"), "{:?}", answers[3]);
    // Greedy answers are the same alone and in a wave.
    for (request, in_wave) in requests.iter().zip(&answers) {
        let alone = &answer(&mut engine, std::slice::from_ref(request))[0];
        assert_eq!((&alone.text, &alone.reasoning), (&in_wave.text, &in_wave.reasoning));
    }
}

#[test]
fn thinking_that_the_template_or_the_context_does_not_allow_is_an_error() {
    let error = Llama::open(&[file(model(), "task", 12)], SETTINGS).err().unwrap().to_string();
    assert!(error.contains("`thinking` is set") && error.contains("leave it out"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let error = Llama::open(&[file(reasoner(folder.path()), "task", 500)], SETTINGS).err().unwrap().to_string();
    assert!(error.contains("`thinking = 500` leaves nothing of the context of 512"), "{error}");
}

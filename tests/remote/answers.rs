//! Requests as each server gets them, and its answers as they are read.

use std::ops::ControlFlow;

use gepard::engine::remote::ServedModel;
use gepard::engine::{Completion, Ended, Engine, Grammar, Message, ModelId, Request, Role, ScoreRequest, Shape};
use serde_json::{Value, json};

use crate::double::{Double, Reply, answer, error, model, open, request, texts};

/// Sends one request to a double, and returns the request as it got there, and the answer.
fn sent(software: &'static str, request: &Request, change: fn(&mut ServedModel)) -> (Value, Completion) {
    let double = Double::new(software, |_| answer(" billing"));
    let mut model = model(vec![double.url()]);
    change(&mut model);
    let mut engine = open(model).unwrap();
    let mut answers = engine.generate(std::slice::from_ref(request), &mut |_| ControlFlow::Continue(())).unwrap();
    let chat = double.state.chats.lock().unwrap()[0].clone();
    (chat, answers.remove(0))
}

/// A request whose answer is begun and held to values.
fn begun() -> Request {
    let mut request = request("Which team?");
    request.messages.push(Message { role: Role::Assistant, content: "label:".into() });
    request.decoding.grammar = Some(Grammar::value(&Shape::Values(vec!["billing".into(), "sales".into()])));
    request.decoding.stop = vec!["\n".into()];
    request
}

const GBNF: &str = "root ::= \" \"? v0\nv0 ::= \"billing\" | \"sales\"\n";

#[test]
fn a_begun_answer_and_its_form_are_sent_as_each_server_knows_them() {
    let (vllm, answer) = sent("vllm", &begun(), |_| {});
    assert_eq!(vllm["continue_final_message"], true);
    assert_eq!(vllm["add_generation_prompt"], false);
    assert_eq!(vllm["structured_outputs"], json!({ "grammar": GBNF }));
    assert_eq!((&vllm["stop"], &vllm["max_tokens"], &vllm["temperature"]), (&json!(["\n"]), &json!(16), &json!(0.0)));
    assert_eq!(vllm["messages"][1], json!({ "role": "assistant", "content": "label:" }));
    assert_eq!(vllm["chat_template_kwargs"]["enable_thinking"], false);
    assert_eq!(answer.text, " billing");
    let (sglang, _) = sent("sglang", &begun(), |_| {});
    assert_eq!((&sglang["continue_final_message"], &sglang["ebnf"]), (&json!(true), &json!(GBNF)));
    let (llama, answer) = sent("llamacpp", &begun(), |_| {});
    // The server repeats the beginning, which is no part of the answer.
    assert_eq!(answer.text, " billing");
    assert_eq!((llama.get("continue_final_message"), &llama["grammar"]), (None, &json!(GBNF)));
    assert_eq!(llama["repeat_penalty"], 1.0);
}

#[test]
fn what_a_plain_server_cannot_do_is_told_and_asked_for_in_words() {
    let double = Double::new("plain", |_| answer("label: billing"));
    let mut engine = open(model(vec![double.url()])).unwrap();
    let notes = engine.notes().join("\n");
    for told in ["does not continue begun answers", "holds no answer to a form", "scores no given answers"] {
        assert!(notes.contains(told), "{notes}");
    }
    assert!(notes.contains("an OpenAI-compatible server"), "{notes}");
    // The beginning that the model was asked for is not part of the answer.
    assert_eq!(texts(&mut engine, &[begun()]).unwrap(), [" billing"]);
    let chat = double.state.chats.lock().unwrap()[0].clone();
    assert_eq!(chat["messages"].as_array().unwrap().len(), 1);
    assert_eq!(chat["messages"][0]["content"], "Which team?\n\nBegin your answer with exactly this:\nlabel:");
    for key in ["continue_final_message", "chat_template_kwargs", "response_format", "repetition_penalty"] {
        assert_eq!(chat.get(key), None, "{key}");
    }
}

#[test]
fn a_server_that_refuses_begun_answers_under_a_schema_is_asked_for_their_beginning_in_words() {
    let mut request = request("What is in it?");
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } }, "required": ["n"] });
    request.decoding.grammar = Some(Grammar::value(&Shape::Json(schema)));
    request.messages.push(Message { role: Role::Assistant, content: "answer:".into() });
    let (vllm, _) = sent("vllm", &request, |_| {});
    assert_eq!((&vllm["continue_final_message"], vllm["messages"].as_array().unwrap().len()), (&json!(true), 2));
    let (llama, _) = sent("llamacpp", &request, |_| {});
    let messages = llama["messages"].as_array().unwrap();
    assert_eq!((messages.len(), &messages[0]["role"]), (1, &json!("user")));
    assert!(messages[0]["content"].as_str().unwrap().ends_with("Begin your answer with exactly this:\nanswer:"));
    assert!(llama.get("json_schema").is_some());
}

#[test]
fn a_schema_is_sent_as_each_server_knows_it() {
    let mut request = request("What is in it?");
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } }, "required": ["n"] });
    request.decoding.grammar = Some(Grammar::value(&Shape::Json(schema)));
    let n = |schema: &Value| schema["properties"]["n"]["type"].clone();
    assert_eq!(n(&sent("vllm", &request, |_| {}).0["structured_outputs"]["json"]), "integer");
    assert_eq!(n(&sent("sglang", &request, |_| {}).0["response_format"]["json_schema"]["schema"]), "integer");
    assert_eq!(n(&sent("llamacpp", &request, |_| {}).0["json_schema"]), "integer");
    assert_eq!(n(&sent("library", &request, |_| {}).0["response_format"]["json_schema"]["schema"]), "integer");
}

#[test]
fn reasoning_is_bounded_where_the_server_can_and_does_not_count_as_answer() {
    let double = Double::new("vllm", |_| {
        let message = json!({ "role": "assistant", "content": "label: billing", "reasoning_content": "a refund" });
        let usage = json!({ "prompt_tokens": 40, "completion_tokens": 9, "completion_tokens_details": { "reasoning_tokens": 6 },
                            "prompt_tokens_details": { "cached_tokens": 32 } });
        let reply = json!({ "choices": [{ "message": message, "finish_reason": "length" }], "usage": usage });
        Reply::Status(200, Vec::new(), reply.to_string())
    });
    let mut engine = open(ServedModel { thinking: 100, ..model(vec![double.url()]) }).unwrap();
    let mut answers = engine.generate(&[begun(), begun()], &mut |_| ControlFlow::Continue(())).unwrap();
    let chat = double.state.chats.lock().unwrap()[0].clone();
    assert_eq!((&chat["thinking_token_budget"], &chat["max_tokens"]), (&json!(100), &json!(116)));
    assert_eq!(chat["chat_template_kwargs"]["enable_thinking"], true);
    // There is no place for reasoning in a begun answer.
    assert_eq!(chat["messages"].as_array().unwrap().len(), 1);
    let second = answers.pop().unwrap();
    let first = answers.pop().unwrap();
    assert_eq!((first.text.as_str(), first.reasoning.as_deref(), &first.ended), (" billing", Some("a refund"), &Ended::Length));
    let usage = first.usage;
    assert_eq!((usage.prefilled, usage.reused, usage.unique, usage.decoded, usage.reasoned), (8, 32, 40, 9, 6));
    assert_eq!(second.usage.unique, 0, "the same prompt again has nothing of its own");
    assert_eq!(first.served.unwrap().server, double.url());
}

#[test]
fn sampling_is_the_same_whatever_the_server_defaults_to() {
    let mut drawn = request("Write.");
    drawn.decoding.temperature = 0.5;
    drawn.seed = u64::MAX;
    let (chat, _) = sent("vllm", &drawn, |model| model.api_key = Some("secret".into()));
    assert_eq!((&chat["top_p"], &chat["top_k"], &chat["min_p"]), (&json!(1.0), &json!(40), &json!(0.0)));
    assert_eq!((&chat["repetition_penalty"], &chat["seed"]), (&json!(1.0), &json!(0x7fff_ffff)));
}

#[test]
fn the_key_is_sent_as_bearer() {
    let double = Double::new("vllm", |_| answer("a"));
    let mut engine = open(ServedModel { api_key: Some("secret".into()), ..model(vec![double.url()]) }).unwrap();
    texts(&mut engine, &[request("a")]).unwrap();
    let headers = double.state.headers.lock().unwrap().clone();
    assert_eq!(headers["authorization"], "Bearer secret");
    assert!(headers["user-agent"].starts_with("gepard/"), "{headers:?}");
    // Nothing that names the user or the machine goes along.
    let known = ["accept", "authorization", "content-length", "content-type", "host", "user-agent"];
    assert!(headers.keys().all(|name| known.contains(&name.as_str())), "{headers:?}");
}

#[test]
fn vllm_scores_given_continuations() {
    let double = Double::new("vllm", |_| answer("a"));
    let mut engine = open(model(vec![double.url()])).unwrap();
    let score = |continuations: &[&str], first_token_only| ScoreRequest {
        model: ModelId(0),
        messages: vec![Message::user("Which?")],
        breakpoints: Vec::new(),
        continuations: continuations.iter().map(|&text| text.to_owned()).collect(),
        first_token_only,
    };
    let requests = [score(&["B", "Ba"], false), score(&["Ba"], true), score(&[""], false)];
    let answers = engine.score(&requests, &mut |_| ControlFlow::Continue(())).unwrap();
    let sums = |index: usize| -> Vec<(f64, bool)> {
        answers[index].continuations.as_ref().unwrap().iter().map(|s| (s.log_probability(), s.is_greedy())).collect()
    };
    assert_eq!((sums(0), sums(1)), (vec![(-0.25, true), (-2.25, false)], vec![(-0.25, true)]));
    assert_eq!(answers[2].continuations, Err("its continuation 1 is empty".into()));
    // Another server scores nothing, and says so.
    let double = Double::new("sglang", |_| error(500, "no"));
    let mut engine = open(model(vec![double.url()])).unwrap();
    let answers = engine.score(&[score(&["B"], false)], &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(answers[0].continuations, Err("its servers score no given answers".into()));
}

#[test]
fn what_a_server_says_about_itself_is_in_the_fingerprint() {
    for (software, server, context) in [
        ("vllm", "vLLM 0.11.0", 4096),
        ("sglang", "SGLang 0.5.4", 4096),
        ("llamacpp", "llama-server b6700-abc with /m/small.gguf", 2048),
        ("plain", "an OpenAI-compatible server ", 4096),
    ] {
        let double = Double::new(software, |_| answer("a"));
        let engine = open(model(vec![double.url()])).unwrap();
        let fingerprint: std::collections::BTreeMap<String, String> = engine.fingerprint().into_iter().collect();
        assert_eq!(fingerprint["model.task.server"], server);
        assert_eq!(engine.context_length(ModelId(0)), context);
    }
}

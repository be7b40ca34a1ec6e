//! Forms of answers as servers get them, and replies as they are read.

use std::ops::ControlFlow;

use gepard::engine::{Completion, Ended, Engine, Grammar, Message, Request, Role, Shape};
use serde_json::{Value, json};

use crate::double::{Double, Reply, answer, model, open, request};

/// The grammar that a server gets for a request, as text. Null if it gets none.
fn form(grammar: Grammar, begun: Option<&str>) -> Value {
    let mut request = request("Which?");
    request.decoding.grammar = Some(grammar);
    request.messages.extend(begun.map(|begun| Message { role: Role::Assistant, content: begun.into() }));
    let double = Double::new("sglang", |_| answer("a"));
    // A model that reasons is asked in words to begin its answer, so that it may repeat the beginning.
    let thinking = if begun.is_some() { 10 } else { 0 };
    let mut engine = open(gepard::engine::remote::ServedModel { thinking, ..model(vec![double.url()]) }).unwrap();
    engine.generate(&[request], &mut |_| ControlFlow::Continue(())).unwrap();
    let chat = double.state.chats.lock().unwrap()[0].clone();
    chat["ebnf"].clone()
}

#[test]
fn values_lines_and_commands_become_gbnf() {
    let values = Shape::Values(vec!["late".into(), "a \"b\"\n".into()]);
    assert_eq!(form(Grammar::value(&values), None), "root ::= \" \"? v0\nv0 ::= \"late\" | \"a \\\"b\\\"\\n\"\n");
    let fields = [("urgency", &values), ("why", &Shape::Text), ("n", &Shape::Number)];
    assert_eq!(
        form(Grammar::lines(&fields, true, None), Some("urgency:")),
        "root ::= \"urgency:\"? \" \"? v0 \"\\nwhy:\" \" \"? v1 \"\\nn:\" \" \"? v2\n\
         v0 ::= \"late\" | \"a \\\"b\\\"\\n\"\n\
         v1 ::= [^ \\t\\r\\n]+ ( [ \\t] [^ \\t\\r\\n]+ )*\n\
         v2 ::= \"-\"? [0-9]{1,15} ( \".\" [0-9]{1,9} )?\n"
    );
    assert_eq!(
        form(Grammar::command(&["delete 1".into()], &["add:".into()], 5), None),
        "root ::= \"delete 1\" | (\"add:\") \" \"? text\ntext ::= [^ \\t\\r\\n`] [^\\n`]{0,4}\n"
    );
}

#[test]
fn reasoning_up_to_a_label_becomes_an_automaton() {
    assert_eq!(
        form(Grammar::lines(&[("a", &Shape::Flag)], false, Some("why")), None),
        "root ::= \"why:\" v0 \" \"? v1\n\
         v0 ::= [^\\n:a] v0 | [\\n] v0s1 | [:] v0 | [a] v0\n\
         v0s1 ::= [^\\n:a] v0 | [\\n] v0s1 | [:] v0 | [a] v0s2\n\
         v0s2 ::= [^\\n:a] v0 | [\\n] v0s1 | [:] | [a] v0\n\
         v1 ::= \"true\" | \"false\"\n"
    );
}

#[test]
fn lists_become_gbnf_and_a_schema_beside_other_fields_cannot() {
    let list = Shape::List(vec!["x".into(), "y".into()]);
    assert!(form(Grammar::lines(&[("a", &Shape::Flag), ("b", &list)], false, None), None).as_str().unwrap().ends_with(
        "v1 ::= \"[\" ( ( \"\\\"x\\\"\" | \"\\\"y\\\"\" ) ( \", \" ( \"\\\"x\\\"\" | \"\\\"y\\\"\" ) ){0,1} )? \"]\"\n"
    ));
    assert!(
        form(Grammar::lines(&[("a", &Shape::List(Vec::new()))], false, None), None).as_str().unwrap().contains("[0-9a-fA-F]")
    );
    let schema = Shape::Json(json!({ "type": "object" }));
    assert_eq!(form(Grammar::lines(&[("a", &Shape::Flag), ("b", &schema)], false, None), None), Value::Null);
}

/// The answer to a request for which a server gives this reply.
fn read(reply: Value) -> Completion {
    let double = Double::new("plain", move |_| Reply::Status(200, Vec::new(), reply.to_string()));
    let mut engine = open(model(vec![double.url()])).unwrap();
    let request: Request = request("abcdefgh");
    engine.generate(&[request], &mut |_| ControlFlow::Continue(())).unwrap().remove(0)
}

/// Replies as the servers' documentation shows them.
#[test]
fn the_replies_of_each_server_are_read() {
    let vllm = read(json!({
        "id": "chatcmpl-1", "object": "chat.completion", "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": " billing", "reasoning_content": null},
                     "logprobs": null, "finish_reason": "stop", "stop_reason": null}],
        "usage": {"prompt_tokens": 40, "total_tokens": 42, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 32}},
        "prompt_logprobs": null
    }));
    assert_eq!((vllm.text.as_str(), &vllm.ended), (" billing", &Ended::Stop));
    assert_eq!((vllm.usage.prefilled, vllm.usage.reused, vllm.usage.decoded), (8, 32, 2));
    let sglang = read(json!({
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "a", "reasoning_content": "so\n"},
                     "finish_reason": "length", "matched_stop": null}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 8, "total_tokens": 17, "reasoning_tokens": 7}
    }));
    assert_eq!((sglang.reasoning.as_deref(), sglang.usage.reasoned, &sglang.ended), (Some("so"), 7, &Ended::Length));
    let message = json!({"role": "assistant", "content": "<think>\nso so so\n</think>\n\nyes"});
    let ollama = read(json!({ "choices": [{"index": 0, "message": message, "finish_reason": "stop"}] }));
    assert_eq!((ollama.text.as_str(), ollama.reasoning.as_deref()), ("yes", Some("so so so")));
    // A server that counts nothing: four bytes are taken for a token.
    assert_eq!((ollama.usage.prefilled, ollama.usage.decoded, ollama.usage.reasoned), (4, 3, 2));
    let filtered = read(json!({"choices": [{"message": {"content": null}, "finish_reason": "content_filter"}]}));
    assert_eq!(filtered.ended, Ended::Refused("the server ended the answer for the reason `content_filter`".into()));
}

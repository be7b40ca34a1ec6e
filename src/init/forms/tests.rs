//! Tests of the forms of other programs.

use serde_json::{Value, json};

use super::convert;
use crate::data::Example;

fn rows(values: &[Value]) -> Vec<Example> {
    let row = |(n, value): (usize, &Value)| Example { id: n.to_string(), fields: value.as_object().unwrap().clone() };
    values.iter().enumerate().map(row).collect()
}

#[test]
fn rows_of_other_programs_become_fields() {
    let user = |text: &str| json!({ "role": "user", "content": text });
    let assistant = |text: &str| json!({ "role": "assistant", "content": text });
    let system = json!({ "role": "system", "content": "Be short." });
    let cases = [
        (json!({ "messages": [system, user("Hi"), assistant("Yes?")] }), json!({ "message": "Hi", "answer": "Yes?" })),
        (
            json!({ "messages": [user("Hi"), assistant("Yes?"), user("No"), assistant("So?")] }),
            json!({ "conversation": "user: Hi\nassistant: Yes?\nuser: No", "answer": "So?" }),
        ),
        (
            json!({ "conversations": [{ "from": "human", "value": "Hi" }, { "from": "gpt", "value": "Yes?" }] }),
            json!({ "message": "Hi", "answer": "Yes?" }),
        ),
        (
            json!({ "messages": [{ "role": "user", "content": [{ "type": "text", "text": "Hi" }] }, assistant("Yes?")] }),
            json!({ "message": "Hi", "answer": "Yes?" }),
        ),
        (
            json!({ "prompt": "Hi", "chosen": "Yes?", "rejected": "No.", "score_chosen": 3 }),
            json!({ "prompt": "Hi", "answer": "Yes?" }),
        ),
        (
            json!({ "chosen": [user("Hi"), assistant("Yes?")], "rejected": [user("Hi"), assistant("No.")] }),
            json!({ "prompt": "Hi", "answer": "Yes?" }),
        ),
        (
            json!({ "prompt": [user("Hi")], "chosen": [assistant("Yes?")], "rejected": [assistant("No.")] }),
            json!({ "prompt": "Hi", "answer": "Yes?" }),
        ),
        (
            json!({ "description": "d", "vars": { "text": "t", "tone": "x" }, "assert": [{ "type": "equals", "value": "pos" }] }),
            json!({ "text": "t", "tone": "x", "expected": "pos" }),
        ),
        (
            json!({ "vars": { "text": "t" }, "assert": [{ "type": "cost" }, { "type": "icontains", "value": "pos" }] }),
            json!({ "text": "t", "expected": "pos" }),
        ),
        (
            json!({ "id": 3, "data": { "text": "t" }, "annotations": [{ "result": [
                { "from_name": "mood", "type": "choices", "value": { "choices": ["good"] } }] }] }),
            json!({ "text": "t", "mood": "good" }),
        ),
        (
            json!({ "data": { "text": "Ann is here" }, "annotations": [{ "result": [
                { "from_name": "ner", "type": "labels", "value": { "start": 0, "end": 3, "text": "Ann", "labels": ["PER"] } }] }] }),
            json!({ "text": "Ann is here", "entities": [{ "type": "PER", "text": "Ann" }] }),
        ),
        (
            json!({ "data": { "q": "t" }, "annotations": [{ "result": [
                { "from_name": "said", "type": "textarea", "value": { "text": ["so"] } }] }] }),
            json!({ "q": "t", "said": "so" }),
        ),
        (json!({ "id": 1, "text": "t", "label": ["good"], "Comments": [] }), json!({ "text": "t", "label": "good" })),
        (
            json!({ "id": 1, "text": "Äm Ann", "label": [[3, 6, "PER"]] }),
            json!({ "text": "Äm Ann", "entities": [{ "type": "PER", "text": "Ann" }] }),
        ),
        (
            json!({ "text": "Ann", "entities": [{ "id": 1, "label": "PER", "start_offset": 0, "end_offset": 3 }], "relations": [] }),
            json!({ "text": "Ann", "entities": [{ "type": "PER", "text": "Ann" }] }),
        ),
    ];
    for (row, wanted) in cases {
        let converted = convert(&rows(&[row.clone(), row])).unwrap().unwrap();
        assert_eq!(Value::Object(converted.rows[0].fields.clone()), wanted);
        assert_eq!(Some(&converted.output), converted.rows[0].fields.keys().next_back());
    }
    let chat = json!({ "messages": [system, user("Hi"), assistant("Yes?")] });
    assert_eq!(convert(&rows(&[chat])).unwrap().unwrap().instruction.as_deref(), Some("Be short."));
}

#[test]
fn what_cannot_be_converted_is_named() {
    for (row, says) in [
        (json!({ "messages": [{ "role": "user", "content": "Hi" }] }), "chats (`messages`), and in the row `0` the last message"),
        (
            json!({ "messages": [{ "role": "user", "content": "Hi" }, { "role": "assistant", "content": null, "tool_calls": [] }] }),
            "has no text, such as a call of a tool",
        ),
        (json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url" }] }] }), "such as an image"),
        (
            json!({ "chosen": "a", "rejected": "b" }),
            "preferences (`chosen`, `rejected`), and in the row `0` there is no `prompt`",
        ),
        (json!({ "vars": { "a": 1 }, "assert": [{ "type": "llm-rubric", "value": "nice" }] }), "tests of promptfoo"),
        (json!({ "data": { "text": "t" }, "annotations": [] }), "an export of Label Studio without annotations"),
        (json!({ "text": "t", "label": [[0, 9, "PER"]] }), "a span of the row `0` lies outside"),
    ] {
        let error = convert(&rows(&[row])).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
    for other in [
        json!({ "text": "t", "label": "a" }),
        json!({ "text": "t", "label": ["a", "b"] }),
        json!({ "text": "t", "messages": "none" }),
        json!({ "vars": "x", "answer": "y" }),
        json!({ "text": "t", "chosen": "a" }),
    ] {
        assert_eq!(convert(&rows(&[other])), Ok(None));
    }
}

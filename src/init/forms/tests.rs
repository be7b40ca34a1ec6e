//! Tests of the forms of other programs.

use serde_json::{Value, json};

use super::{convert, unfold};
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
            json!({ "input": { "messages": [user("Hi")], "tools": [], "parallel_tool_calls": true },
                "preferred_output": [assistant("Yes?")], "non_preferred_output": [assistant("No.")] }),
            json!({ "prompt": "Hi", "answer": "Yes?" }),
        ),
        (
            json!({ "input": { "messages": [user("Hi"), assistant("Yes?"), user("So?")] },
                "preferred_output": [assistant("Well.")], "non_preferred_output": [assistant("No.")] }),
            json!({ "prompt": "user: Hi\nassistant: Yes?\nuser: So?", "answer": "Well." }),
        ),
        (
            json!({ "prompt": "Hi", "chosen": [user("Hi"), assistant("Yes?")], "rejected": [user("Hi"), assistant("No.")] }),
            json!({ "prompt": "Hi", "answer": "Yes?" }),
        ),
        (json!({ "text": "t", "__expected": "pos" }), json!({ "text": "t", "expected": "pos" })),
        (json!({ "text": "t", "__expected": "equals: pos", "__metric": "m" }), json!({ "text": "t", "expected": "pos" })),
        (json!({ "text": "t", "__expected": "similar(0.8):so it is" }), json!({ "text": "t", "expected": "so it is" })),
        (json!({ "text": "t", "__expected": "contains-any: a, b" }), json!({ "text": "t", "expected": ["a", "b"] })),
        (json!({ "text": "t", "__expected": "Note: it is so" }), json!({ "text": "t", "expected": "Note: it is so" })),
        (json!({ "text": "t", "__expected": "python" }), json!({ "text": "t", "expected": "python" })),
        (
            json!({ "text": "t", "__expected1": "is-json", "__expected2": "", "__expected3": "icontains:pos" }),
            json!({ "text": "t", "expected": "pos" }),
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
        (
            json!({ "context": "It was so.", "question": "q", "answers": { "text": ["so", "was so"], "answer_start": [7, 3] } }),
            json!({ "context": "It was so.", "question": "q", "answers": ["so", "was so"] }),
        ),
        (json!({ "question": "q", "answers": { "answer_start": [], "text": [] } }), json!({ "question": "q", "answers": null })),
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
        (json!({ "text": "t", "__expected": "llm-rubric: is nice" }), "(`__expected`), and the test `0` asserts `llm-rubric`"),
        (json!({ "text": "t", "__expected": "latency(900)" }), "asserts `latency`"),
        (json!({ "text": "t", "__expected": "not-contains: x" }), "asserts `not-contains`"),
        (json!({ "text": "t", "__expected": " " }), "asserts nothing"),
        (
            json!({ "input": { "tools": [] }, "preferred_output": [{ "role": "assistant", "content": "a" }],
                "non_preferred_output": [{ "role": "assistant", "content": "b" }] }),
            "preferences (`preferred_output`, `non_preferred_output`), and in the row `0` there is no `prompt`",
        ),
        (json!({ "data": { "text": "t" }, "annotations": [] }), "an export of Label Studio without annotations"),
        (json!({ "text": "t", "label": [[0, 9, "PER"]] }), "a span of the row `0` lies outside"),
        (json!({ "task_id": 1, "text": "t", "code": "c", "test_list": ["assert f(1) == 2"] }), "`test_list` holds tests"),
        (json!({ "prompt": "def f(x):", "test": "def check(f):\n    assert f(1)" }), "field = \"test\""),
        (json!({ "task": "t", "tests": "class T(unittest.TestCase): pass" }), "scripts/datasets/convert"),
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
        json!({ "text": "t", "__label": "a" }),
        json!({ "text": "t", "preferred_output": "a" }),
        json!({ "text": "t", "tests": ["blood", "urine"] }),
        json!({ "options": ["a", "b"], "scores": [1, 0] }),
        json!({ "text": "t", "answers": { "text": "so", "answer_start": 7 } }),
    ] {
        assert_eq!(convert(&rows(&[other])), Ok(None));
    }
}

#[test]
fn tags_of_tokens_are_refused() {
    let tags = |tags: [Value; 2]| {
        let [one, two] = tags;
        convert(&rows(&[json!({ "tokens": ["Ann", "is"], "tags": one }), json!({ "tokens": ["So"], "tags": two })]))
    };
    for tagged in [[json!([1, 0]), json!([0])], [json!(["B-PER", "O"]), json!(["O"])], [json!(["NNP", "VBZ"]), json!(["RB"])]] {
        assert!(tags(tagged).unwrap_err().contains("`tags` has one item for each of `tokens`"));
    }
    assert_eq!(tags([json!(["x"]), json!(["y"])]), Ok(None), "other lengths");
    assert_eq!(tags([json!(["a b", "c"]), json!(["d e"])]), Ok(None), "texts");
}

#[test]
fn fields_within_one_object_are_unfolded() {
    let unfolded = |row: Value| unfold(&rows(&[row])).map(|(rows, _)| Value::Object(rows[0].fields.clone()));
    assert_eq!(unfolded(json!({ "id": 1, "data": { "a": "x", "b": 2 } })), Some(json!({ "a": "x", "b": 2 })));
    assert_eq!(unfolded(json!({ "translation": { "fi": "x", "et": "y" } })), Some(json!({ "fi": "x", "et": "y" })));
    let viewed = json!({ "row_idx": 0, "row": { "a": "x", "b": 2 }, "truncated_cells": [] });
    assert_eq!(unfolded(viewed), Some(json!({ "a": "x", "b": 2 })));
    assert_eq!(unfolded(json!({ "text": "x", "order": { "a": 1, "b": 2 } })), None);
    assert_eq!(unfolded(json!({ "order": { "a": 1 } })), None);
    assert_eq!(unfolded(json!({ "order": ["a"] })), None);
}

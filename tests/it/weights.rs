//! What the training of weights reads from gepard: `gepard chats`, `gepard judge-lines`, and comparisons with adapters.

use std::fs;
use std::io::Write as _;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::support::process::{code, command, err, on, out};
use crate::support::{Task, gguf};

fn lines(output: &Output) -> Vec<Value> {
    assert_eq!(code(output), 0, "{}", err(output));
    out(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs `gepard judge-lines` with these lines on stdin.
fn judge(task: &Task, arguments: &[&str], input: &str) -> Output {
    let mut command = command(&[&["judge-lines"], arguments].concat(), task.folder.path());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn the_chat_of_a_row_is_the_one_of_a_rollout_and_the_right_answer_goes_on_there() {
    let task = Task::new();
    let rows = lines(&on(&task, &["chats", "gepard.toml", "--split", "val", "--limit", "2"]));
    let chat = "Given the fields `text`, produce the fields `label`.\n\ntext: this is the item number 101, to be sorted\nlabel:";
    let wanted = json!({
        "id": "val-101", "messages": [{ "role": "user", "content": chat }], "answer": "odd", "max_tokens": 8
    });
    assert_eq!((rows.len(), &rows[1]), (2, &wanted));
    // With a begun answer, the right answer is what follows it.
    task.edit("answer = \"label\"", "answer = \"begun\"");
    let begun = &lines(&on(&task, &["chats", "gepard.toml", "--limit", "1"]))[0];
    assert_eq!((&begun["messages"][1]["content"], &begun["answer"]), (&json!("label:"), &json!(" even")));
    // The prompt that `gepard try` sends is the same.
    let tried = on(&task, &["try", "gepard.toml", "text=this is the item number 0, to be sorted", "--json"]);
    let tried: Value = serde_json::from_slice(&tried.stdout).unwrap();
    assert_eq!(tried["steps"][0]["messages"], begun["messages"]);
}

#[test]
fn a_chat_has_the_text_and_the_tokens_of_its_model_file() {
    let task = Task::new();
    let tokens = ["a", "b", "<|user|>", "<|end|>", "<s>"].map(str::to_owned);
    let mut entries = vec![
        gguf::entry("general.architecture", "llama"),
        gguf::entry("tokenizer.ggml.model", "gpt2"),
        gguf::entry("tokenizer.ggml.pre", "gpt-2"),
        gguf::texts("tokenizer.ggml.tokens", &tokens),
        gguf::integers("tokenizer.ggml.token_type", &[1, 1, 3, 3, 3]),
        gguf::texts("tokenizer.ggml.merges", &[]),
        gguf::number("tokenizer.ggml.bos_token_id", 4),
        gguf::number("tokenizer.ggml.eos_token_id", 3),
        gguf::entry(
            "tokenizer.chat_template",
            "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{{ eos_token }}{% endfor %}<|bot|>",
        ),
    ];
    let model = "engine = \"scripted\"\nscript = \"script.jsonl\"";
    task.edit(model, "gguf = \"./own.gguf\"")
        .edit("instruction = \"Given the fields `text`, produce the fields `label`.\"", "instruction = \"ab\"");
    let chat = |entries: &[Vec<u8>]| {
        fs::write(task.path("own.gguf"), gguf::model(entries, 8)).unwrap();
        lines(&on(&task, &["chats", "gepard.toml", "--limit", "1"])).remove(0)
    };
    let row = chat(&entries);
    let text = "<|user|>ab\n\ntext: this is the item number 0, to be sorted\nlabel:<|end|><|bot|>";
    assert_eq!((&row["text"], &row["model"]), (&json!(text), &json!("task")));
    assert!(row["gguf"].as_str().unwrap().ends_with("own.gguf"), "{row}");
    // The vocabulary has no other letters than a and b.
    let spelled = |row: &Value| {
        let ids: Vec<u64> = row["tokens"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect();
        (ids.first().copied(), ids.iter().filter(|id| **id == 3).count())
    };
    assert_eq!(spelled(&row), (Some(2), 1));
    entries.push(gguf::truth("tokenizer.ggml.add_bos_token", true));
    assert_eq!(spelled(&chat(&entries)), (Some(4), 1));
    // What cannot be trained is refused with what to do.
    for (setting, says) in [("model.task.lora=\"x.gguf\"", "leave it out"), ("model.task.thinking=64", "leave it out")] {
        let output = on(&task, &["chats", "gepard.toml", "--set", setting]);
        assert!(code(&output) == 2 && err(&output).contains(says), "{setting}: {}", err(&output));
    }
}

#[test]
fn given_answers_are_judged_as_those_of_a_rollout_are() {
    let task = Task::new();
    let input = concat!(
        r#"{"id": "train-1", "answer": " Odd."}"#,
        "\n",
        r#"{"id": "train-1", "answer": "label: even", "cut_off": true}"#,
        "\n",
        r#"{"id": "train-0", "answer": ""}"#,
        "\n"
    );
    let judged = lines(&judge(&task, &["gepard.toml"], input));
    let scores: Vec<&Value> = judged.iter().map(|line| &line["score"]).collect();
    assert_eq!(scores, [&json!(1.0), &json!(0.0), &json!(0.0)]);
    assert_eq!(judged[1]["outputs"], json!({ "label": "even" }));
    assert!(judged[1]["feedback"].as_str().unwrap().contains("cut off after 8 tokens"), "{judged:?}");
    assert_eq!(judged[2]["feedback"], "The answer was empty.");
    // The scripted seed says what it says in an evaluation.
    let evaluated = on(&task, &["eval", "gepard.toml", "--split", "train", "--limit", "1", "--json", "--progress", "none"]);
    let evaluated: Value = serde_json::from_slice(&evaluated.stdout).unwrap();
    let same = &lines(&judge(&task, &["gepard.toml"], "{\"id\": \"train-0\", \"answer\": \"I cannot say\"}\n"))[0];
    assert_eq!((&evaluated["rows"][0]["feedback"], &evaluated["rows"][0]["score"]), (&same["feedback"], &same["score"]));
}

#[test]
fn lines_that_cannot_be_judged_end_the_command() {
    let task = Task::new();
    for (line, says) in [
        (r#"{"id": "val-101", "answer": "odd"}"#, "there is no row `val-101` among the train examples"),
        (r#"{"id": "train-0"}"#, "line 1 of stdin: it is no {\"id\": …, \"answer\": …}: missing field `answer`"),
        (r#"{"id": "train-0", "answer": "odd", "score": 1}"#, "unknown field `score`"),
    ] {
        let output = judge(&task, &["gepard.toml"], line);
        assert!(code(&output) == 2 && err(&output).contains(says), "{line}: {}", err(&output));
    }
    let two = Task::of_two_modules(&[]);
    for command in ["chats", "judge-lines"] {
        let output = on(&two, &[command, "gepard.toml"]);
        assert!(code(&output) == 2 && err(&output).contains("the program has 2 modules"), "{}", err(&output));
    }
    let asks = "kind = \"judge\"\nmodel = \"task\"\nrubric = \"Is it right?\"\noutput = \"label\"";
    task.edit("kind = \"label\"\nfield = \"label\"", asks);
    let output = judge(&task, &["gepard.toml"], "");
    assert!(code(&output) == 2 && err(&output).contains("the metric asks a model"), "{}", err(&output));
}

#[test]
fn prompts_are_compared_with_the_seed_on_the_same_examples() {
    let task = Task::new();
    fs::write(task.path("taught.txt"), "RULE1 RULE2").unwrap();
    let arguments = ["compare", "gepard.toml", "--candidate", "taught=taught.txt", "--progress", "plain"];
    let output = on(&task, &[&arguments[..], &["--json"]].concat());
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert!(err(&output).contains("── taught ──"), "{}", err(&output));
    let compared: Value = serde_json::from_slice(&output.stdout).unwrap();
    let row = |index: usize, key: &str| compared["rows"][index][key].clone();
    assert_eq!((row(0, "name"), row(0, "score"), row(0, "against_first")), (json!("seed"), json!(0.0), Value::Null));
    assert_eq!((row(1, "name"), row(1, "score"), row(1, "conclusion")), (json!("taught"), json!(1.0), json!("better")));
    assert_eq!(row(1, "against_first")["difference"], json!(1.0));
    let table = out(&on(&task, &[&arguments[..], &["--split", "val", "--limit", "4"]].concat()));
    assert!(table.contains("val, 4 examples") && table.contains("| taught |  | 1.000 (1.000 to 1.000) | +1.000"), "{table}");
}

#[test]
fn what_an_adapter_cannot_change_is_told_before_anything_is_scored() {
    let task = Task::new();
    fs::write(task.path("own.gguf"), gguf::model(&[gguf::entry("general.architecture", "llama")], 8)).unwrap();
    let refused = |arguments: &[&str], says: &str| {
        let output = on(&task, &[&["compare"], arguments].concat());
        assert!(code(&output) == 2 && err(&output).contains(says), "{arguments:?}: {}", err(&output));
        assert!(!err(&output).contains("── seed ──"), "{arguments:?}: {}", err(&output));
    };
    refused(&["gepard.toml", "--adapter", "sft=own.gguf"], "[model.task] names no model file");
    refused(&["gepard.toml", "--adapter", "own.gguf"], "--adapter own.gguf: give NAME=FILE");
    refused(&["gepard.toml", "--adapter", "seed=own.gguf"], "`seed` is the first row");
    refused(&["gepard.toml", "--candidate", "a=x.txt", "--candidate", "a=x.txt"], "`a` is given twice");
    refused(&["gepard.toml", "other.toml", "--adapter", "a=own.gguf"], "take one task file");
    refused(&["a", "b", "--split", "val"], "--split changes nothing here");
    refused(&["a", "b", "--progress", "plain"], "--progress changes nothing here");
    refused(&["gepard.toml", "--optimizers", "gepa", "--adapter", "a=own.gguf"], "cannot be used with");
    task.edit("engine = \"scripted\"\nscript = \"script.jsonl\"", "gguf = \"./own.gguf\"");
    refused(&["gepard.toml", "--adapter", "sft=own.gguf"], "its `general.type` is not `adapter`");
    refused(&["gepard.toml", "--adapter", "sft=none.gguf"], "none.gguf");
}

//! Task files whose metric asks others, on the command line: a program of one module that answers `answer N` to `question N`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

pub fn task(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| fs::write(folder.path().join(name), text).unwrap());
    folder
}

pub const ONE: &str = r#"
[data]
train = "train.jsonl"
val = "val.jsonl"

[[module]]
name = "write"
inputs = ["question"]
outputs = ["answer"]
instruction = "Write."

[metric]
METRIC

[model.task]
engine = "scripted"
script = "task.jsonl"
[model.judge]
engine = "scripted"
script = "judge.jsonl"

[layout]
answer = "label"
"#;

pub const JUDGE: &str = "kind = \"judge\"\nmodel = \"judge\"\nrubric = \"Polite?\"\ninputs = [\"question\"]";

/// The task, with a metric and the rules of the judge's model.
pub fn one(metric: &str, judge: &str) -> tempfile::TempDir {
    let row = |n: usize| {
        let mut row = json!({ "id": n.to_string(), "question": format!("question {n}."), "answer": format!("answer {n}.") });
        if n < 5 {
            row["human"] = json!(n + 1);
            row["given"] = json!(format!("graded {n}."));
        }
        row.to_string() + "\n"
    };
    let rules: String = (0..24)
        .map(|n| json!({ "contains": [format!("question {n}.")], "text": format!("answer: answer {n}.") }).to_string() + "\n")
        .collect();
    task(&[
        ("gepard.toml", &ONE.replace("METRIC", metric)),
        ("train.jsonl", &(0..12).map(row).collect::<String>()),
        ("val.jsonl", &(12..24).map(row).collect::<String>()),
        ("task.jsonl", &rules),
        ("judge.jsonl", judge),
    ])
}

pub fn verdict(contains: &str, grade: u32) -> String {
    json!({ "contains": [contains], "text": json!({ "reason": "So.", "grade": grade }).to_string() }).to_string()
}

pub fn records(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("journal.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["record"].take()).collect()
}

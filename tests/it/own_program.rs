//! Runs `examples/own_program.rs`: a search for a program and a metric that the user of the library has written.

#![allow(clippy::unwrap_used)]

#[path = "../../examples/own_program.rs"]
mod example;

use std::fmt::Write as _;

#[test]
fn a_program_and_a_metric_of_the_user_are_optimized() {
    let folder = tempfile::tempdir().unwrap();
    let rows = |from: usize| {
        (from..from + 12).fold(String::new(), |mut rows, n| {
            writeln!(rows, r#"{{"id": "{n}", "message": "message {n},", "priority": "p{}"}}"#, 1 + n % 2).unwrap();
            rows
        })
    };
    std::fs::write(folder.path().join("train.jsonl"), rows(0)).unwrap();
    std::fs::write(folder.path().join("val.jsonl"), rows(100)).unwrap();
    // Without the word URGENT in its instruction, the model never writes a priority; with it, it always writes p1.
    let script = [
        r#"{"contains": ["Write a better instruction"], "text": "URGENT first."}"#,
        r#"{"contains": ["URGENT"], "text": " x\npriority: p1"}"#,
        r#"{"text": " x"}"#,
    ];
    std::fs::write(folder.path().join("script.jsonl"), script.join("\n")).unwrap();
    let task = folder.path().join("gepard.toml");
    std::fs::write(
        &task,
        r#"
[data]
train = "train.jsonl"
val = "val.jsonl"
[[module]]
name = "triage"
inputs = ["message"]
outputs = ["team", "priority"]
instruction = "Sort it."
[metric]
kind = "label"
field = "priority"
[model.task]
engine = "scripted"
script = "script.jsonl"
[optimize]
operators = ["rewrite"]
budget = "100"
"#,
    )
    .unwrap();
    let run = folder.path().join("run");
    // Half of the rows are p1; for the others, which are p2, the metric gives p1 half of the score.
    assert!((example::search(&task, &run).unwrap() - 0.75).abs() < 1e-9);
    // The seed's answers lack the priority, so the program's control asks the module a second time.
    let journal = std::fs::read_to_string(run.join("journal.jsonl")).unwrap();
    let most_steps = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        record["record"]["rollouts"]
            .as_array()
            .map(|all| all.iter().map(|r| r["rollout"]["steps"].as_array().unwrap().len()).max())
    };
    assert_eq!(journal.lines().find_map(most_steps), Some(Some(2)));
}

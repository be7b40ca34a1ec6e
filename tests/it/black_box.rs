//! The example of a program that makes its own model calls.

#![allow(clippy::unwrap_used)]

#[path = "../../examples/black_box.rs"]
mod example;

use std::fmt::Write as _;
use std::path::Path;

use gepard::hooks::Hooks;
use gepard::program::{BlackBox, Rollout, Runnable};
use serde_json::Value;

const TASK: &str = r#"
[data]
train = "train.jsonl"
val = "val.jsonl"
[[module]]
name = "triage"
inputs = ["message"]
outputs = ["priority"]
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
"#;

/// Answers nothing without the word URGENT; with it, p1 on every message.
const MODEL: &str = "import sys, json
for line in sys.stdin:
    print(json.dumps({'text': 'p1'} if 'URGENT' in json.loads(line)['prompt'] else {}))
";

/// Writes a task whose model in gepard answers reflections only.
fn write_task(folder: &Path) {
    let rows = |from: usize| {
        (from..from + 12).fold(String::new(), |mut rows, n| {
            writeln!(rows, r#"{{"id": "{n}", "message": "message {n},", "priority": "p{}"}}"#, 1 + n % 2).unwrap();
            rows
        })
    };
    std::fs::write(folder.join("train.jsonl"), rows(0)).unwrap();
    std::fs::write(folder.join("val.jsonl"), rows(100)).unwrap();
    std::fs::write(folder.join("script.jsonl"), r#"{"contains": ["Write a better instruction"], "text": "URGENT first."}"#)
        .unwrap();
    std::fs::write(folder.join("model.py"), MODEL).unwrap();
    std::fs::write(folder.join("gepard.toml"), TASK).unwrap();
}

fn records(run: &Path, kind: &str) -> Vec<Value> {
    let journal = std::fs::read_to_string(run.join("journal.jsonl")).unwrap();
    let records = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["record"].take());
    records.filter(|record| record["kind"] == kind).collect()
}

#[test]
fn a_program_that_makes_its_own_model_calls_is_optimized_and_resumed() {
    let folder = tempfile::tempdir().unwrap();
    write_task(folder.path());
    let (task, run) = (folder.path().join("gepard.toml"), folder.path().join("run"));
    let argv = || ["python3", "-u", "model.py"].map(str::to_owned).to_vec();
    // Half of the rows are p1.
    assert_eq!(example::search(&task, &run, argv()).unwrap(), 0.5);
    // The seed's rollouts failed with the error of the function as feedback, and a reflector read it.
    let first = &records(&run, "rollouts")[0]["rollouts"][0];
    assert_eq!(first["rollout"]["failure"], "The model gave no text.");
    assert_eq!((&first["judged"]["score"], &first["judged"]["feedback"]), (&0.0.into(), &"The model gave no text.".into()));
    let reflections = records(&run, "reflections");
    assert!(reflections[0]["read"].to_string().contains("The model gave no text."), "{}", reflections[0]);
    // Its prompts are its own, so no right answer was scored after those that gepard would render.
    assert!(records(&run, "scores").is_empty());
    // A finished run is read from its journal: its program is not called.
    let journal = std::fs::read(run.join("journal.jsonl")).unwrap();
    assert_eq!(example::search(&task, &run, vec!["/nowhere/model".into()]).unwrap(), 0.5);
    assert_eq!(std::fs::read(run.join("journal.jsonl")).unwrap(), journal);
}

#[test]
fn a_program_with_other_modules_than_the_plan_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_task(folder.path());
    let plan = gepard::config::load(&folder.path().join("gepard.toml"), &[]).unwrap();
    let mut program = gepard::run::program(&plan).unwrap();
    program.modules[0].name = "other".into();
    let program: Box<dyn Runnable> = Box::new(BlackBox::new(program, |_| Ok(Rollout::default())));
    let metric = gepard::run::metric(&plan).unwrap();
    let error = gepard::run::optimize_own(&plan, program, metric, &folder.path().join("run"), &mut Hooks::none()).unwrap_err();
    assert_eq!(error.to_string(), "the plan has the modules triage, but the program has other; they must be the same");
    assert!(!folder.path().join("run").exists());
}

//! A million rows: what is not needed is not read. A long run: what is not needed again is not kept.

#![cfg(target_os = "linux")]
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::Task;
use gepard::config::Method;

const ROWS: usize = 1_000_000;

/// Rows of about a hundred bytes.
fn write_rows(path: &Path) {
    let mut file = File::create(path).unwrap();
    let mut block = String::new();
    for n in 0..ROWS {
        writeln!(block, r#"{{"id": "r{n}", "text": "this is the item number {n}, to be sorted, {:40}", "label": "odd"}}"#, "")
            .unwrap();
        if block.len() > 1 << 20 {
            file.write_all(block.as_bytes()).unwrap();
            block.clear();
        }
    }
    file.write_all(block.as_bytes()).unwrap();
}

/// Runs a command on a task in a process that may have so many megabytes of its own, and so many seconds of a core.
fn within(task: &Task, (megabytes, seconds): (usize, u32), arguments: &[&str]) -> Output {
    let limits = format!("ulimit -d {} && ulimit -t {seconds} && exec \"$0\" \"$@\"", megabytes * 1_000_000 / 1024);
    let mut command = Command::new("sh");
    command.args(["-c", &limits, env!("CARGO_BIN_EXE_gepard")]).args(arguments);
    // Each thread's stack counts.
    command.env("RAYON_NUM_THREADS", "2").env("GEPARD_MODELS", task.path("models")).current_dir(task.folder.path());
    command.output().unwrap()
}

#[test]
fn ten_of_a_million_rows_take_little_time_and_memory() {
    let task = Task::new();
    write_rows(&task.path("test.jsonl"));
    let ten_of = |split: &str, seconds| {
        let output = within(&task, (100, seconds), &["eval", "gepard.toml", "--limit", "10", "--split", split]);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && told.contains(&format!("on 10 {split} examples")), "{output:?}");
    };
    ten_of("test", 1);
    // Where validation is split off from training, the ids of all rows are read, one by one.
    std::fs::rename(task.path("test.jsonl"), task.path("train.jsonl")).unwrap();
    task.edit("val = \"val.jsonl\"\ntest = \"test.jsonl\"\n", "");
    ten_of("val", 60);
    // The limit is one that a process feels.
    assert!(!within(&task, (100, 60), &["eval", "gepard.toml", "--split", "train"]).status.success());
}

/// Words of a row of the long runs: too many for a worked example.
const WORDS: usize = 2000;

const LONG_TASK: &str = r#"
[data]
train = "train.jsonl"
val = "val.jsonl"

[[module]]
name = "sort"
inputs = ["text"]
outputs = ["label"]
instruction = "Sort it."
max_tokens = 8

[metric]
kind = "label"
field = "label"

[model.task]
engine = "scripted"
script = "task.jsonl"

[model.teacher]
engine = "scripted"
script = "teacher.jsonl"

[optimize]
reflectors = ["teacher"]
max_reflections = 1000000
budget = "4000"
"#;

/// A task whose reflector never runs out of words, and whose rollouts are large.
fn long_task() -> Task {
    let task = Task::new();
    let words = "abcdefghi ".repeat(WORDS);
    for split in ["train", "val"] {
        let mut rows = String::new();
        for n in 0..50 {
            let label = if n % 2 == 0 { "yes" } else { "no" };
            writeln!(rows, r#"{{"id": "{split}-{n}", "text": "{split} {n}: {words}", "label": "{label}"}}"#).unwrap();
        }
        std::fs::write(task.path(&format!("{split}.jsonl")), rows).unwrap();
    }
    std::fs::write(task.path("task.jsonl"), r#"{"text": "label: no"}"#).unwrap();
    let texts: Vec<String> = (0..5000).map(|n| format!("Sort it by the way number {n}.")).collect();
    std::fs::write(task.path("teacher.jsonl"), serde_json::json!({ "texts": texts }).to_string()).unwrap();
    std::fs::write(&task.file, LONG_TASK).unwrap();
    task
}

/// 4,000 rollouts have 80 MB of prompts alone. Methods that choose among few candidates end before that.
#[test]
fn no_optimizer_keeps_its_rollouts_in_memory() {
    let task = long_task();
    for &method in Method::ALL {
        let name = method.name();
        let output = within(&task, (60, 60), &["optimize", "gepard.toml", "--optimizer", name, "--run", name]);
        assert!(output.status.success(), "{name}: {output:?}");
        let summary = std::fs::read_to_string(task.path(name).join("summary.json")).unwrap();
        let rollouts = serde_json::from_str::<serde_json::Value>(&summary).unwrap()["rollouts"].as_u64().unwrap();
        assert!(rollouts > 3900 || matches!(method, Method::Reflexion | Method::Miprov2), "{name}: {rollouts} rollouts");
    }
}

//! Tests of memory and time with large data: only the rows that are needed are read, and rollouts are not kept in memory.

#![cfg(target_os = "linux")]
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::{Task, slowness};
use gepard::config::Method;

const ROWS: usize = 1_000_000;

/// Writes [`ROWS`] rows of about a hundred bytes.
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

/// Runs gepard in a process with a limit on its private memory, in megabytes, and on its CPU time, in seconds on the machine of
/// [`slowness`].
fn within(task: &Task, (megabytes, seconds): (usize, u32), arguments: &[&str]) -> Output {
    let seconds = (f64::from(seconds) * slowness::slowness() * slowness::UNOPTIMIZED).ceil();
    let limits = format!("ulimit -d {} && ulimit -t {seconds} && exec \"$0\" \"$@\"", megabytes * 1_000_000 / 1024);
    let mut command = Command::new("sh");
    command.args(["-c", &limits, env!("CARGO_BIN_EXE_gepard")]).args(arguments);
    // The stack of each thread counts as private memory.
    command.env("RAYON_NUM_THREADS", "2").env("GEPARD_MODELS", task.path("models")).current_dir(task.folder.path());
    command.output().unwrap()
}

#[test]
fn ten_of_a_million_rows_take_little_time_and_memory() {
    let task = Task::new();
    write_rows(&task.path("test.jsonl"));
    let score_ten = |split: &str, seconds| {
        let output = within(&task, (100, seconds), &["eval", "gepard.toml", "--limit", "10", "--split", split]);
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && printed.contains(&format!("on 10 {split} examples")), "{output:?}");
    };
    score_ten("test", 1);
    // To split validation off from training, the ids of all rows are read.
    std::fs::rename(task.path("test.jsonl"), task.path("train.jsonl")).unwrap();
    task.edit("val = \"val.jsonl\"\ntest = \"test.jsonl\"\n", "");
    score_ten("val", 60);
    // The limit is effective: all rows do not fit.
    assert!(!within(&task, (100, 60), &["eval", "gepard.toml", "--split", "train"]).status.success());
}

/// The number of words in a row of the long runs: too many for a demonstration.
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

/// A task with large rollouts, and with a reflector that has a new instruction for every question.
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

/// 4,000 rollouts have 80 MB of prompts. Some methods have a fixed number of trials or epochs and stop earlier.
#[test]
fn no_optimizer_keeps_its_rollouts_in_memory() {
    let task = long_task();
    for &method in Method::ALL {
        let name = method.name();
        let output = within(&task, (60, 60), &["optimize", "gepard.toml", "--optimizer", name, "--run", name]);
        assert!(output.status.success(), "{name}: {output:?}");
        let summary = std::fs::read_to_string(task.path(name).join("summary.json")).unwrap();
        let rollouts = serde_json::from_str::<serde_json::Value>(&summary).unwrap()["rollouts"].as_u64().unwrap();
        let stops_early = matches!(
            method,
            Method::Reflexion
                | Method::Miprov2
                | Method::Fewshot
                | Method::LabelList
                | Method::BootstrapRs
                | Method::Simba
                | Method::Textgrad
        );
        assert!(rollouts > 3900 || stops_early, "{name}: {rollouts} rollouts");
    }
}

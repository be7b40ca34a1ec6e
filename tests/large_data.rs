//! A million rows: what is not needed is not read.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use support::Task;

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

/// Scores rows in a process that may have no more than 100 MB of its own, and so many seconds of a core.
fn eval_within(task: &Task, seconds: u32, arguments: &[&str]) -> Output {
    let limits = format!("ulimit -d 97656 && ulimit -t {seconds} && exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &limits, env!("CARGO_BIN_EXE_gepard"), "eval", "gepard.toml"]).args(arguments);
    // Each thread's stack counts.
    command.env("RAYON_NUM_THREADS", "2").env("GEPARD_MODELS", task.path("models")).current_dir(task.folder.path());
    command.output().unwrap()
}

#[test]
fn ten_of_a_million_rows_take_little_time_and_memory() {
    let task = Task::new();
    write_rows(&task.path("test.jsonl"));
    let ten_of = |split: &str, seconds| {
        let output = eval_within(&task, seconds, &["--limit", "10", "--split", split]);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && told.contains(&format!("on 10 {split} examples")), "{output:?}");
    };
    ten_of("test", 1);
    // Where validation is split off from training, the ids of all rows are read, one by one.
    std::fs::rename(task.path("test.jsonl"), task.path("train.jsonl")).unwrap();
    task.edit("val = \"val.jsonl\"\ntest = \"test.jsonl\"\n", "");
    ten_of("val", 60);
    // The limit is one that a process feels.
    assert!(!eval_within(&task, 60, &["--split", "train"]).status.success());
}

//! Tests of tasks with data in CSV, and with demonstrations.

use std::fs;

use crate::support::process::{both, on};
use crate::support::{EXAMPLES, Task};
use serde_json::Value;

/// The standard task with all its data in CSV, with the byte order mark and the line breaks of a spreadsheet.
fn task_in_csv() -> Task {
    let task = Task::new();
    for split in ["train", "val", "test"] {
        let rows = fs::read_to_string(task.path(&format!("{split}.jsonl"))).unwrap();
        let mut table = String::from("\u{feff}id,text,label\r\n");
        for row in rows.lines() {
            let row: Value = serde_json::from_str(row).unwrap();
            table += &format!(
                "{},\"{}\",{}\r\n",
                row["id"].as_str().unwrap(),
                row["text"].as_str().unwrap(),
                row["label"].as_str().unwrap()
            );
        }
        fs::write(task.path(&format!("{split}.csv")), table).unwrap();
        task.edit(&format!("{split}.jsonl"), &format!("{split}.csv"));
    }
    task
}

#[test]
fn a_task_in_csv_is_the_same_task() {
    let (table, lines) = (task_in_csv(), Task::new());
    let run = |task: &Task| {
        let output = on(task, &["optimize", "gepard.toml", "--run", "run"]);
        assert_eq!(output.status.code(), Some(0), "{}", both(&output));
        (crate::support::result(&task.path("run"), "summary.json"), crate::support::result(&task.path("run"), "best.json"))
    };
    assert_eq!(run(&table), run(&lines));
}

#[test]
fn the_message_about_a_bad_csv_row_names_its_line() {
    let task = task_in_csv();
    let rows = fs::read_to_string(task.path("test.csv")).unwrap();
    fs::write(task.path("test.csv"), rows + "x,y\r\n").unwrap();
    let output = on(&task, &["eval", "gepard.toml"]);
    let line = EXAMPLES + 2;
    assert_eq!(output.status.code(), Some(3), "{}", both(&output));
    assert!(
        both(&output).contains(&format!("test.csv:{line}: the row has 2 values, the first row names 3 fields")),
        "{}",
        both(&output)
    );
    let output = on(&task, &["eval", "gepard.toml", "--limit", "12"]);
    assert_eq!(output.status.code(), Some(0), "{}", both(&output));
}

#[test]
fn the_demonstrations_of_the_task_file_are_in_seed_and_best() {
    let task = Task::new();
    let script = "{\"contains\": [\"item number 1, to be\"], \"text\": \"label: odd\"}\n{\"text\": \"label: none\"}";
    fs::write(task.path("script.jsonl"), script).unwrap();
    let score = || {
        let output = on(&task, &["eval", "gepard.toml", "--json", "--progress", "none"]);
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|_| panic!("{}", both(&output)))["score"].clone()
    };
    assert_eq!(score(), 0.0);
    task.edit("max_tokens = 8\n", "max_tokens = 8\ndemonstrations = [\"train-1\"]\n");
    assert_eq!(score(), 0.5);

    let optimize = |more: &[&str]| on(&task, &[&["optimize", "gepard.toml", "--run", "run", "--budget", "20"], more].concat());
    assert_eq!(optimize(&[]).status.code(), Some(0));
    let best = crate::support::result(&task.path("run"), "best.json");
    assert_eq!(best["modules"][0]["demonstrations"][0]["id"], "train-1", "{best}");
    assert_eq!(best["modules"][0]["messages"][1]["content"], "odd", "{best}");
    let other = optimize(&["--set", "module.sort.demonstrations=[\"train-2\"]"]);
    assert_eq!(other.status.code(), Some(6), "{}", both(&other));
    assert!(both(&other).contains("demonstrations"), "{}", both(&other));
    let too_long = on(&task, &["optimize", "gepard.toml", "--run", "other", "--set", "optimize.max_prompt_tokens=12"]);
    assert_eq!(too_long.status.code(), Some(2), "{}", both(&too_long));
    assert!(both(&too_long).contains("`demonstrations` of module `sort`"), "{}", both(&too_long));
}

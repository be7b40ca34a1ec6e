//! `gepard predict` and `gepard try`: a prompt on new rows, and on one input.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

use gepard::config::Plan;
use gepard::error::RunError;
use gepard::event::{Event, Lifecycle};
use gepard::hooks::Hooks;
use gepard::run::{PredictRequest, PredictResult, predict};
use serde_json::{Value, json};

use crate::support::Task;
use crate::support::process::{code, command, err, on, out};

/// A task whose best prompt sorts items into odd and even. Items with the word `broken` are refused.
fn task() -> Task {
    let task = Task::new();
    let script = fs::read_to_string(task.path("script.jsonl")).unwrap();
    let refused = r#"{"contains": ["broken"], "text": "", "ended": {"refused": "no broken items"}}"#;
    fs::write(task.path("script.jsonl"), format!("{refused}\n{script}")).unwrap();
    task
}

/// The same with a finished run in `run`.
fn task_with_run() -> Task {
    let task = task();
    let output = on(&task, &["optimize", "gepard.toml", "--run", "run", "--progress", "none"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    task
}

fn jsonl(path: &Path) -> Vec<Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn new_rows_get_the_outputs_of_the_best_prompt_and_keep_their_columns() {
    let task = task_with_run();
    fs::write(task.path("new.csv"), "nr,text\n1,\"item number 3, here\"\n1,\"item number 4, there\"\n").unwrap();
    let output = on(&task, &["predict", "run", "--input", "new.csv"]);
    assert_eq!((code(&output), err(&output).contains("models loaded")), (0, true), "{}", err(&output));
    assert!(out(&output).starts_with("2 rows in new.predicted.csv ("), "{}", out(&output));
    let written = fs::read_to_string(task.path("new.predicted.csv")).unwrap();
    let wanted = "nr,text,label,error\n1,\"item number 3, here\",odd,\n1,\"item number 4, there\",even,\n";
    assert_eq!(written, wanted);
    assert!(!task.path("new.predicted.csv.partial").exists());
    // The seed of the pool cannot say, and the ending of the output says the format.
    let output = on(&task, &["predict", "run", "--candidate", "0", "--input", "new.csv", "--output", "seed.jsonl"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert_eq!(
        jsonl(&task.path("seed.jsonl"))[0],
        json!({"nr": "1", "text": "item number 3, here", "label": "I cannot say", "error": null})
    );
    assert_eq!(code(&on(&task, &["predict", "run", "--candidate", "99", "--input", "new.csv", "-o", "x.csv"])), 2);
    assert_eq!(code(&on(&task, &["predict", "gepard.toml", "--candidate", "1", "--input", "new.csv", "-o", "x.csv"])), 2);
}

#[test]
fn a_row_that_fails_is_written_with_its_error_and_told() {
    let task = task();
    let rows = [
        json!({"id": 7, "text": "a broken thing", "label": "odd", "error": ""}),
        json!({"text": "item number 3,", "more": [1, 2]}),
        json!({"text": null}),
    ];
    fs::write(task.path("new.jsonl"), rows.each_ref().map(ToString::to_string).join("\n")).unwrap();
    let output = on(&task, &["predict", "gepard.toml", "--input", "new.jsonl", "--output", "out.jsonl"]);
    assert_eq!(code(&output), 1, "{}", err(&output));
    let told = err(&output);
    for words in [
        "1 of 3 rows have an error, which stands in their column `predicted_error`",
        "note: the input or the program has a column `label`; what the program makes of it is in `predicted_label`",
    ] {
        assert!(told.contains(words), "{words} not in:\n{told}");
    }
    let written = jsonl(&task.path("out.jsonl"));
    let error = written[0]["predicted_error"].as_str().unwrap().to_owned();
    assert!(error.contains("no broken items"), "{error}");
    assert_eq!(
        written[0],
        json!({"id": 7, "text": "a broken thing", "label": "odd", "error": "", "predicted_label": null, "predicted_error": error})
    );
    let rest = json!({"predicted_label": "I cannot say", "predicted_error": null});
    for (row, given) in written[1..].iter().zip(&rows[1..]) {
        let (mut wanted, rest) = (given.as_object().unwrap().clone(), rest.as_object().unwrap().clone());
        wanted.extend(rest);
        assert_eq!(row, &Value::Object(wanted));
    }
}

#[test]
fn what_cannot_be_answered_is_told_before_anything_runs() {
    let task = task();
    fs::write(task.path("new.jsonl"), "{\"text\": \"a\"}\n\n{\"txt\": \"b\"}\n").unwrap();
    fs::write(task.path("empty.csv"), "text\n").unwrap();
    fs::write(task.path("good.jsonl"), "{\"text\": \"a\"}").unwrap();
    fs::write(task.path("there.jsonl"), "precious").unwrap();
    fs::write(task.path("both.csv"), "text,label,predicted_label\na,b,c\n").unwrap();
    let cases: [(&[&str], i32, &str); 6] = [
        (&["-i", "new.jsonl"], 3, "new.jsonl:3: the field `text` is missing; the row has `txt`"),
        (&["-i", "empty.csv"], 3, "empty.csv has no rows; there is nothing to answer"),
        (&["-i", "none.csv"], 3, "cannot read none.csv"),
        (&["-i", "good.jsonl", "-o", "there.jsonl"], 2, "there.jsonl exists already; remove it, or give another --output"),
        (&["-i", "good.jsonl", "-o", "no/such/folder.jsonl"], 2, "no/such: it is no folder that exists; give another"),
        (&["-i", "both.csv"], 3, "have the names `label` and `predicted_label`; rename one of both"),
    ];
    for (arguments, exit, words) in cases {
        let output = on(&task, &[&["predict", "gepard.toml"], arguments].concat());
        assert_eq!((code(&output), err(&output).contains(words)), (exit, true), "{words} not in:\n{}", err(&output));
    }
    assert_eq!(fs::read_to_string(task.path("there.jsonl")).unwrap(), "precious");
    assert!(!task.path("new.predicted.jsonl.partial").exists());
}

/// Answers the file `new.jsonl` and interrupts once so many rows are answered.
fn predict_until(task: &Task, plan: &Plan, output: &str, most: usize) -> Result<PredictResult, RunError> {
    let request = PredictRequest {
        candidate: plan.seed_candidate(),
        recorded: BTreeMap::new(),
        input: task.path("new.jsonl"),
        output: task.path(output),
    };
    let interrupted = AtomicBool::new(false);
    let listener = |event: &Event| {
        if let Event::Lifecycle(Lifecycle::Predicting { done, .. }) = event {
            interrupted.store(*done >= most, Ordering::Relaxed);
        }
    };
    predict(plan, &request, &mut Hooks::new(&interrupted, listener))
}

#[test]
fn a_command_that_is_stopped_goes_on_and_ends_with_the_same_file() {
    let task = task();
    let row = |n: usize| {
        json!({"text": if n.is_multiple_of(10) { format!("broken {n}") } else { format!("item number {n},") }}).to_string()
    };
    fs::write(task.path("new.jsonl"), (0..100).map(|n| row(n) + "\n").collect::<String>()).unwrap();
    // A module that draws at random: an answer that is asked for again would be another one.
    let plan = task.plan(&["module.sort.temperature=1"]);
    let whole = predict_until(&task, &plan, "whole.jsonl", usize::MAX).unwrap();
    assert_eq!((whole.rows, whole.known, whole.failed), (100, 0, 10));
    for (known, most) in [(0, 32), (32, 60), (64, 96)] {
        assert!(matches!(predict_until(&task, &plan, "part.jsonl", most), Err(RunError::Interrupted)), "{known}");
        assert!(!task.path("part.jsonl").exists());
    }
    // A crash in the middle of a line.
    let journal = task.path("part.jsonl.partial/journal.jsonl");
    let mut bytes = fs::read(&journal).unwrap();
    bytes.truncate(bytes.len() - 100);
    fs::write(&journal, bytes).unwrap();
    // Another program, or other rows, cannot go on with it.
    let other = task.plan(&["module.sort.instruction=\"Say it.\""]);
    let error = predict_until(&task, &other, "part.jsonl", usize::MAX).unwrap_err();
    assert!(error.to_string().contains("give another --output, or undo these differences:\n  candidate: "), "{error}");
    let result = predict_until(&task, &plan, "part.jsonl", usize::MAX).unwrap();
    assert_eq!((result.rows, result.known, result.failed), (100, 64, 10));
    assert_eq!(result.cost.usage, whole.cost.usage);
    assert_eq!(fs::read(task.path("part.jsonl")).unwrap(), fs::read(task.path("whole.jsonl")).unwrap());
    assert!(!task.path("part.jsonl.partial").exists());
}

#[test]
fn one_input_is_shown_with_its_chats_and_answers() {
    let task = task_with_run();
    let output = on(&task, &["try", "run", "text=item number 3, here", "--progress", "none"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    for words in [
        "== sort ==\n-- ",
        "RULE1 RULE2",
        "item number 3, here",
        "-- answer\nlabel: odd\n-- label = odd\n-- 0.0",
        "\nlabel = odd\n",
    ] {
        assert!(out(&output).contains(words), "{words} not in:\n{}", out(&output));
    }
    fs::write(task.path("long.txt"), "item number 4,\nover there").unwrap();
    let output = on(&task, &["try", "run", "text=@long.txt", "--json", "--progress", "none"]);
    let whole: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!((whole["outputs"].clone(), whole["error"].clone()), (json!({"label": "even"}), Value::Null));
    assert_eq!(whole["steps"][0]["inputs"]["text"], "item number 4,\nover there");
    assert!(whole["steps"][0]["messages"].to_string().contains("RULE1 RULE2") && whole["steps"][0]["tokens"]["decoded"] == 2);

    let mut child = command(&["try", "gepard.toml", "text=-"], task.folder.path());
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"from stdin").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(code(&output) == 0 && out(&output).contains("from stdin"), "{}", err(&output));

    let cases: [(&[&str], i32, &str); 5] = [
        (&[], 2, "the input lacks `text`; give text=…"),
        (&["text=a", "colour=b"], 2, "the program does not read `colour`; it reads `text`"),
        (&["text"], 2, "a field is given as FIELD=VALUE"),
        (&["text=@none.txt"], 2, "cannot read none.txt"),
        (&["text=broken"], 1, "the program failed on this input: "),
    ];
    for (fields, exit, words) in cases {
        let output = on(&task, &[&["try", "gepard.toml"], fields].concat());
        assert_eq!((code(&output), err(&output).contains(words)), (exit, true), "{words} not in:\n{}", err(&output));
    }
}

#[test]
fn only_the_models_that_a_command_asks_are_loaded() {
    let task = task();
    let with_reflector = format!(
        "{}\n[model.writer]\nengine = \"scripted\"\nscript = \"none.jsonl\"\n",
        fs::read_to_string(&task.file).unwrap().replace("proposals = 1", "proposals = 1\nreflectors = [\"writer\"]")
    );
    fs::write(&task.file, with_reflector).unwrap();
    fs::write(task.path("new.jsonl"), "{\"text\": \"a\"}").unwrap();
    for arguments in
        [&["eval", "gepard.toml"][..], &["predict", "gepard.toml", "-i", "new.jsonl"], &["try", "gepard.toml", "text=a"]]
    {
        assert_eq!(code(&on(&task, arguments)), 0, "{arguments:?}");
    }
    assert_eq!(code(&on(&task, &["optimize", "gepard.toml"])), 4);
}

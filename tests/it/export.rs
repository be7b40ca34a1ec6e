//! `gepard export`: every form has the prompt that the run sent.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::Task;
use crate::support::process::{self, err, on};
use crate::support::unchecked::not_checked;
use gepard::engine::Message;
use gepard::report::export::{self, Choice};
use serde_json::Value;

/// Returns the standard output of a successful command.
fn out(output: &Output) -> String {
    assert!(output.status.success(), "{}", err(output));
    process::out(output)
}

/// Makes a run whose best candidate has demonstrations: the task model answers correctly if the prompt has a certain one.
fn run(task: &Task) {
    let script = task.path("script.jsonl");
    let rules = std::fs::read_to_string(&script).unwrap();
    std::fs::write(&script, format!("{{\"contains\": [\"label: odd\"], \"text\": \"odd\"}}\n{rules}")).unwrap();
    out(&on(
        task,
        &[
            "optimize",
            "gepard.toml",
            "--run",
            "run",
            "--set",
            "layout.answer=begun",
            "--set",
            "optimize.operators=[\"examples\", \"rewrite\"]",
        ],
    ));
}

/// Returns the rollouts of the best candidate on the test examples from the journal.
fn best_rollouts(run: &Path) -> Vec<Value> {
    let journal = std::fs::read_to_string(run.join("journal.jsonl")).unwrap();
    let mut tests = journal.lines().filter_map(|line| {
        let record: Value = serde_json::from_str(line).unwrap();
        (record["record"]["kind"] == "test").then(|| record["record"]["rollouts"].as_array().unwrap().clone())
    });
    tests.next_back().unwrap_or_default()
}

#[test]
fn every_form_has_the_prompt_of_the_rollouts() {
    let task = Task::new();
    run(&task);
    let one = export::open(&task.path("run"), Choice::Best).unwrap().remove(0);
    let body: Value = serde_json::from_str(&out(&on(&task, &["export", "run", "--format", "openai"]))).unwrap();
    let whole: Value = serde_json::from_str(&out(&on(&task, &["export", "run", "--format", "json"]))).unwrap();
    let script = out(&on(&task, &["export", "run", "--format", "llama-server"]));
    let curl: Value = serde_json::from_str(script.split("<<'JSON'\n").nth(1).unwrap().strip_suffix("\nJSON\n").unwrap()).unwrap();
    let text = out(&on(&task, &["export", "run", "--format", "text"]));
    let rollouts = best_rollouts(&task.path("run"));
    assert_eq!(rollouts.len(), crate::support::EXAMPLES);
    for rollout in rollouts {
        let inputs: Vec<(String, String)> = serde_json::from_value(rollout["rollout"]["steps"][0]["inputs"].clone()).unwrap();
        let sent = one.chat(&inputs);
        for (form, messages) in
            [("openai", &body["messages"]), ("json", &whole["modules"][0]["messages"]), ("curl", &curl["messages"])]
        {
            let messages: Vec<Message> = serde_json::from_value(messages.clone()).unwrap();
            let filled = |m: Message| Message { content: m.content.replace("{text}", &inputs[0].1), ..m };
            assert_eq!(messages.into_iter().map(filled).collect::<Vec<_>>(), sent, "{form}");
        }
        let filled = text.replace("{text}", &inputs[0].1);
        assert!(sent.iter().all(|message| filled.contains(&message.content)), "{filled}");
    }
}

#[test]
fn the_best_candidate_of_the_test_task_has_demonstrations() {
    let task = Task::new();
    run(&task);
    let one = export::open(&task.path("run"), Choice::Best).unwrap().remove(0);
    assert!(one.messages.len() > 2, "{:?}", one.messages);
    let written = out(&on(&task, &["export", "run", "--format", "modelfile"]));
    for words in [
        "FROM task\n",
        "PARAMETER temperature 0",
        "PARAMETER num_predict 8",
        "MESSAGE user \"\"\"",
        "MESSAGE assistant \"\"\"label: ",
    ] {
        assert!(written.contains(words), "{words} not in:\n{written}");
    }
    assert!(!written.contains("TEMPLATE"), "the model's own template must be used");
}

#[test]
fn any_candidate_can_be_exported_by_its_index_or_by_the_length_of_its_prompt() {
    let task = Task::new();
    run(&task);
    let summary: Value = crate::support::result(&task.path("run"), "summary.json");
    let frontier = summary["frontier"].as_array().unwrap();
    assert!(frontier.len() > 1, "{summary}");
    let export = |more: &[&str]| on(&task, &[&["export", "run", "--format", "text"], more].concat());
    let best = out(&export(&[]));
    let by_index = |candidate: &Value| out(&export(&["--candidate", &candidate.to_string()]));
    assert_eq!(by_index(&summary["best_candidate"]), best);
    assert!(by_index(&0.into()).contains("Given the fields `text`"));
    for (index, point) in frontier.iter().enumerate() {
        let tokens = point["prompt_tokens"].as_u64().unwrap();
        let within = |most: u64| export(&["--max-prompt-tokens", &most.to_string()]);
        assert_eq!(out(&within(tokens)), by_index(&point["candidate"]));
        let shorter = within(tokens - 1);
        if index > 0 {
            assert_eq!(out(&shorter), by_index(&frontier[index - 1]["candidate"]));
        } else {
            assert_eq!(shorter.status.code(), Some(2));
            assert!(err(&shorter).contains(&format!("; the shortest prompt has {tokens}")), "{}", err(&shorter));
        }
    }
    let missing = export(&["--candidate", "99"]);
    assert_eq!(missing.status.code(), Some(2), "{}", err(&missing));
    assert!(err(&missing).contains("the run has no candidate 99"), "{}", err(&missing));
    assert_eq!(export(&["--candidate", "0", "--max-prompt-tokens", "9"]).status.code(), Some(2));
}

#[test]
fn each_module_has_a_file() {
    let task = Task::of_two_modules(&[]);
    out(&on(&task, &["optimize", "gepard.toml", "--run", "run"]));
    let output = on(&task, &["export", "run", "--format", "modelfile"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("--output DIR"));
    out(&on(&task, &["export", "run", "--format", "modelfile", "-o", "there"]));
    assert!(task.path("there/colour.Modelfile").is_file() && task.path("there/size.Modelfile").is_file());
    assert!(out(&on(&task, &["export", "run", "--format", "text", "--module", "size"])).contains("size:"));
    let state: Value = serde_json::from_str(&out(&on(&task, &["export", "run", "--format", "dspy"]))).unwrap();
    assert!(state["colour"]["signature"]["instructions"].is_string() && state["size"].is_object());
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let task = Task::new();
    run(&task);
    std::fs::write(task.path("file"), "").unwrap();
    let output = on(&task, &["export", "run", "--format", "text", "-o", "file/there"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("cannot make file/there: "), "{}", err(&output));
}

#[test]
fn a_folder_without_a_finished_run_is_exit_code_6() {
    let task = Task::new();
    let output = on(&task, &["export", "nowhere", "--format", "text"]);
    assert_eq!(output.status.code(), Some(6));
    assert!(err(&output).contains("nowhere/best.json"));
    run(&task);
    let path = task.path("run/best.json");
    let changed = std::fs::read_to_string(&path).unwrap().replacen("\"instruction\": \"", "\"instruction\": \"Now ", 1);
    std::fs::write(&path, changed).unwrap();
    let output = on(&task, &["export", "run", "--format", "text"]);
    assert_eq!(output.status.code(), Some(6));
    assert!(err(&output).contains("the chat of `sort` in best.json is not what plan.toml"));
}

/// Loads the state with the dspy package. `GEPARD_PYTHON` names a Python that has it.
#[test]
fn dspy_loads_the_state() {
    let python = std::env::var("GEPARD_PYTHON").unwrap_or_else(|_| "python3".into());
    let has = Command::new(&python).args(["-c", "import dspy"]).output().is_ok_and(|output| output.status.success());
    if !has {
        not_checked(&format!("{python} has no dspy; install it and set GEPARD_PYTHON"));
        return;
    }
    for task in [Task::new(), Task::of_two_modules(&[])] {
        out(&on(&task, &["optimize", "gepard.toml", "--run", "run", "--set", "optimize.operators=[\"examples\", \"rewrite\"]"]));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/check-dspy-export");
        let checked = Command::new(&python)
            .arg(script)
            .args(["--gepard", env!("CARGO_BIN_EXE_gepard"), "run"])
            .current_dir(task.folder.path())
            .output()
            .unwrap();
        assert!(out(&checked).contains("loaded by dspy "), "{}", out(&checked));
    }
}

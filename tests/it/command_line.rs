//! The command line as a user types it.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::support::process::{code, command, err, on, out};
use crate::support::unchecked::not_checked;
use crate::support::{Task, result};

/// What gepard says that it was built with.
const BUILD: &str = if cfg!(feature = "llama") { "llama-cpp-2" } else { "without llama.cpp" };

#[test]
fn optimize_prints_the_result_to_stdout_and_progress_to_stderr() {
    let task = Task::new();
    let output = on(&task, &["optimize", "gepard.toml", "--run", "run"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let (result, progress) = (out(&output), err(&output));
    for words in ["validation   0.000   1.000", "test         0.000   1.000", "RULE1 RULE2", "the run is in run"] {
        assert!(result.contains(words), "{words} not in:\n{result}");
    }
    for words in ["seed scores 0.000 on validation", "accepted", "rejected", "/150 rollouts, best ", "left", "tokens/s read"] {
        assert!(progress.contains(words), "{words} not in:\n{progress}");
    }
    for file in ["plan.toml", "journal.jsonl", "best/sort.txt", "best.json", "summary.json"] {
        assert!(task.path("run").join(file).is_file(), "{file}");
    }
}

#[test]
fn a_finished_run_is_reported_again_without_running() {
    let task = Task::new();
    let first = on(&task, &["optimize", "gepard.toml", "--run", "run"]);
    let journal = std::fs::read(task.path("run/journal.jsonl")).unwrap();
    let again = on(&task, &["optimize", "gepard.toml", "--run", "run"]);
    assert_eq!(code(&again), 0);
    assert!(err(&again).contains("going on with a run of"), "{}", err(&again));
    assert_eq!(std::fs::read(task.path("run/journal.jsonl")).unwrap(), journal);
    let table = |o: &Output| {
        out(o).lines().filter(|l| l.starts_with("validation") || l.starts_with("test")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(table(&first), table(&again));
}

#[test]
fn the_default_run_directory_is_named_after_the_task() {
    let task = Task::new();
    let name = task.folder.path().file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(code(&on(&task, &["optimize", "gepard.toml", "--seed", "3", "--progress", "none"])), 0);
    assert!(task.path(&format!("runs/{name}-seed3/summary.json")).is_file());
}

#[test]
fn json_progress_is_json_line_by_line() {
    let task = Task::new();
    let output = on(&task, &["optimize", "gepard.toml", "--progress", "json"]);
    let events: Vec<serde_json::Value> = err(&output).lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    for name in ["started", "models_loaded", "evaluated", "iteration", "accepted", "stopped", "tested"] {
        assert!(events.iter().any(|e| e["event"] == name), "{name}");
    }
}

#[test]
fn eval_scores_the_seed_a_run_and_a_file() {
    let task = Task::new();
    assert_eq!(code(&on(&task, &["optimize", "gepard.toml", "--run", "run"])), 0);
    std::fs::write(task.path("odd.txt"), "RULE1\n").unwrap();
    for (candidate, score) in [("seed", "0.000"), ("run", "1.000"), ("run/best.json", "1.000"), ("odd.txt", "0.500")] {
        let output = on(&task, &["eval", "gepard.toml", "--candidate", candidate]);
        assert_eq!(code(&output), 0, "{}", err(&output));
        assert!(out(&output).starts_with(&format!("{score} on 12 test examples")), "{candidate}: {}", out(&output));
    }
    let output = on(&task, &["eval", "gepard.toml", "--candidate", "odd.txt", "--split", "val", "--limit", "3", "--json"]);
    let whole: serde_json::Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(whole["rows"].as_array().unwrap().len(), 3);
    assert_eq!(whole["rows"][1]["outputs"]["label"], "odd");
    std::fs::create_dir(task.path("unfinished")).unwrap();
    let unfinished = on(&task, &["eval", "gepard.toml", "--candidate", "unfinished"]);
    assert_eq!(code(&unfinished), 6, "{}", err(&unfinished));
    assert!(err(&unfinished).contains("a run directory has it once the run is finished"), "{}", err(&unfinished));
}

#[test]
fn doctor_reports_what_a_task_needs() {
    let task = Task::new();
    let output = on(&task, &["doctor", "gepard.toml"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    for words in [
        &format!("build     {BUILD}"),
        "12 train, 12 val, 12 test",
        "scores 0.000 on 12 training examples\n",
        "min for 150 and the test;",
        "MB for the run directory",
        "constant  label = even scores 0.500 on validation",
        "- always answering label = even scores 0.500 on validation, the seed 0.000",
        "- nothing scores: neither the seed nor the seed with 8 demonstrations",
    ] {
        assert!(out(&output).contains(words), "{words} not in:\n{}", out(&output));
    }
    assert_eq!(code(&on(&task, &["doctor"])), 0);
    let output = on(&task, &["doctor", "gepard.toml", "--set", "optimize.budget=3"]);
    assert_eq!((code(&output), err(&output).contains("cannot even score the seed")), (2, true), "{}", err(&output));
}

#[test]
fn eval_with_a_limit_reads_no_more_rows() {
    let task = Task::new();
    let rows = std::fs::read_to_string(task.path("test.jsonl")).unwrap();
    std::fs::write(task.path("test.jsonl"), rows + "this is no JSON\n").unwrap();
    assert_eq!(code(&on(&task, &["eval", "gepard.toml", "--limit", "12"])), 0);
    let output = on(&task, &["eval", "gepard.toml"]);
    assert_eq!(code(&output), 3);
    assert!(err(&output).contains("test.jsonl:13: not valid JSON"), "{}", err(&output));
}

/// Every exit code that README lists, with a message that says where the mistake is and what to do.
#[test]
fn bad_input_has_its_exit_code_and_names_the_place() {
    let cases: [(&str, &str, i32, &str); 10] = [
        ("budget = \"150\"", "bugdet = \"150\"", 2, "gepard.toml:31: `optimize.bugdet` is no known key; did you mean `budget`?"),
        ("budget = \"150\"", "budget = \"5\"", 2, "--budget"),
        ("kind = \"label\"", "kind = \"labels\"", 2, "did you mean `label`?"),
        ("train = \"train.jsonl\"", "train = \"nowhere.jsonl\"", 3, "nowhere.jsonl: No such file"),
        (
            "inputs = [\"text\"]",
            "inputs = [\"txet\"]",
            3,
            "train.jsonl:1: the field `txet` is missing; the row has `id`, `text`, `label`",
        ),
        ("test = \"test.jsonl\"", "test = \"val.jsonl\"", 3, "allow_overlap"),
        ("script = \"script.jsonl\"", "script = \"gepard.toml\"", 4, "gepard.toml:2: "),
        (
            "engine = \"scripted\"\nscript = \"script.jsonl\"",
            "gguf = \"smolm2-135m-instruct-q4_1\"",
            4,
            "smollm2-135m-instruct-q4_1",
        ),
        ("engine = \"scripted\"\nscript = \"script.jsonl\"", "gguf = \"train.jsonl.gguf\"", 4, "train.jsonl.gguf"),
        ("engine = \"scripted\"", "engine = \"lama\"", 2, "did you mean `llama`?"),
    ];
    for (from, to, wanted, message) in cases {
        let task = Task::new();
        task.edit(from, to);
        let output = on(&task, &["optimize", "gepard.toml", "--run", "run"]);
        assert_eq!(code(&output), wanted, "{to}: {}", err(&output));
        assert!(err(&output).contains(message), "{to}: {}", err(&output));
    }
}

#[test]
fn bad_rows_and_empty_splits_are_exit_code_3_and_named() {
    let good = r#"{"id": "a", "text": "one", "label": "odd"}"#;
    for (file, content, message) in [
        ("train.jsonl", String::new(), "train.jsonl has no rows; reflection reads training examples"),
        ("val.jsonl", "\n".into(), "val.jsonl has no rows; candidates are compared on validation examples"),
        ("test.jsonl", String::new(), "test.jsonl has no rows; leave `test` out"),
        ("train.jsonl", format!("{good}\n\n{good}"), "train.jsonl:3: the id `a` stands in line 1 already"),
        ("val.jsonl", format!("{good}\n[{good}]"), "val.jsonl:2: a row must be one JSON object; this is an array"),
    ] {
        let task = Task::new();
        std::fs::write(task.path(file), content).unwrap();
        let output = on(&task, &["optimize", "gepard.toml", "--run", "run"]);
        assert_eq!(code(&output), 3, "{}", err(&output));
        assert!(err(&output).contains(message), "{message} not in {}", err(&output));
        assert!(!task.path("run").exists(), "a run directory was created");
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let task = Task::new();
    for arguments in [
        &["optimise", "gepard.toml"][..],
        &["optimize"],
        &["optimize", "nowhere.toml"],
        &["optimize", "gepard.toml", "--set", "seed"],
        &["optimize", "gepard.toml", "--budget", "soon"],
        &["eval", "gepard.toml", "--candidate", "nowhere"],
        &["eval", "gepard.toml", "--limit", "0"],
    ] {
        let output = on(&task, arguments);
        assert_eq!(code(&output), 2, "{arguments:?}: {}", err(&output));
        assert!(!err(&output).contains("panicked"));
    }
}

#[test]
fn a_row_that_the_metric_cannot_use_is_reported_before_a_run_begins() {
    let task = Task::new();
    task.edit("kind = \"label\"\nfield = \"label\"", "kind = \"json\"\nfield = \"label\"");
    let output = on(&task, &["optimize", "gepard.toml", "--run", "taught"]);
    assert_eq!(code(&output), 3, "{}", err(&output));
    assert!(err(&output).contains("example `train-0`: `label` holds no JSON object"), "{}", err(&output));
    assert!(!task.path("taught").exists());
}

#[test]
fn a_run_directory_that_cannot_be_used_is_exit_code_6() {
    let task = Task::new();
    assert_eq!(code(&on(&task, &["optimize", "gepard.toml", "--run", "run"])), 0);
    let output = on(&task, &["optimize", "gepard.toml", "--run", "run", "--seed", "1"]);
    assert_eq!(code(&output), 6);
    assert!(err(&output).contains("optimize.seed: the run has 0, now it is 1"), "{}", err(&output));
    std::fs::write(task.path("file"), "").unwrap();
    assert_eq!(code(&on(&task, &["optimize", "gepard.toml", "--run", "file/run"])), 6);
    let journal = std::fs::read_to_string(task.path("run/journal.jsonl")).unwrap();
    std::fs::write(task.path("run/journal.jsonl"), journal.replacen("train-", "trian-", 1)).unwrap();
    let output = on(&task, &["optimize", "gepard.toml", "--run", "run"]);
    assert_eq!(code(&output), 6);
    assert!(err(&output).contains("the checksum does not match"), "{}", err(&output));
}

#[test]
fn two_processes_with_one_seed_make_the_same_run() {
    let task = Task::new();
    for run in ["a", "b"] {
        assert_eq!(code(&on(&task, &["optimize", "gepard.toml", "--run", run])), 0);
    }
    for file in ["best.json", "summary.json"] {
        assert_eq!(result(&task.path("a"), file), result(&task.path("b"), file));
    }
}

#[test]
fn a_run_killed_by_sigkill_goes_on_to_the_same_result() {
    let task = Task::new();
    assert_eq!(code(&on(&task, &["optimize", "gepard.toml", "--run", "whole"])), 0);
    let size = |run: &str| std::fs::metadata(task.path(run).join("journal.jsonl")).map_or(0, |m| m.len());
    let whole = size("whole");
    let mut in_the_middle = 0;
    // Each run is killed when its journal has reached another tenth of its final size. A run that ends before it is killed does
    // not count.
    for tenth in (1..10).cycle().take(90) {
        if tenth == 1 {
            if in_the_middle > 0 {
                break;
            }
            let _ = std::fs::remove_dir_all(task.path("killed"));
        }
        let arguments = ["optimize", "gepard.toml", "--run", "killed", "--progress", "none"];
        let mut child = command(&arguments, task.folder.path()).stdout(Stdio::null()).spawn().unwrap();
        while size("killed") < whole * tenth / 10 && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(50));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        in_the_middle += usize::from(size("killed") < whole);
    }
    assert!(in_the_middle > 0, "every run was too fast to be killed");
    let output = on(&task, &["optimize", "gepard.toml", "--run", "killed"]);
    assert_eq!(code(&output), 0, "{}", err(&output));
    for file in ["best.json", "summary.json"] {
        assert_eq!(result(&task.path("killed"), file), result(&task.path("whole"), file));
    }
}

#[test]
fn help_has_the_exit_codes_and_version_has_the_build() {
    let task = Task::new();
    let help = out(&on(&task, &["--help"]));
    assert!(help.contains("Exit codes: 0 done") && help.contains("optimize"), "{help}");
    assert!(out(&on(&task, &["--version"])).contains(BUILD));
}

/// Runs in an empty network namespace, where the system lets a user create one.
#[test]
#[cfg(target_os = "linux")]
fn everything_works_without_a_network() {
    let namespace = |program: &str, arguments: &[&str], folder: &Path| {
        Command::new("unshare").args(["-rn", program]).args(arguments).current_dir(folder).output()
    };
    let task = Task::new();
    match namespace("true", &[], task.folder.path()) {
        Ok(output) if output.status.success() => {}
        _ => {
            not_checked("this system makes no network namespaces");
            return;
        }
    }
    let output =
        namespace(env!("CARGO_BIN_EXE_gepard"), &["optimize", "gepard.toml", "--run", "run"], task.folder.path()).unwrap();
    assert_eq!(code(&output), 0, "{}", err(&output));
}

/// The task file in README is valid, and it stays valid with the scripted model that README shows below it.
#[test]
fn the_task_file_in_readme_is_valid() {
    let readme = include_str!("../../README.md");
    let blocks: Vec<&str> = readme.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gepard.toml");
    std::fs::write(&file, blocks[0]).unwrap();
    let plan = gepard::config::load(&file, &[]).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(plan.models.len(), 2);
    let scripted = blocks[0].split("[model.task]").next().unwrap().to_owned() + blocks[1];
    std::fs::write(&file, scripted).unwrap();
    assert!(gepard::config::load(&file, &[]).is_ok());
}

/// Returns the records of a journal without measured times.
fn records(run: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(run.join("journal.jsonl")).unwrap();
    let record = |line: &str| {
        let mut record: serde_json::Value = serde_json::from_str::<serde_json::Value>(line).unwrap()["record"].take();
        if let Some(cost) = record.get_mut("cost").and_then(serde_json::Value::as_object_mut) {
            cost.retain(|key, _| key == "usage");
        }
        let rollouts = record.get_mut("rollouts").and_then(serde_json::Value::as_array_mut).into_iter().flatten();
        for step in rollouts.filter_map(|scored| scored["rollout"]["steps"].as_array_mut()).flatten() {
            step.as_object_mut().unwrap().remove("seconds");
        }
        record
    };
    text.lines().map(record).collect()
}

#[test]
fn two_processes_with_every_choice_on_do_the_same() {
    let words = |module: &str, word: &str| {
        let texts: Vec<String> = (0..40).map(|n| format!(r#""{word} {}""#, "please ".repeat(n))).collect();
        let asked = format!(r#""Write a better instruction", "must write `{module}`""#);
        format!(r#"{{"contains": [{asked}], "texts": ["RED", "BOTH", "LARGE", "", {}]}}"#, texts.join(", "))
    };
    let task = Task::of_two_modules(&[&words("colour", "RED"), &words("size", "LARGE")]);
    for (selection, frontier, gate, keep) in [
        ("pareto", "cartesian", "confident", "all"),
        ("epsilon-greedy", "hybrid", "or-equal", "best"),
        ("top-k-pareto", "objective", "strict", "all"),
    ] {
        let set = [
            format!("optimize.candidate_selection={selection}"),
            format!("optimize.frontier={frontier}"),
            format!("optimize.gate={gate}"),
            format!("optimize.keep={keep}"),
            "optimize.module_selection=all".into(),
            "optimize.proposals=3".into(),
            "optimize.parents=several".into(),
            "optimize.budget=600".into(),
            "module.size.temperature=0.5".into(),
        ];
        let name = |process: usize| format!("{selection}-{process}");
        for process in 0..2 {
            let run = name(process);
            let mut arguments = vec!["optimize", "gepard.toml", "--run", &run, "--progress", "none"];
            set.iter().for_each(|setting| arguments.extend(["--set", setting]));
            let output = on(&task, &arguments);
            assert_eq!(code(&output), 0, "{}", err(&output));
        }
        let [first, second] = [0, 1].map(|process| task.path(&name(process)));
        assert_eq!(records(&first), records(&second));
        assert!(records(&first).len() > 30);
        for file in ["best.json", "summary.json"] {
            assert_eq!(result(&first, file), result(&second, file));
        }
        assert!(result(&first, "summary.json")["candidates"].as_u64() > Some(3), "{selection}");
    }
}

#[test]
fn a_stop_file_ends_a_run_and_the_same_command_goes_on() {
    let task = Task::new();
    let undisturbed = on(&task, &["optimize", "gepard.toml", "--run", "whole"]);
    assert_eq!(code(&undisturbed), 0);
    std::fs::create_dir(task.path("run")).unwrap();
    std::fs::write(task.path("run/stop"), "").unwrap();
    let stopped = on(&task, &["optimize", "gepard.toml", "--run", "run"]);
    assert_eq!(code(&stopped), 2, "stopped before the seed was scored: {}", err(&stopped));
    assert!(err(&stopped).contains("a `stop` file was found in the run directory; remove it"), "{}", err(&stopped));
    std::fs::remove_file(task.path("run/stop")).unwrap();
    // The stop file of a run that has a validated seed ends the run and is removed.
    let short = on(&task, &["optimize", "gepard.toml", "--run", "run", "--budget", "30"]);
    assert_eq!(code(&short), 0);
    std::fs::write(task.path("run/stop"), "").unwrap();
    let stopped = on(&task, &["optimize", "gepard.toml", "--run", "run"]);
    assert_eq!(code(&stopped), 0, "{}", err(&stopped));
    assert!(out(&stopped).contains("stopped because a `stop` file was found in the run directory"), "{}", out(&stopped));
    assert!(!task.path("run/stop").exists());
    let on_again = on(&task, &["optimize", "gepard.toml", "--run", "run"]);
    assert_eq!(code(&on_again), 0);
    assert_eq!(result(&task.path("run"), "summary.json"), result(&task.path("whole"), "summary.json"));
}

#[test]
fn completions_and_manual_pages_come_from_the_command_line_itself() {
    let task = Task::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = out(&on(&task, &["completions", shell]));
        assert!(script.contains("optimize") && script.contains("budget"), "{shell}");
    }
    let page = out(&on(&task, &["man"]));
    assert!(page.contains(".TH gepard") && page.contains("130 interrupted"), "{page}");
    assert!(out(&on(&task, &["man", "optimize"])).contains("budget"), "no page of a subcommand");
    let page = out(&on(&task, &["man", "models", "add"]));
    let title = format!(".TH gepard-models-add 1  \"gepard {}\"", env!("CARGO_PKG_VERSION"));
    assert!(page.contains(&title) && page.contains("gepard models add"), "{page}");
    let page = out(&on(&task, &["man", "models"]));
    assert!(page.contains("models\\-verify(1)") && !page.contains("models\\-help(1)"), "{page}");
    for nothing in [&["man", "nothing"][..], &["man", "models", "nothing"], &["man", "optimize", "nothing"]] {
        assert_eq!(code(&on(&task, nothing)), 2);
    }
}

#[test]
fn a_model_of_another_program_is_found_and_linked() {
    let task = Task::new();
    let Ok(model) = std::env::var("GEPARD_TEST_MODEL") else {
        not_checked("GEPARD_TEST_MODEL names no model file");
        return;
    };
    let hub = task.path("hub");
    std::fs::create_dir_all(hub.join("models--a--b/snapshots/0")).unwrap();
    std::fs::copy(model, hub.join("models--a--b/snapshots/0/tiny.gguf")).unwrap();
    let run = |arguments: &[&str]| {
        command(arguments, task.folder.path()).env("HF_HUB_CACHE", &hub).env("HOME", task.path("home")).output().unwrap()
    };
    assert!(out(&run(&["models", "find"])).contains("tiny"));
    let added = run(&["models", "add", "tiny"]);
    assert!(out(&added).contains("was added without a copy"), "{}{}", out(&added), err(&added));
    assert!(out(&run(&["models", "add", "tiny"])).contains("is already here"));
}

#[test]
fn no_text_of_a_model_or_a_file_moves_the_cursor() {
    let task = Task::with_reflector(&[
        r#"{"contains": ["Write a better instruction"], "text": "\u001b[2J\u009b31m RULE1 RULE2 \u202e!"}"#,
    ]);
    let rows = std::fs::read_to_string(task.path("train.jsonl")).unwrap();
    std::fs::write(task.path("train.jsonl"), rows.replace("train-1\"", "train-\\u001b]0;1\\u0007\"")).unwrap();
    let output = on(&task, &["optimize", "gepard.toml", "--run", "run"]);
    assert!(out(&output).contains("RULE1 RULE2"), "{}", out(&output));
    let broken = on(&task, &["eval", "gepard.toml", "--candidate", "\u{1b}[2J"]);
    for printed in [out(&output), err(&output), err(&broken)] {
        let moves = printed.chars().find(|c| (c.is_control() && !matches!(c, '\n' | '\t')) || *c == '\u{202e}');
        assert_eq!(moves, None, "{printed:?}");
    }
}

/// Where stderr is no terminal there are plain lines, even with `--progress bar`.
#[test]
fn a_view_needs_a_terminal() {
    let task = Task::new();
    let output = on(&task, &["optimize", "gepard.toml", "--run", "run", "--progress", "bar"]);
    assert!(err(&output).contains("seed scores 0.000 on validation"), "{}", err(&output));
    assert!(!err(&output).contains('\u{1b}'));
}

#[test]
fn any_optimizer_runs_from_the_command_line_and_an_unknown_one_is_refused() {
    let task = Task::with_reflector(&[r#"{"contains": ["instruction"], "texts": ["RULE1", "RULE2", "RULE1 RULE2"]}"#]);
    // The script's rule for the reflector is the first that matches `instruction`: the task model's prompts must not have this word.
    task.edit("Given the fields `text`, produce the fields `label`.", "Sort it.");
    for (name, best) in [("opro", "1.000"), ("random", "1.000"), ("reflexion", "0.000")] {
        let arguments = ["optimize", "gepard.toml", "--optimizer", name, "--run", name, "--set", "optimize.proposals=3"];
        let output = on(&task, &arguments);
        assert_eq!(code(&output), 0, "{name}: {}", err(&output));
        assert!(out(&output).contains(&format!("validation   0.000   {best}")), "{name}:\n{}", out(&output));
        // A key that the task file does not set is not mentioned.
        assert!(!out(&output).contains("`parents`") && !err(&output).contains("`parents`"), "{name}:\n{}", out(&output));
        assert!(!out(&output).contains("passed the gate"), "a gate is GEPA's alone: {name}:\n{}", out(&output));
        if name == "opro" {
            assert!(out(&output).contains("validated in full"), "{}", out(&output));
            let summary = std::fs::read_to_string(task.path("opro/summary.json")).unwrap();
            let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
            assert!(summary["reflections"]["operators"]["opro"]["better"].as_u64() > Some(0), "{summary:#}");
        }
        let plan = std::fs::read_to_string(task.path(name).join("plan.toml")).unwrap();
        assert!(plan.contains(&format!("optimizer = \"{name}\"")), "{plan}");
    }
    let output = on(&task, &["optimize", "gepard.toml", "--optimizer", "opra"]);
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("there is no `opra`") && err(&output).contains("opro"), "{}", err(&output));
}

#[test]
fn optimizers_are_compared_in_a_table_and_a_comparison_goes_on() {
    let task = Task::with_reflector(&[r#"{"contains": ["instruction"], "texts": ["RULE1", "RULE2", "RULE1 RULE2"]}"#]);
    task.edit("Given the fields `text`, produce the fields `label`.", "Sort it.");
    let arguments = ["compare", "gepard.toml", "--optimizers", "random,opro,reflexion", "--seeds", "2", "--run", "all"];
    let first = on(&task, &arguments);
    assert_eq!(code(&first), 0, "{}", err(&first));
    let table = out(&first);
    for words in [
        "| `opro` | 1.000 (1.000 to 1.000) |",
        "| the seed | 0.000 | 0.000 |",
        "they improve single answers, not the prompt: `reflexion`",
    ] {
        assert!(table.contains(words), "{words} not in:\n{table}");
    }
    let attempts: Vec<&str> = table.lines().filter(|line| line.starts_with("| `reflexion`")).collect();
    assert!(attempts.len() == 1 && attempts[0].starts_with("| `reflexion` | 0.000 | "), "{attempts:?}");
    for run in ["random-seed0", "random-seed1", "opro-seed0", "opro-seed1", "reflexion-seed0", "reflexion-seed1"] {
        assert!(task.path("all").join(run).join("summary.json").is_file(), "{run}");
    }
    let journal = std::fs::read(task.path("all/opro-seed1/journal.jsonl")).unwrap();
    let again = on(&task, &arguments);
    let scores = |table: &str| table.lines().map(|line| line.split('|').take(6).collect::<String>()).collect::<Vec<_>>();
    assert_eq!(scores(&out(&again)), scores(&table));
    assert_eq!(std::fs::read(task.path("all/opro-seed1/journal.jsonl")).unwrap(), journal);

    // Options that would change nothing are refused.
    for more in [["--set", "optimize.budget=1"], ["--threads", "2"], ["--seeds", "2"], ["--progress", "plain"]] {
        let output = on(&task, &[&["compare", "all/opro-seed0", "all/opro-seed1"][..], &more].concat());
        assert_eq!(code(&output), 2, "{more:?}");
    }
    assert_eq!(code(&on(&task, &["doctor", "--set", "a.b=c"])), 2);
    assert_eq!(code(&on(&task, &["compare", "all/opro-seed0", "all/opro-seed1"])), 0);

    // In this world demonstrations bring nothing, so the control is beaten by `opro`. `reflexion` is not ranked.
    let with_control = on(&task, &["compare", "gepard.toml", "--optimizers", "opro,reflexion,fewshot", "--run", "control"]);
    let found = out(&with_control);
    let beaten = !found.contains("`reflexion` does not beat `fewshot`") && !found.contains("`opro` does not beat");
    assert!(beaten, "{found}");

    let output = on(&task, &["compare", "gepard.toml", "--optimizers", "gepa,mipro"]);
    assert_eq!(code(&output), 2);
    assert!(err(&output).contains("miprov2"), "{}", err(&output));
}

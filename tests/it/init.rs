//! Tests of `gepard init`: the projects that it creates run without changes.

use std::fmt::Write as _;
use std::path::Path;

use crate::support::process::{both, code, gepard};

/// The names of all templates.
const TEMPLATES: [&str; 5] = ["classify", "extract", "rag", "code", "custom"];

/// Replaces the model file by the scripted engine. Nothing else in the task file changes.
fn scripted(task: &Path, answer: &str) {
    let text = std::fs::read_to_string(task).unwrap();
    let line = text.lines().find(|line| line.starts_with("gguf = ")).unwrap();
    std::fs::write(task, text.replace(line, "engine = \"scripted\"\nscript = \"script.jsonl\"")).unwrap();
    let rule = serde_json::json!({ "text": answer });
    std::fs::write(task.with_file_name("script.jsonl"), format!("{rule}\n")).unwrap();
}

#[test]
fn every_template_runs_without_changes() {
    for template in TEMPLATES {
        let folder = tempfile::tempdir().unwrap();
        let made = gepard(&["init", "new/project", "--template", template], folder.path());
        assert_eq!(code(&made), 0, "{}", both(&made));
        let project = folder.path().join("new/project");
        scripted(&project.join("gepard.toml"), "card");
        for arguments in [
            &["doctor", "gepard.toml"][..],
            &["optimize", "gepard.toml", "--run", "runs/first"],
            &["export", "runs/first", "--format", "text"],
        ] {
            let output = gepard(arguments, &project);
            assert_eq!(code(&output), 0, "{template} {arguments:?}: {}", both(&output));
        }
    }
}

#[test]
fn without_a_model_in_the_cache_the_output_says_how_to_get_one() {
    let folder = tempfile::tempdir().unwrap();
    let made = gepard(&["init", "a"], folder.path());
    assert!(both(&made).contains("scripts/fetch-models qwen2.5-coder-0.5b-instruct-q4_k_m"), "{}", both(&made));
    let bad = gepard(&["init", "b", "--model", "nowhere.gguf"], folder.path());
    assert_eq!(code(&bad), 4, "{}", both(&bad));
    assert!(!folder.path().join("b").exists(), "nothing is created if the model is missing");
}

#[test]
fn nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gepard.toml"), "mine").unwrap();
    let output = gepard(&["init", "."], folder.path());
    assert_eq!(code(&output), 2);
    assert!(both(&output).contains("nothing is overwritten"), "{}", both(&output));
    assert_eq!(std::fs::read_to_string(folder.path().join("gepard.toml")).unwrap(), "mine");
}

#[test]
fn a_user_s_own_rows_become_a_task() {
    let folder = tempfile::tempdir().unwrap();
    let rows = (0..40).fold(String::new(), |mut rows, n| {
        writeln!(rows, r#"{{"text": "text \"{n}\"", "from": "us", "kind of it": "{}"}}"#, ["good", "bad"][n % 2]).unwrap();
        rows
    });
    std::fs::write(folder.path().join("mine.jsonl"), rows).unwrap();
    let made = gepard(&["init", "p", "--data", "mine.jsonl"], folder.path());
    assert_eq!(code(&made), 0, "{}", both(&made));
    for words in [
        "40 rows: 16 for training, 12 for validation, 12 for the test",
        "reads `text`, `from` and writes `kind of it`",
        "The metric is \"label\"",
    ] {
        assert!(both(&made).contains(words), "{words} not in {}", both(&made));
    }
    let project = folder.path().join("p");
    scripted(&project.join("gepard.toml"), "good");
    let output = gepard(&["optimize", "gepard.toml", "--run", "run"], &project);
    assert_eq!(code(&output), 0, "{}", both(&output));
    let bad = gepard(&["init", "q", "--data", "mine.jsonl", "--output", "sort"], folder.path());
    assert_eq!(code(&bad), 2);
    assert!(both(&bad).contains("it has no field `sort`; it has `text`, `from`, `kind of it`"), "{}", both(&bad));
    // A field that some rows lack cannot be an input.
    let rows = std::fs::read_to_string(folder.path().join("mine.jsonl")).unwrap();
    std::fs::write(folder.path().join("mine.jsonl"), rows.replacen("{", r#"{"remark": "x", "#, 1)).unwrap();
    let made = gepard(&["init", "r", "--data", "mine.jsonl"], folder.path());
    assert!(both(&made).contains("reads `text`, `from` and writes `kind of it`"), "{}", both(&made));
    assert_eq!(code(&gepard(&["init", "s", "--data", "mine.jsonl", "--inputs", "remark"], folder.path())), 2);
    // A project that cannot be created leaves no files behind.
    let rows = std::fs::read_to_string(folder.path().join("mine.jsonl")).unwrap();
    std::fs::write(folder.path().join("mine.jsonl"), rows.replace("\"from\"", "\"from:\"")).unwrap();
    let bad = gepard(&["init", "t", "--data", "mine.jsonl"], folder.path());
    assert_eq!(code(&bad), 2, "{}", both(&bad));
    assert!(!folder.path().join("t").exists(), "{}", both(&bad));
}

#[test]
fn lists_become_sets_in_which_no_constant_answer_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let genres = |n: usize| [r#"["drama"]"#, r#"["drama", "crime"]"#, r#"["crime", "comedy"]"#][n % 3];
    let entity = |n: usize| format!(r#"[{{"type": "{}", "text": "name {n}"}}]"#, ["person", "place"][n % 2]);
    for (name, answer, all, keys) in [
        ("genres", &(|n| genres(n).to_owned()) as &dyn Fn(usize) -> String, r#"["drama", "crime", "comedy"]"#, ""),
        ("entities", &entity, r#"[{"type": "person", "text": "name"}]"#, "equal = [\"type\"]\nclose = [\"text\"]\n"),
    ] {
        let rows: String = (0..24).map(|n| format!("{{\"text\": \"text {n}\", \"{name}\": {}}}\n", answer(n))).collect();
        std::fs::write(folder.path().join("mine.jsonl"), rows).unwrap();
        let made = gepard(&["init", name, "--data", "mine.jsonl"], folder.path());
        assert_eq!(code(&made), 0, "{}", both(&made));
        let project = folder.path().join(name);
        let task = std::fs::read_to_string(project.join("gepard.toml")).unwrap();
        assert!(task.contains("kind = \"set\"") && task.contains(keys) && task.contains("Answer with a JSON list"), "{task}");
        scripted(&project.join("gepard.toml"), all);
        let output = gepard(&["eval", "gepard.toml", "--split", "val", "--json"], &project);
        assert_eq!(code(&output), 0, "{}", both(&output));
        let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        for row in result["rows"].as_array().unwrap() {
            let score = row["score"].as_f64().unwrap();
            assert!((0.0..0.9).contains(&score), "{row}");
        }
    }
}

#[test]
fn rows_without_an_answer_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let answer = |n: usize| match n {
        0 => String::new(),
        1 => r#", "label": null"#.into(),
        _ => format!(r#", "label": "{}""#, ["good", "bad"][n % 2]),
    };
    let rows: String = (0..20).map(|n| format!("{{\"text\": \"text {n}\"{}}}\n", answer(n))).collect();
    std::fs::write(folder.path().join("mine.jsonl"), rows).unwrap();
    let made = gepard(&["init", "p", "--data", "mine.jsonl"], folder.path());
    assert_eq!(code(&made), 0, "{}", both(&made));
    assert!(both(&made).contains("2 of 20 rows have no `label` and are left out."), "{}", both(&made));
    let task = std::fs::read_to_string(folder.path().join("p/gepard.toml")).unwrap();
    assert!(task.contains("Given the field `text`, produce the field `label`."), "{task}");
}

#[test]
fn the_message_about_a_table_names_the_endings_of_tables() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.txt"), "text,label\na,b\n").unwrap();
    let bad = gepard(&["init", "p", "--data", "mine.txt"], folder.path());
    assert_eq!(code(&bad), 3, "{}", both(&bad));
    assert!(both(&bad).contains("if this is a table, end its name in .csv or .tsv"), "{}", both(&bad));
}

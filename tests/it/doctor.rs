//! Each finding of `doctor`, on a task that has it and on a task that does not.

use std::fmt::Write as _;

use crate::support::Task;
use gepard::hooks::Hooks;
use gepard::run::{Diagnosis, Finding, diagnose};

fn examined(task: &Task) -> Diagnosis {
    diagnose(&task.plan(&[]), &mut Hooks::none()).unwrap()
}

/// Returns the task with a rule of the script before all others.
fn with_rule(rule: &str) -> Task {
    let task = Task::new();
    let script = task.path("script.jsonl");
    let rules = std::fs::read_to_string(&script).unwrap();
    std::fs::write(&script, format!("{rule}\n{rules}")).unwrap();
    task
}

/// Returns `count` rows with different texts.
fn rows(name: &str, count: usize, label: impl Fn(usize) -> &'static str) -> String {
    (0..count).fold(String::new(), |mut rows, n| {
        writeln!(rows, r#"{{"id": "{name}-{n}", "text": "a {name} text {n}", "label": "{}", "from": "us"}}"#, label(n)).unwrap();
        rows
    })
}

#[test]
fn a_model_that_is_never_right_even_with_demonstrations_is_found() {
    let found = examined(&Task::new()).findings;
    assert!(found.contains(&Finding::NothingScores { tried: 12, shown: 8 }), "{found:?}");
    assert!(found.iter().any(|f| f.to_string().contains("fine-tuning or a larger model will")));
}

#[test]
fn a_model_that_needs_demonstrations_is_found() {
    let task = with_rule(r#"{"contains": ["item number 10,", "item number 11,"], "text": "odd"}"#);
    let found = examined(&task).findings;
    assert!(found.contains(&Finding::SeedIsPoor { score: 0.0, tried: 12, shown: 8, with: 0.5 }), "{found:?}");
}

#[test]
fn a_seed_that_is_hardly_ever_right_even_with_demonstrations_is_found() {
    let found = examined(&with_rule(r#"{"contains": ["item number 1,"], "text": "odd"}"#)).findings;
    let poor = |score: f64| (score - 1.0 / 12.0).abs() < 1e-6;
    let is = |f: &Finding| matches!(f, Finding::SeedIsPoor { score, tried: 12, shown: 8, with } if poor(*score) && poor(*with));
    assert!(found.iter().any(is), "{found:?}");
    assert!(found.iter().any(|f| f.to_string().contains("hardly a right answer")), "{found:?}");
}

#[test]
fn a_seed_that_is_already_good_is_found() {
    let task = Task::new();
    task.edit("Given the fields `text`, produce the fields `label`.", "RULE1 RULE2");
    let found = examined(&task).findings;
    assert!(found.contains(&Finding::SeedIsGood { score: 1.0, tried: 12 }), "{found:?}");
    assert!(!found.iter().any(|f| matches!(f, Finding::ConstantAnswer { .. } | Finding::NothingScores { .. })), "{found:?}");
}

#[test]
fn a_constant_answer_as_good_as_the_seed_is_found() {
    let found = examined(&Task::new());
    let constant = found.constant.unwrap();
    assert_eq!((constant.outputs["label"].as_str(), constant.score), ("even", 0.5));
    assert!(found.findings.contains(&Finding::ConstantAnswer { constant, seed: 0.0 }), "{:?}", found.findings);
}

#[test]
fn too_few_validation_examples_are_found() {
    let task = Task::new();
    let small = |found: Vec<Finding>| found.into_iter().find(|f| matches!(f, Finding::SmallValidation { .. }));
    let told = small(examined(&task).findings).unwrap().to_string();
    assert!(told.starts_with("12 validation examples are few: a score on them is sure to ±28 points"), "{told}");
    std::fs::write(task.path("val.jsonl"), rows("val", 40, |n| if n % 3 == 0 { "odd" } else { "even" })).unwrap();
    assert_eq!(small(examined(&task).findings), None);
}

#[test]
fn answers_that_are_cut_off_are_found() {
    let task = with_rule(r#"{"contains": ["item number 3,"], "text": "odd and", "ended": "length"}"#);
    let found = examined(&task).findings;
    let cut = Finding::Cut { module: "sort".into(), cut: 1, of: 12, max_tokens: 8 };
    assert!(found.contains(&cut), "{found:?}");
    assert!(!examined(&Task::new()).findings.iter().any(|f| matches!(f, Finding::Cut { .. })));
}

#[test]
fn fields_that_never_vary_and_feedback_that_is_always_the_same_are_found() {
    let task = Task::new();
    let same = |found: &[Finding]| found.iter().any(|f| matches!(f, Finding::SameFeedback { .. }));
    assert!(!same(&examined(&task).findings), "odd and even are told apart");
    let odd_fail = with_rule(r#"{"text": "label: even"}"#);
    assert!(!same(&examined(&odd_fail).findings), "all failures are of one label");
    std::fs::write(task.path("train.jsonl"), rows("train", 12, |_| "even")).unwrap();
    std::fs::write(task.path("val.jsonl"), rows("val", 12, |_| "even")).unwrap();
    task.edit("test = \"test.jsonl\"\n", "").edit("inputs = [\"text\"]", "inputs = [\"text\", \"from\"]");
    let found = examined(&task).findings;
    assert!(!same(&found), "all rows expect what the feedback says: {found:?}");
    for (field, value, expected) in [("label", "even", true), ("from", "us", false)] {
        let never = Finding::NeverVaries { field: field.into(), value: value.into(), expected };
        assert!(found.contains(&never), "{found:?}");
    }
    assert!(!found.iter().any(|f| matches!(f, Finding::NeverVaries { field, .. } if field == "text")));
    task.edit("kind = \"label\"\nfield = \"label\"", "kind = \"regex\"\npattern = \"^yes$\"");
    let found = examined(&task).findings;
    assert!(same(&found), "{found:?}");
}

#[test]
fn fields_that_a_metric_needs_besides_the_labels_may_be_the_same_in_every_row() {
    let task = Task::new();
    for split in ["train", "val"] {
        let with = r#""from": "us", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]"#;
        let rows = rows(split, 12, |n| if n % 2 == 0 { "odd" } else { "even" }).replace(r#""from": "us""#, with);
        std::fs::write(task.path(&format!("{split}.jsonl")), rows).unwrap();
    }
    task.edit("test = \"test.jsonl\"\n", "").edit("kind = \"label\"\nfield = \"label\"", "kind = \"constraints\"");
    let found = examined(&task).findings;
    assert!(!found.iter().any(|f| matches!(f, Finding::NeverVaries { .. })), "{found:?}");
}

#[test]
fn declared_values_that_no_row_has_are_found() {
    let task = Task::new();
    let never = |task: &Task| examined(task).findings.into_iter().find(|f| matches!(f, Finding::NeverAllowed { .. }));
    task.edit("outputs = [\"label\"]", "outputs = [{ name = \"label\", values = [\"Odd\", \"even\"] }]");
    assert_eq!(never(&task), None);
    task.edit("values = [\"Odd\", \"even\"]", "kind = \"flag\"").edit("test = \"test.jsonl\"\n", "");
    for split in ["train", "val"] {
        std::fs::write(task.path(&format!("{split}.jsonl")), rows(split, 12, |n| if n % 2 == 0 { "yes" } else { "no" })).unwrap();
    }
    let told = never(&task).unwrap().to_string();
    let wanted = "`label` can only be one of \"true\", \"false\", and for 24 of 24 rows none of them is right: one says \"yes\".";
    assert!(told.starts_with(wanted), "{told}");
}

#[test]
fn more_training_examples_than_help_are_found() {
    let task = Task::new();
    std::fs::write(task.path("train.jsonl"), rows("train", 101, |n| if n % 2 == 0 { "odd" } else { "even" })).unwrap();
    assert!(examined(&task).findings.contains(&Finding::MuchTraining { examples: 101 }));
    assert!(!examined(&Task::new()).findings.iter().any(|f| matches!(f, Finding::MuchTraining { .. })));
}

#[test]
fn the_size_of_the_run_directory_is_estimated() {
    let task = Task::new();
    let told = examined(&task).disk();
    let run = task.path("run");
    gepard::run::optimize(&task.plan(&[]), &run, &mut Hooks::none()).unwrap();
    let taken: u64 = std::fs::read_dir(run).unwrap().map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(taken / 4 < told && told < taken * 4, "told {told}, taken {taken}");
}

#[test]
fn a_run_in_which_nothing_scored_has_a_note() {
    let said = |task: &Task| {
        let run = task.path("run");
        gepard::run::optimize(&task.plan(&[]), &run, &mut Hooks::none()).unwrap().notes.join("\n")
    };
    let hopeless = Task::with_reflector(&[r#"{"contains": ["Write a better instruction"], "text": "Be good."}"#]);
    assert!(said(&hopeless).contains("no rollout of any candidate scored more than 0"), "{}", said(&hopeless));
    assert!(!said(&Task::new()).contains("not one rollout"));
}

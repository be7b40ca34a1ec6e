//! `gepard compare TASK.toml --optimizers …`: variants of GEPA, equal terms, a common start, and what the tables say of each search.

use serde_json::Value;

use crate::support::Task;
use crate::support::process::{code, err, on, out};

/// The task with a reflector that writes the rules for every optimizer.
fn task() -> Task {
    let task = Task::with_reflector(&[r#"{"contains": ["instruction"], "texts": ["RULE1", "RULE2", "RULE1 RULE2"]}"#]);
    task.edit("Given the fields `text`, produce the fields `label`.", "Sort it.");
    task.edit("[layout]", "[model.writer]\nengine = \"scripted\"\nscript = \"script.jsonl\"\n\n[layout]");
    task.edit("[optimize]\n", "[optimize]\nreflectors = [\"writer\"]\n");
    task
}

/// Compares in the folder `all`. Returns what was printed, and the runs in `compare.json`.
fn compare(task: &Task, optimizers: &str, more: &[&str]) -> (String, Vec<Value>) {
    let base = ["compare", "gepard.toml", "--optimizers", optimizers, "--run", "all", "--progress", "none"];
    let output = on(task, &[&base[..], more].concat());
    assert_eq!(code(&output), 0, "{}", err(&output));
    let file: Value = serde_json::from_slice(&std::fs::read(task.path("all/compare.json")).unwrap()).unwrap();
    (out(&output), file["runs"].as_array().unwrap().clone())
}

fn tokens(run: &Value) -> u64 {
    let tokens = &run["summary"]["tokens"];
    tokens["task"].as_u64().unwrap() + tokens["reflection"].as_u64().unwrap()
}

fn plan(task: &Task, run: &str) -> String {
    std::fs::read_to_string(task.path("all").join(run).join("plan.toml")).unwrap()
}

#[test]
fn gepa_is_compared_in_three_rows() {
    let task = task();
    let operators = "optimize.operators=[\"examples\", \"rewrite\"]";
    let (printed, runs) = compare(&task, "gepa,gepa-reflector,gepa-paper", &["--budget", "100", "--set", operators]);
    let names: Vec<&str> = runs.iter().map(|run| run["optimizer"].as_str().unwrap()).collect();
    assert_eq!(names, ["gepa", "gepa-reflector", "gepa-paper"]);
    assert!(names.iter().all(|name| printed.matches(&format!("\n| `{name}` |")).count() == 2), "two tables:\n{printed}");
    assert!(plan(&task, "gepa-paper-seed0").contains("preset = \"paper\""));
    let shows_examples = |run: &str| plan(&task, run).contains("\"examples\"");
    assert!(shows_examples("gepa-seed0") && !shows_examples("gepa-reflector-seed0"));
    assert!(task.path("all/report.html").is_file());
}

#[test]
fn the_second_table_says_what_each_search_did() {
    let task = task();
    let (printed, runs) = compare(&task, "opro,label-list,bootstrap-rs", &["--budget", "200"]);
    let line = |name: &str| printed.lines().rfind(|line| line.starts_with(&format!("| `{name}` |"))).unwrap().to_owned();
    let summary = &runs[0]["summary"];
    let cells: Vec<String> = line("opro").split('|').map(|cell| cell.trim().to_owned()).collect();
    assert_eq!(cells[2], format!("{:.1}", summary["iterations"].as_f64().unwrap()));
    assert_eq!(cells[3], format!("{:.1}", summary["reflections"]["proposed"].as_f64().unwrap()));
    let best = &summary["pool"][summary["best_candidate"].as_u64().unwrap() as usize];
    assert_eq!(cells[4], best["prompt_tokens"].to_string());
    // The program has one module, so a rollout is a call; both models together have all tokens of the search.
    let (task_tokens, reflector_tokens) = (&summary["tokens"]["task"], &summary["tokens"]["reflection"]);
    let models = [("task", &summary["rollouts"], task_tokens), ("writer", &summary["reflector_calls"], reflector_tokens)];
    let cell: Vec<String> = models.iter().map(|(model, calls, tokens)| format!("`{model}` {calls}, {tokens}")).collect();
    assert_eq!(cells[5], cell.join("; "));
    for (model, calls, tokens) in models {
        assert_eq!((&runs[0]["models"][model]["calls"], &runs[0]["models"][model]["tokens"]), (calls, tokens));
    }
    let curve: Vec<f64> = cells[6].split(", ").map(|score| score.parse().unwrap()).collect();
    assert!(curve.is_sorted() && curve.last() == Some(&1.0), "{curve:?}");
    assert!(!line("bootstrap-rs").contains("`writer`"), "{}", line("bootstrap-rs"));
    assert!(!printed.contains("fewer than three iterations"), "{printed}");
}

#[test]
fn whatever_the_method_asks_is_counted_for_its_models() {
    let task = task();
    for run in compare(&task, "gepa,miprov2,textgrad,reflexion", &["--budget", "40"]).1 {
        let sum = |key: &str| run["models"].as_object().unwrap().values().map(|model| model[key].as_u64().unwrap()).sum::<u64>();
        let summary = &run["summary"];
        let calls = summary["rollouts"].as_u64().unwrap() + summary["reflector_calls"].as_u64().unwrap();
        assert_eq!((sum("calls"), sum("tokens")), (calls, tokens(&run)), "{}", run["optimizer"]);
    }
}

#[test]
fn a_search_that_its_budget_ended_at_once_is_marked() {
    let task = task();
    let (printed, _) = compare(&task, "simba,label-list", &["--budget", "40"]);
    let marked = "`simba` began fewer than three iterations: the budget, not the method, is what was measured";
    assert!(printed.contains(marked) && !printed.contains("`label-list` began"), "{printed}");
}

#[test]
fn with_equal_tokens_every_search_may_spend_what_the_first_did() {
    let task = task();
    let more = ["--budget", "100", "--equal", "tokens"];
    let (_, runs) = compare(&task, "random,opro", &more);
    let spent = tokens(&runs[0]);
    assert!(plan(&task, "opro-seed0").contains(&format!("budget = \"{spent} tokens\"")), "{}", plan(&task, "opro-seed0"));
    assert!(plan(&task, "random-seed0").contains("budget = \"100\""));
    // The comparison goes on where it was.
    let journal = std::fs::read(task.path("all/opro-seed0/journal.jsonl")).unwrap();
    assert_eq!(compare(&task, "random,opro", &more).1.len(), 2);
    assert_eq!(std::fs::read(task.path("all/opro-seed0/journal.jsonl")).unwrap(), journal);
    let (_, _) = compare(&self::task(), "random,opro", &["--budget", "100", "--equal", "rollouts"]);
}

#[test]
fn with_equal_minutes_every_search_may_take_what_the_first_did() {
    let task = task();
    compare(&task, "random,label-list", &["--budget", "100", "--equal", "minutes"]);
    assert!(plan(&task, "label-list-seed0").contains("budget = \"1s\""), "{}", plan(&task, "label-list-seed0"));
}

#[test]
fn all_optimizers_can_start_from_a_prompt_with_worked_examples() {
    let task = task();
    let (_, runs) = compare(&task, "opro,bootstrap-rs", &["--budget", "100", "--start", "fewshot", "--seeds", "2"]);
    assert_eq!(runs.len(), 4);
    let seed = |run: &str| -> Value {
        let pool: Value = serde_json::from_slice(&std::fs::read(task.path("all").join(run).join("pool.json")).unwrap()).unwrap();
        let first = if pool.is_array() { &pool[0] } else { &pool["candidates"][0] };
        first.clone()
    };
    let shown = |run: &str| seed(run).to_string().matches("\"answer\"").count();
    assert!(shown("opro-seed0") > 0 && seed("opro-seed0").to_string().contains("even, odd"), "{}", seed("opro-seed0"));
    assert_eq!(shown("opro-seed0"), shown("bootstrap-rs-seed0"));
    assert!(task.path("all/start-seed0/summary.json").is_file() && task.path("all/start-seed1/summary.json").is_file());
    // Another start is another run.
    let other = on(&task, &["compare", "gepard.toml", "--optimizers", "opro", "--run", "all", "--budget", "100"]);
    assert!(code(&other) != 0 && err(&other).contains("start"), "{}", err(&other));
}

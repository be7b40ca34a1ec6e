//! Programs of several modules and steps, run from their task files with the scripted engine.

use std::fs;
use std::path::Path;

use crate::support::process::{err, eval, gepard};
use serde_json::Value;

fn write(folder: &Path, files: &[(&str, &str)]) {
    files.iter().for_each(|(name, text)| fs::write(folder.join(name), text).unwrap());
}

const CORPUS: &str = r#"{"title": "Ada", "text": "Ada lives in Zembla."}
{"title": "Zembla", "text": "The capital of Zembla is Onhava."}
{"title": "Bob", "text": "Bob lives elsewhere."}"#;

const TWO_HOPS: &str = r#"
[data]
train = "train.jsonl"
val = "val.jsonl"

[[step]]
name = "hop1"
kind = "retrieve"
corpus = "corpus.jsonl"
query = "question"
output = "first"
k = 1

[[module]]
name = "query"
inputs = ["question", "first"]
outputs = ["search"]
instruction = "What is to be looked up next?"

[[step]]
name = "hop2"
kind = "retrieve"
corpus = "corpus.jsonl"
query = "search"
output = "second"
k = 1

[[module]]
name = "answer"
inputs = ["question", "second"]
outputs = ["answer"]
instruction = "Answer."

[metric]
kind = "sum"
[[metric.part]]
kind = "f1"
field = "answer"
[[metric.part]]
kind = "retrieval"
field = "titles"

[model.task]
engine = "scripted"
script = "script.jsonl"

[optimize]
budget = "40"
"#;

fn two_hops(search: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let row = |n| {
        format!(r#"{{"id": "{n}", "question": "Where does Ada live ({n})?", "answer": "Onhava", "titles": ["Ada", "Zembla"]}}"#)
    };
    let script = format!(
        "{{\"contains\": [\"[1] Zembla: The capital\"], \"text\": \"answer: Onhava\"}}\n\
         {{\"contains\": [\"[1] Ada: Ada lives in Zembla.\"], \"text\": \"search: {search}\"}}\n{{\"text\": \"answer: unknown\"}}"
    );
    write(
        folder.path(),
        &[
            ("gepard.toml", TWO_HOPS),
            ("corpus.jsonl", CORPUS),
            ("train.jsonl", &[row(1), row(2)].join("\n")),
            ("val.jsonl", &[row(3), row(4)].join("\n")),
            ("script.jsonl", &script),
        ],
    );
    folder
}

#[test]
fn the_second_hop_searches_with_what_the_first_one_found() {
    let folder = two_hops("capital of Zembla");
    let result = eval(folder.path());
    assert_eq!(result["score"], 1.0, "{result}");
    let folder = two_hops("Bob");
    let result = eval(folder.path());
    let feedback = result["rows"][0]["feedback"].as_str().unwrap();
    for words in ["retrieval 0.50: ", "`hop2` searched for \"Bob\" and found nothing of `Zembla`", "Still missing: `Zembla`"] {
        assert!(feedback.contains(words), "{words} not in {feedback}");
    }
    // The parts of the sum are objectives, with their own objectives, and the feedback of a part to a module is kept.
    for (name, mean) in [("f1", 0.0), ("retrieval", 0.5), ("retrieval.recall", 0.5), ("retrieval.f1", 0.5)] {
        assert_eq!(result["objectives"][name], mean, "{name}: {}", result["objectives"]);
    }
    let told = result["rows"][0]["module_feedback"]["query"].as_str().unwrap();
    assert!(told.ends_with("The query must lead to `Zembla`."), "{told}");
}

#[test]
fn a_program_with_two_hops_is_optimized_and_resumed_and_its_plan_is_a_task_file() {
    let folder = two_hops("Bob");
    let run = |arguments: &[&str]| gepard(&[&["optimize", "gepard.toml", "--run", "run"], arguments].concat(), folder.path());
    let first = run(&[]);
    assert_eq!(first.status.code(), Some(0), "{}", err(&first));
    let journal = fs::read(folder.path().join("run/journal.jsonl")).unwrap();
    assert_eq!(run(&[]).status.code(), Some(0));
    assert_eq!(fs::read(folder.path().join("run/journal.jsonl")).unwrap(), journal);
    let again = gepard(&["optimize", "run/plan.toml", "--run", "run"], folder.path());
    assert_eq!(again.status.code(), Some(0), "{}", err(&again));
    // A run with another corpus is refused.
    fs::write(folder.path().join("corpus.jsonl"), format!("{CORPUS}\n{{\"title\": \"New\", \"text\": \"x\"}}")).unwrap();
    let other = run(&[]);
    assert_eq!(other.status.code(), Some(6));
    assert!(err(&other).contains("step.hop1.sha256"), "{other:?}");
}

const REFINE: &str = r#"
[data]
train = "train.jsonl"
val = "val.jsonl"

[[module]]
name = "draft"
inputs = ["question"]
outputs = ["answer"]
instruction = "Draft."

[[module]]
name = "revise"
inputs = ["question", "answer"]
outputs = ["answer"]
instruction = "Revise."

[[step]]
name = "check"
kind = "command"
command = ["python3", "-u", "check.py"]
inputs = ["answer"]
outputs = ["verdict"]
timeout = 20

[[step]]
name = "shout"
kind = "template"
template = "{{ answer | upper }}!"
output = "reply"
when = { field = "question", contains = "loud" }

[[loop]]
over = ["revise", "check"]
repeat = 3
until = { field = "verdict", equals = "good" }

[metric]
kind = "exact"
field = "expected"
output = "answer"

[model.task]
engine = "scripted"
script = "script.jsonl"
"#;

fn refine(check: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let rows = "{\"id\": \"1\", \"question\": \"easy\", \"expected\": \"b\"}\n{\"id\": \"2\", \"question\": \"hard and loud\", \"expected\": \"d\"}";
    let script = "{\"contains\": [\"Draft.\"], \"text\": \"a\"}\n\
         {\"contains\": [\"answer: a\"], \"text\": \"b\"}\n{\"contains\": [\"answer: b\"], \"text\": \"c\"}\n{\"contains\": [\"answer: c\"], \"text\": \"d\"}";
    write(
        folder.path(),
        &[("gepard.toml", REFINE), ("check.py", check), ("train.jsonl", rows), ("val.jsonl", rows), ("script.jsonl", script)],
    );
    folder
}

const CHECK: &str = "import sys, json\nfor line in sys.stdin:\n    answer = json.loads(line)['inputs']['answer']\n    print(json.dumps({'verdict': 'good' if answer == 'd' else 'bad'}))";

#[test]
fn a_loop_runs_until_an_outside_program_ends_it() {
    let folder = refine(CHECK);
    let result = eval(folder.path());
    let rows = result["rows"].as_array().unwrap();
    assert_eq!(rows[1]["outputs"]["answer"], "d", "{result}");
    assert_eq!(rows[1]["outputs"]["reply"], "D!");
    assert_eq!(rows[0]["outputs"].get("reply"), None);
    let stopped = refine(&CHECK.replace("answer == 'd'", "answer == 'b'"));
    assert_eq!(eval(stopped.path())["rows"][0]["score"], 1.0);
}

#[test]
fn a_run_with_a_changed_program_of_a_step_is_refused() {
    let folder = refine(CHECK);
    let run = || gepard(&["optimize", "gepard.toml", "--run", "run", "--budget", "8"], folder.path());
    assert_eq!(run().status.code(), Some(0));
    assert_eq!(run().status.code(), Some(0));
    fs::write(folder.path().join("check.py"), format!("{CHECK}\n# changed\n")).unwrap();
    let other = run();
    assert_eq!(other.status.code(), Some(6));
    assert!(err(&other).contains("step.check.command.check.py.sha256"), "{other:?}");
}

#[test]
fn a_step_that_fails_scores_0_and_one_that_breaks_down_is_not_scored() {
    let folder = refine("import sys\nfor line in sys.stdin: print('{\"error\": \"nothing to check\"}')");
    let result = eval(folder.path());
    let feedback = result["rows"][0]["feedback"].as_str().unwrap();
    assert_eq!(result["score"], 0.0);
    assert!(feedback.contains("The step `check` failed: nothing to check"), "{feedback}");
    // A program that breaks down says nothing about the candidate.
    let folder = refine("import sys\nsys.stdin.readline()\nsys.exit('the check is broken')");
    let result = eval(folder.path());
    assert_eq!(result["score"], Value::Null);
    assert!(result["rows"][0].to_string().contains("the check is broken"), "{result}");
}

#[test]
fn a_program_whose_retrieved_rows_are_counted_must_list_them() {
    let search = |made: &str| {
        let folder = refine(&format!("import sys, json\nfor line in sys.stdin: print(json.dumps({made}))"));
        let (own, counted) =
            ("kind = \"exact\"\nfield = \"expected\"\noutput = \"answer\"", "kind = \"retrieval\"\nfield = \"expected\"");
        assert!(REFINE.contains(own));
        let task = REFINE.replace(own, &format!("{counted}\nsteps = [\"check\"]"));
        fs::write(folder.path().join("gepard.toml"), task).unwrap();
        eval(folder.path())
    };
    assert_eq!(search("{'verdict': 'good', 'retrieved': ['b']}")["score"], 0.5);
    let silent = search("{'verdict': 'good'}");
    assert_eq!(silent["score"], Value::Null);
    assert!(silent["rows"][0].to_string().contains("its answer lacks `retrieved`, the list of what it found"), "{silent}");
}

#[test]
fn steps_that_do_not_fit_together_are_refused() {
    let folder = refine(CHECK);
    let with = |from: &str, to: &str| {
        assert!(REFINE.contains(from), "{from}");
        fs::write(folder.path().join("bad.toml"), REFINE.replace(from, to)).unwrap();
        let output = gepard(&["eval", "bad.toml", "--split", "train"], folder.path());
        assert_eq!(output.status.code(), Some(2), "{to}");
        err(&output)
    };
    for (from, to, message) in [
        ("over = [\"revise\", \"check\"]", "over = [\"revise\", \"shout\"]", "must be neighbours"),
        ("kind = \"template\"", "kind = \"tempalte\"", "did you mean `template`?"),
        ("name = \"shout\"", "name = \"draft\"", "`draft` stands twice"),
        ("inputs = [\"answer\"]", "inputs = [\"reply\"]", "`reply` is written by `shout`, which does not run before `check`"),
        ("{{ answer | upper }}", "{{ answer | ", "cannot be read"),
        ("[[loop]]", "[[loop]]\nuntl = 1", "did you mean `until`?"),
        ("repeat = 3", "repeat = 0", "must be from 1 to 20"),
        ("equals = \"good\"", "is = \"good\"", "give one of `equals`, `contains` and `empty`"),
        ("kind = \"exact\"", "kind = \"retrieval\"", "must name a step that retrieves"),
    ] {
        let error = with(from, to);
        assert!(error.contains(message), "{message} not in {error}");
    }
}

const WRITE: &str = r#"
[data]
train = "train.jsonl"
val = "val.jsonl"

[[module]]
name = "write"
inputs = ["prompt"]
outputs = ["code"]
instruction = "Write the function."

[metric]
kind = "code"
field = "tests"
setup = "imports"
timeout = 5

[model.task]
engine = "scripted"
script = "script.jsonl"

[optimize]
budget = "20"
"#;

fn write_code() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let row = |id: &str, number: u32| {
        format!(
            r#"{{"id": "{id}", "prompt": "double {number}", "imports": ["import math"], "tests": ["assert double({number}) == {}", "assert double(0) == 0"]}}"#,
            2 * number
        )
    };
    // The model triples instead of doubling in the second example.
    let answer = |body: &str| format!("```python\\ndef double(x):\\n    return math.trunc({body})\\n```");
    let script =
        format!("{{\"contains\": [\"double 2\"], \"text\": \"{}\"}}\n{{\"text\": \"{}\"}}", answer("x * 3"), answer("x + x"));
    write(
        folder.path(),
        &[
            ("gepard.toml", WRITE),
            ("train.jsonl", &[row("1", 1), row("2", 2)].join("\n")),
            ("val.jsonl", &[row("3", 3), row("4", 4)].join("\n")),
            ("script.jsonl", &script),
        ],
    );
    folder
}

#[test]
#[cfg(target_os = "linux")]
fn code_is_scored_by_its_tests_and_a_resumed_run_does_not_run_them_again() {
    let folder = write_code();
    let result = eval(folder.path());
    assert_eq!(result["score"], 0.75, "{result}");
    let feedback = result["rows"][1]["feedback"].as_str().unwrap();
    assert!(feedback.contains("`assert double(2) == 4` failed: expected 4, but `double(2)` is 6"), "{feedback}");
    let run = || gepard(&["optimize", "gepard.toml", "--run", "run", "--progress", "none"], folder.path());
    assert_eq!(run().status.code(), Some(0));
    let journal = fs::read(folder.path().join("run/journal.jsonl")).unwrap();
    assert_eq!(run().status.code(), Some(0));
    assert_eq!(fs::read(folder.path().join("run/journal.jsonl")).unwrap(), journal);
}

#[test]
fn the_python_interpreter_is_checked_before_a_run_begins() {
    let folder = write_code();
    fs::write(folder.path().join("gepard.toml"), WRITE.replace("timeout = 5", "python = \"./no-python\"")).unwrap();
    let output = gepard(&["optimize", "gepard.toml", "--run", "run"], folder.path());
    let told = err(&output);
    assert_eq!(output.status.code(), Some(5), "{told}");
    assert!(told.contains("the metric cannot be used here: the Python interpreter") && told.contains("no-python"), "{told}");
    assert!(!folder.path().join("run").exists());
}

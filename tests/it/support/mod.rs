//! A small task for the scripted engine, with everything a run needs, in a folder of its own.
//!
//! Items are odd or even. The student knows neither until its instruction has RULE1 (odd) or RULE2
//! (even); the reflector proposes these, junk, and repetitions.

#![allow(dead_code, clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

pub mod gguf;
pub mod process;
pub mod slowness;
pub mod unchecked;

pub mod asking;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

pub const EXAMPLES: usize = 12;

/// The real model of the tests: SmolLM2-135M-Instruct, which `scripts/test` fetches.
pub fn model() -> PathBuf {
    match std::env::var_os("GEPARD_TEST_MODEL") {
        Some(path) => PathBuf::from(path),
        None => gepard::models::resolve("smollm2-135m-instruct-q4_1", Path::new("")).unwrap_or_else(|e| panic!("{e}")),
    }
}

pub struct Task {
    pub folder: tempfile::TempDir,
    pub file: PathBuf,
}

impl Task {
    /// The task with the reflector that can teach it.
    pub fn new() -> Self {
        let both = r#""texts": ["```\nRULE1 RULE2\n```", "", "RULE2 RULE1", "```json\n{\"task\": \"x\"}\n```"]"#;
        let one = r#""texts": ["```\nRULE1\n```", "```\nRULE2\n```", "<think>hm", "```\nBe good.\n```"]"#;
        let asked = "Write a better instruction";
        let reflector = [
            format!(r#"{{"contains": ["{asked}", "RULE1"], {both}}}"#),
            format!(r#"{{"contains": ["{asked}", "RULE2"], {both}}}"#),
            format!(r#"{{"contains": ["{asked}"], {one}}}"#),
        ];
        Self::with_reflector(&reflector.each_ref().map(String::as_str))
    }

    /// The task with other rules for reflections.
    pub fn with_reflector(reflector: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (split, from) in [("train", 0), ("val", 100), ("test", 200)] {
            let rows: String = (from..from + EXAMPLES).fold(String::new(), |mut rows, n| {
                let label = if n % 2 == 1 { "odd" } else { "even" };
                writeln!(
                    rows,
                    r#"{{"id": "{split}-{n}", "text": "this is the item number {n}, to be sorted", "label": "{label}"}}"#
                )
                .unwrap();
                rows
            });
            fs::write(folder.path().join(format!("{split}.jsonl")), rows).unwrap();
        }
        let mut student: Vec<String> = reflector.iter().map(|&r| r.to_owned()).collect();
        for n in (0..EXAMPLES).flat_map(|n| [n, n + 100, n + 200]) {
            let (rule, label) = if n % 2 == 1 { ("RULE1", "odd") } else { ("RULE2", "even") };
            student.push(format!(r#"{{"contains": ["{rule}", "item number {n},"], "text": "label: {label}"}}"#));
        }
        student.push(r#"{"text": "I cannot say"}"#.into());
        fs::write(folder.path().join("script.jsonl"), student.join("\n")).unwrap();
        let file = folder.path().join("gepard.toml");
        fs::write(&file, format!("{TASK}{LOOP}budget = \"150\"\n")).unwrap();
        Self { folder, file }
    }

    /// A program of two modules. Items are red or blue, and large or small. The student says blue and
    /// small, unless its instructions have RED and LARGE; BOTH in the first makes it see colours. The
    /// reflector knows these words, and has `extra` rules before that.
    pub fn of_two_modules(extra: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let asked = "Write a better instruction";
        let mut rules: Vec<String> = extra.iter().map(|&rule| rule.to_owned()).collect();
        let reflection = |has: &str, text: &str| format!(r#"{{"contains": ["{asked}", {has}], "text": "{text}"}}"#);
        rules.push(reflection(r#""must write `colour`", "RED""#, "BOTH"));
        rules.push(reflection(r#""must write `colour`""#, "RED"));
        rules.push(reflection(r#""must write `size`", "LARGE""#, ""));
        rules.push(reflection(r#""must write `size`""#, "LARGE"));
        for (split, from) in [("train", 0), ("val", 100), ("test", 200)] {
            let mut rows = String::new();
            for index in 0..EXAMPLES {
                let n = from + index;
                let colour = if index % 2 == 1 || index == 0 { "red" } else { "blue" };
                let size = if [0, 1, 2, 3, 4, 7, 8].contains(&index) { "large" } else { "small" };
                writeln!(rows, r#"{{"id": "{split}-{n}", "text": "item number {n},", "colour": "{colour}", "size": "{size}"}}"#)
                    .unwrap();
                rules.push(format!(r#"{{"contains": ["item number {n},", "BOTH", "colour:"], "text": "colour: {colour}"}}"#));
            }
            fs::write(folder.path().join(format!("{split}.jsonl")), rows).unwrap();
        }
        rules.push(r#"{"contains": ["size:", "LARGE"], "text": "size: large"}"#.into());
        rules.push(r#"{"contains": ["size:"], "text": "size: small"}"#.into());
        rules.push(r#"{"contains": ["RED"], "text": "colour: red"}"#.into());
        rules.push(r#"{"text": "colour: blue"}"#.into());
        fs::write(folder.path().join("script.jsonl"), rules.join("\n")).unwrap();
        let file = folder.path().join("gepard.toml");
        fs::write(&file, format!("{TWO_MODULES}{LOOP}budget = \"200\"\n")).unwrap();
        Self { folder, file }
    }

    /// The same, but the second module reads what the first one writes.
    pub fn of_a_chain() -> Self {
        let task = Self::of_two_modules(&[]);
        task.edit("inputs = [\"text\"]\noutputs = [\"size\"]", "inputs = [\"text\", \"colour\"]\noutputs = [\"size\"]");
        task
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Replaces text in the task file.
    pub fn edit(&self, from: &str, to: &str) -> &Self {
        let text = fs::read_to_string(&self.file).unwrap();
        assert!(text.contains(from), "{from} is not in the task file");
        fs::write(&self.file, text.replace(from, to)).unwrap();
        self
    }

    pub fn plan(&self, settings: &[&str]) -> gepard::config::Plan {
        let settings: Vec<String> = settings.iter().map(|&s| s.to_owned()).collect();
        gepard::config::load(&self.file, &settings).unwrap()
    }
}

const TASK: &str = r#"
[data]
train = "train.jsonl"
val = "val.jsonl"
test = "test.jsonl"

[[module]]
name = "sort"
inputs = ["text"]
outputs = ["label"]
instruction = "Given the fields `text`, produce the fields `label`."
max_tokens = 8

[metric]
kind = "label"
field = "label"
"#;

/// The rest of both: how the models answer and what the loop does.
const LOOP: &str = r#"
[model.task]
engine = "scripted"
script = "script.jsonl"

[layout]
answer = "label"

# The loop of the paper, with rewrites alone: what the loop's tests are worked out for.
[optimize]
minibatch = 3
gate = "strict"
operators = ["rewrite"]
proposals = 1
"#;

const TWO_MODULES: &str = r#"
[data]
train = "train.jsonl"
val = "val.jsonl"
test = "test.jsonl"

[[module]]
name = "colour"
inputs = ["text"]
outputs = ["colour"]
instruction = "Say the colour."
max_tokens = 8

[[module]]
name = "size"
inputs = ["text"]
outputs = ["size"]
instruction = "Say the size."
max_tokens = 8

[metric]
kind = "json"
weights = { colour = 1, size = 1 }
"#;

/// A file of a run directory as JSON, without what may differ between two equal runs.
pub fn result(run: &Path, file: &str) -> serde_json::Value {
    let text = fs::read_to_string(run.join(file)).unwrap_or_else(|e| panic!("{}: {e}", run.join(file).display()));
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    if let Some(map) = value.as_object_mut() {
        map.remove("seconds");
        map.remove("engine");
        map.remove("memory");
    }
    value
}

/// A block of JSON in the page of a run.
pub fn block(page: &str, id: &str) -> serde_json::Value {
    let rest = page.split_once(&format!("<script type=\"application/json\" id=\"{id}\">")).unwrap().1;
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

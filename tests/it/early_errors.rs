//! What is wrong with a task or its data is said before anything runs.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::support::Task;
use crate::support::process::{both, code, gepard};

const METRIC: &str = "kind = \"label\"\nfield = \"label\"";

/// Rows of a training file whose third has this label as JSON.
fn rows(label: &str) -> String {
    let row = |n: usize| {
        let label = if n == 2 { label.to_owned() } else { ["\"1\"", "\"2\""][n % 2].to_owned() };
        format!("{{\"id\": \"r{n}\", \"text\": \"item {n}\", \"label\": {label}}}\n")
    };
    (0..8).map(row).collect()
}

#[test]
fn a_row_without_a_label_is_named_under_every_metric() {
    for metric in [
        "kind = \"label\"\nfield = \"label\"",
        "kind = \"exact\"\nfield = \"label\"",
        "kind = \"f1\"\nfield = \"label\"",
        "kind = \"contains\"\nfield = \"label\"",
        "kind = \"number\"\nfield = \"label\"",
        "kind = \"set\"\nfield = \"label\"",
        "kind = \"regex\"\nfield = \"label\"",
        "kind = \"json\"",
        "kind = \"sum\"\n[[metric.part]]\nname = \"one\"\nkind = \"exact\"\nfield = \"label\"\n[[metric.part]]\nname = \"two\"\nkind = \"f1\"\nfield = \"label\"",
    ] {
        for (label, value) in [("null", "null"), ("\"\"", "empty"), ("\" \\n\"", "empty")] {
            let task = Task::new();
            task.edit(METRIC, metric);
            fs::write(task.path("train.jsonl"), rows(label)).unwrap();
            for arguments in [
                &["optimize", "gepard.toml", "--run", "run"][..],
                &["doctor", "gepard.toml"],
                &["eval", "gepard.toml", "--split", "train"],
            ] {
                let output = gepard(arguments, task.folder.path());
                assert_eq!(code(&output), 3, "{metric}: {}", both(&output));
                let told = format!("train.jsonl:3: the row `r2` cannot be scored: its `label` is {value}");
                assert!(both(&output).contains(&told) && !both(&output).contains("seed scores"), "{}", both(&output));
            }
            assert!(!task.path("run").exists());
        }
    }
}

#[test]
fn rows_without_a_label_are_left_out_where_it_is_asked_for_and_counted() {
    let task = Task::new();
    fs::write(task.path("train.jsonl"), rows("null")).unwrap();
    let skip = ["--set", "data.skip_unlabelled=true"];
    let output = gepard(&[&["optimize", "gepard.toml", "--run", "run"][..], &skip].concat(), task.folder.path());
    assert_eq!(code(&output), 0, "{}", both(&output));
    assert!(both(&output).contains("note: 1 row without `label` is left out"), "{}", both(&output));
    assert!(both(&output).contains("7 train, 12 val"), "{}", both(&output));
}

#[test]
fn keywords_of_a_schema_that_are_not_enforced_are_told() {
    let outputs = |schema: &str| {
        let task = Task::new();
        task.edit("outputs = [\"label\"]", &format!("outputs = [{{ name = \"label\", schema = '''{schema}''' }}]"));
        task
    };
    let schema = r#"{"type": "object", "required": ["tags"], "properties": {
        "tags": {"type": "array", "uniqueItems": true, "items": {"type": "string"}},
        "file": {"type": "string", "format": "path"}, "secret": {"type": "string", "format": "password", "writeOnly": true}}}"#;
    for arguments in [&["doctor", "gepard.toml"][..], &["optimize", "gepard.toml", "--run", "run"]] {
        let told = both(&gepard(arguments, outputs(schema).folder.path()));
        for keyword in [
            "`uniqueItems` at `/properties/tags`",
            "`format: path` at `/properties/file`",
            "`format: password` at `/properties/secret`",
        ] {
            assert!(told.contains("not held to these keywords of the schema of `label` (`sort`): "), "{told}");
            assert!(told.contains(keyword), "{keyword} not in {told}");
        }
    }
    let plain = outputs(r#"{"type": "string", "format": "date", "title": "Day", "deprecated": true}"#);
    let told = both(&gepard(&["doctor", "gepard.toml"], plain.folder.path()));
    assert!(!told.contains("not held to"), "{told}");
}

#[test]
fn a_placeholder_is_told_or_filled() {
    let instruction = "Given the fields `text`, produce the fields `label`.";
    for placeholder in ["{text}", "{{ text }}", "$text"] {
        let task = Task::new();
        task.edit(instruction, &format!("Sort this: {placeholder}"));
        let told = format!("the placeholder `{placeholder}` in the instruction of `sort` is sent as it stands");
        for arguments in [&["optimize", "gepard.toml", "--run", "run"][..], &["doctor", "gepard.toml"], &["eval", "gepard.toml"]]
        {
            let output = gepard(arguments, task.folder.path());
            assert!(both(&output).contains(&told), "{arguments:?}: {}", both(&output));
        }
        task.edit("[layout]", "[layout]\nplaceholders = true");
        fs::write(task.path("script.jsonl"), "{\"contains\": [\"Sort this: this is the item number 1,\"], \"text\": \"label: odd\"}\n{\"text\": \"label: even\"}\n").unwrap();
        let output = gepard(&["eval", "gepard.toml", "--split", "train", "--limit", "2"], task.folder.path());
        assert!(
            both(&output).starts_with("1.000 on 2 train examples") && !both(&output).contains("placeholder"),
            "{}",
            both(&output)
        );
    }
    let task = Task::new();
    task.edit(instruction, "Sort {{ input }}.");
    let output = gepard(&["doctor", "gepard.toml"], task.folder.path());
    assert!(
        both(&output).contains(
            "`{{ input }}` in the instruction of `sort` is sent as it stands: the module reads no such field, only `text`"
        ),
        "{}",
        both(&output)
    );
}

#[test]
fn a_template_that_cannot_run_is_an_error_of_the_task_file() {
    for (template, says) in [
        ("{{ text | shout }}", "unknown filter"),
        ("{{ text", "gepard.toml:10: `step.template` cannot be read"),
        ("{{ text.size.length }}", "the step `show` fails on the row `train-0`"),
        ("{% for one in text %}{{ one.name }}{% endfor %}", "the step `show` fails on the row `train-0`"),
    ] {
        let task = Task::new();
        let step = format!(
            "[[step]]\nname = \"show\"\nkind = \"template\"\ntemplate = \"{template}\"\noutput = \"shown\"\n\n[[module]]"
        );
        task.edit("[[module]]", &step).edit("inputs = [\"text\"]", "inputs = [\"shown\"]");
        for arguments in [&["optimize", "gepard.toml", "--run", "run"][..], &["eval", "gepard.toml", "--split", "train"]] {
            let output = gepard(arguments, task.folder.path());
            assert_eq!(code(&output), 2, "{template}: {}", both(&output));
            assert!(both(&output).contains(says), "{}", both(&output));
        }
    }
}

#[test]
fn rows_beyond_the_context_are_told_with_the_key_that_helps() {
    let task = Task::new();
    let text = "many words and numbers, ".repeat(4000);
    let row = |n: usize| {
        json!({ "id": n, "text": format!("{}{n}", if n < 9 { &text } else { "" }), "label": "odd" }).to_string() + "\n"
    };
    fs::write(task.path("train.jsonl"), (0..12).map(row).collect::<String>()).unwrap();
    let told = "9 of 36 rows are too long for `sort`: with the answer they exceed the context of 8192 tokens";
    let output = both(&gepard(&["doctor", "gepard.toml"], task.folder.path()));
    assert!(output.contains(told) && output.contains("Set `context = ") && output.contains("under [model.task]"), "{output}");
    let output = both(&gepard(&["optimize", "gepard.toml", "--run", "run"], task.folder.path()));
    assert!(output.contains(&format!("note: {told}")), "{output}");
    // Where most rows are too long, no other model is recommended.
    for split in ["val", "test"] {
        fs::write(
            task.path(&format!("{split}.jsonl")),
            (100..109).map(|n| row(n - 100).replace("\"id\":", &format!("\"split\":\"{split}\",\"id\":"))).collect::<String>(),
        )
        .unwrap();
    }
    let output = both(&gepard(&["doctor", "gepard.toml", "--set", "data.allow_overlap=true"], task.folder.path()));
    assert!(output.contains("27 of 30 rows are too long") && !output.contains("a larger model"), "{output}");
}

/// Returns the names in turn.
fn pick(names: &[&str], n: usize) -> String {
    names[n % names.len()].to_owned()
}

/// What `init` prints for rows, and the task file that it writes.
fn init(folder: &Path, name: &str, content: &str) -> (String, String) {
    fs::write(folder.join(name), content).unwrap();
    let project = format!("project-{name}");
    let output = gepard(&["init", &project, "--data", name], folder);
    let task = fs::read_to_string(folder.join(&project).join("gepard.toml")).unwrap_or_default();
    (both(&output), task)
}

#[test]
fn init_reads_no_field_that_tells_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let lines = |row: &dyn Fn(usize) -> serde_json::Value| (0..24).map(|n| row(n).to_string() + "\n").collect::<String>();
    let cases = [
        (
            "words",
            lines(&|n| json!({ "text": format!("message {n}"), "label": n % 2, "label_text": pick(&["no", "yes"], n) })),
            "text",
            "--output label_text",
        ),
        (
            "fine",
            lines(
                &|n| json!({ "question": format!("what {n}?"), "fine": format!("f{}", n % 6), "category": pick(&["x", "y", "z"], n) }),
            ),
            "question",
            "`fine` is not read: it gives the answer away",
        ),
        (
            "solved",
            lines(
                &|n| json!({ "problem": format!("{n} + {n}?"), "solution": format!("It is {}.", 2 * n), "answer": (2 * n).to_string() }),
            ),
            "problem",
            "`solution` is not read: it ends with the answer",
        ),
        (
            "why",
            lines(
                &|n| json!({ "claim": format!("claim {n}"), "rationale": format!("because {n} is so"), "label": pick(&["a", "b"], n) }),
            ),
            "claim",
            "`rationale` is not read: its name says",
        ),
        (
            "ids",
            lines(
                &|n| json!({ "uuid": format!("{:x}", n * 7919), "doc_id": n * 3, "text": format!("text {n}"), "label": pick(&["a", "b"], n) }),
            ),
            "text",
            "`doc_id` is not read: it numbers the rows",
        ),
        (
            "numbered",
            lines(&|n| json!({ "Unnamed: 0": n, "text": format!("text {n}"), "label": pick(&["a", "b"], n) })),
            "text",
            "`Unnamed: 0` is not read: it numbers the rows",
        ),
    ];
    for (name, content, input, says) in cases {
        let (told, task) = init(folder.path(), &format!("{name}.jsonl"), &content);
        assert!(told.contains(says), "{name}: {told}");
        assert!(task.contains(&format!("inputs = [\"{input}\"]")), "{name}: {task}");
    }
    // Named fields are read, and told.
    let rows = lines(&|n| json!({ "text": format!("message {n}"), "label": pick(&["a", "b"], n), "mood": pick(&["x", "y"], n) }));
    fs::write(folder.path().join("named.jsonl"), rows).unwrap();
    let output = both(&gepard(&["init", "named", "--data", "named.jsonl", "--inputs", "text,mood"], folder.path()));
    assert!(
        output.contains("reads `text`, `mood`") && output.contains("`mood` is read, though it gives the answer away"),
        "{output}"
    );
}

#[test]
fn doctor_tells_a_field_that_gives_the_answer_away() {
    let task = Task::new();
    for split in ["train", "val", "test"] {
        let text = fs::read_to_string(task.path(&format!("{split}.jsonl"))).unwrap();
        let text = text
            .replace("\"label\": \"odd\"", "\"kind\": \"o\", \"label\": \"odd\"")
            .replace("\"label\": \"even\"", "\"kind\": \"e\", \"label\": \"even\"");
        fs::write(task.path(&format!("{split}.jsonl")), text).unwrap();
    }
    task.edit("inputs = [\"text\"]", "inputs = [\"text\", \"kind\"]");
    let output = both(&gepard(&["doctor", "gepard.toml"], task.folder.path()));
    assert!(output.contains("the program reads `kind` and is to write `label`, but it gives the answer away"), "{output}");
    assert!(!both(&gepard(&["doctor", "gepard.toml"], Task::new().folder.path())).contains("gives the answer away"));
}

#[test]
fn init_reads_rows_of_other_programs_and_names_files_that_it_cannot_read() {
    let folder = tempfile::tempdir().unwrap();
    let chat = |n: usize| json!({ "messages": [{ "role": "system", "content": "Be short." }, { "role": "user", "content": format!("Say {n}") }, { "role": "assistant", "content": format!("It is {n}") }] });
    let chats: String = (0..12).map(|n| chat(n).to_string() + "\n").collect();
    let (told, task) = init(folder.path(), "chats.jsonl", &chats);
    assert!(told.contains("Its rows are chats (`messages`)"), "{told}");
    assert!(task.contains("inputs = [\"message\"]") && task.contains("instruction = \"Be short.\""), "{task}");
    let preference =
        |n: usize| json!({ "prompt": format!("Say {n}"), "chosen": format!("Good {n}"), "rejected": format!("Bad {n}") });
    let preferences: String = (0..12).map(|n| preference(n).to_string() + "\n").collect();
    let (told, task) = init(folder.path(), "pairs.jsonl", &preferences);
    assert!(told.contains("Its rows are preferences") && task.contains("inputs = [\"prompt\"]"), "{told} {task}");
    for (name, content, says) in [
        (
            "pretty.json",
            "[\n  {\n    \"text\": \"a\"\n  }\n]\n",
            "pretty.json:1: a row must be one JSON object; this is an array of 1 item",
        ),
        (
            "wrapped.json",
            "{\n \"rows\": [{\"text\": \"a\"}]\n}\n",
            "wrapped.json:1: the file is one JSON object whose `rows` is an array of rows",
        ),
        (
            "split.jsonl",
            "{\n \"text\": \"a\"\n}\n{\n \"text\": \"b\"\n}\n",
            "split.jsonl:1: the JSON objects stand over several lines",
        ),
        ("tests.jsonl", "{\"vars\": {\"a\": 1}, \"assert\": [{\"type\": \"llm-rubric\"}]}\n", "tests of promptfoo"),
        ("list.yaml", "- vars:\n    a: 1\n", "if this is YAML"),
        ("nan.jsonl", "{\"text\": \"a\", \"label\": NaN}\n", "JSON has no NaN and no Infinity: write null"),
        (
            "colon.csv",
            &format!("text:,label:\n{}", "a,x\nb,y\n".repeat(9)),
            "--data colon.csv: \"text:\" cannot be a field's name",
        ),
    ] {
        let (told, _) = init(folder.path(), name, content);
        assert!(told.contains(says) && !told.contains("gepard.toml:"), "{told}");
    }
}

/// The keys are known to every build, so that the message can say which build is needed.
#[test]
#[cfg(not(feature = "remote"))]
fn servers_need_a_build_with_the_feature() {
    let task = Task::new();
    let servers = "engine = \"openai\"\nurls = [\"http://127.0.0.1:1/v1\"]\nmodel = \"m\"";
    task.edit("engine = \"scripted\"\nscript = \"script.jsonl\"", servers);
    let output = gepard(&["eval", "gepard.toml"], task.folder.path());
    assert_eq!(code(&output), 2, "{}", both(&output));
    let told =
        "this build has no network, so it cannot run models on servers; build with `cargo build --release --features remote`";
    assert!(both(&output).contains(told), "{}", both(&output));
}

//! The data sets of this repository, the programs that write them, and those that turn public files into ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gepard::data::{Corpus, Dataset, Indexing};
use serde_json::{Value, json};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn datasets() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir(repository().join("datasets")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() >= 5, "{folders:?}");
    folders
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs gepard on a task file, with a double in the place of every model that it names.
fn gepard(arguments: &[&str], task: &Path, scratch: &Path) -> Output {
    let script = scratch.join("script.jsonl");
    fs::write(&script, "{\"text\": \"nothing of note\"}").unwrap();
    let double = format!("{{engine = \"scripted\", script = \"{}\"}}", script.display());
    let models = format!("model={{task = {double}, teacher = {double}, untrusted = {double}}}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gepard"));
    command.arg(arguments[0]).arg(task).args(&arguments[1..]).args(["--set", &models]);
    command.current_dir(scratch).env("GEPARD_MODELS", scratch.join("models")).output().unwrap()
}

#[test]
fn every_data_set_passes_the_checks_of_a_run() {
    for folder in datasets() {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let scratch = tempfile::tempdir().unwrap();
        assert!(folder.join("gepard.toml").is_file(), "{name}");
        let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        for task in files.filter(|file| file.extension().is_some_and(|ending| ending == "toml")) {
            let checked = gepard(&["doctor"], &task, scratch.path());
            assert_eq!(checked.status.code(), Some(0), "{}: {}", task.display(), text(&checked.stderr));
            let scored = gepard(&["eval", "--limit", "2", "--json", "--progress", "none"], &task, scratch.path());
            assert_eq!(scored.status.code(), Some(0), "{}: {}", task.display(), text(&scored.stderr));
            let scored: Value = serde_json::from_slice(&scored.stdout).unwrap();
            assert_eq!((&scored["examples"], &scored["unscored"]), (&json!(2), &json!(0)), "{}", task.display());
        }
        assert!(folder.join("README.md").is_file(), "{name}");
    }
}

#[test]
fn what_is_written_by_a_program_is_what_it_writes() {
    let scratch = tempfile::tempdir().unwrap();
    for name in ["constraints", "multihop-atlas", "redaction", "unit-tests"] {
        let program = repository().join("scripts/datasets").join(name);
        let output = Command::new("python3").arg("-B").arg(&program).arg(scratch.path()).output().unwrap();
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        let written = fs::read_dir(scratch.path().join(name)).unwrap();
        let files: Vec<PathBuf> = written.map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() >= 3, "{name}");
        for file in files {
            let kept = repository().join("datasets").join(name).join(file.file_name().unwrap());
            assert_eq!(text(&fs::read(&file).unwrap()), text(&fs::read(&kept).unwrap()), "{}", kept.display());
        }
    }
}

/// What makes the atlas worth its name: the question leads to the first article and to nothing of the second.
#[test]
fn no_question_of_the_atlas_finds_its_second_article() {
    let folder = repository().join("datasets/multihop-atlas");
    let scratch = tempfile::tempdir().unwrap();
    let indexing = Indexing { fields: vec!["title".into(), "text".into()], stem: true, stop_words: true };
    let corpus = Corpus::open(&folder.join("corpus.jsonl"), &indexing, scratch.path()).unwrap();
    let found = |query: &str, k| -> Vec<String> {
        corpus.search(query, k).unwrap().iter().map(|row| row.text("title").unwrap()).collect()
    };
    for split in ["train", "val", "test"] {
        for row in Dataset::open(&folder.join(format!("{split}.jsonl")), None).unwrap().check(&[]).unwrap() {
            let titles: Vec<String> = serde_json::from_value(row.fields["titles"].clone()).unwrap();
            let question = row.text("question").unwrap();
            assert!(found(&question, 3).contains(&titles[0]), "{question}");
            assert!(!found(&question, 10_000).contains(&titles[1]), "{question}");
            assert_eq!(found(&titles[1], 1), [titles[1].clone()]);
        }
    }
}

/// Converts a file of these bytes; the rows, or what was said instead.
fn convert(kind: &str, name: &str, content: &[u8], more: &[&str]) -> Result<Vec<Value>, String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), content).unwrap();
    fs::write(folder.path().join("known.jsonl"), "{\"id\": \"gsm8k-ca978112ca1b\"}\n").unwrap();
    let program = repository().join("scripts/datasets/convert");
    let mut command = Command::new("python3");
    command.arg("-B").arg(program).args([kind, name, "out.jsonl"]).args(more).current_dir(folder.path());
    let output = command.output().unwrap();
    if !output.status.success() {
        return Err(text(&output.stderr));
    }
    let rows = |name: &str| -> Vec<Value> {
        let written = fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        written.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    Ok([rows("out.jsonl"), rows("corpus.jsonl")].concat())
}

fn lines(rows: &[Value]) -> Vec<u8> {
    rows.iter().map(|row| format!("{row}\n")).collect::<String>().into_bytes()
}

#[test]
fn public_files_become_rows_of_ours() {
    let hotpotqa = json!([{
        "_id": "5a8b", "question": "Who?", "answer": "Ada", "type": "bridge", "level": "hard",
        "supporting_facts": [["Zembla", 0], ["Ada", 0], ["Ada", 2]],
        "context": [["Ada", ["Ada lives.", " So it is."]], ["Zembla", ["A land."]]],
    }]);
    let wanted = json!({ "id": "5a8b", "question": "Who?", "answer": "Ada", "type": "bridge", "level": "hard", "supporting_titles": ["Zembla", "Ada"] });
    let corpus = [json!({ "title": "Ada", "text": "Ada lives. So it is." }), json!({ "title": "Zembla", "text": "A land." })];
    let found = convert("hotpotqa", "hotpot.json", hotpotqa.to_string().as_bytes(), &["--corpus", "corpus.jsonl"]).unwrap();
    assert_eq!(found, [std::slice::from_ref(&wanted), &corpus[..]].concat());
    // The same as the Parquet files have it.
    let columns = json!({
        "id": "5a8b", "question": "Who?", "answer": "Ada", "type": "bridge", "level": "hard",
        "supporting_facts": { "title": ["Zembla", "Ada", "Ada"], "sent_id": [0, 0, 2] },
        "context": { "title": ["Ada"], "sentences": [["Ada lives."]] },
    });
    assert_eq!(convert("hotpotqa", "hotpot.jsonl", &lines(&[columns]), &[]).unwrap(), std::slice::from_ref(&wanted));
    // The same as pandas and DuckDB write it.
    let objects = json!({
        "id": "5a8b", "question": "Who?", "answer": "Ada", "type": "bridge", "level": "hard",
        "supporting_facts": [{ "title": "Zembla", "sent_id": 0 }, { "sent_id": 0, "title": "Ada" }],
        "context": [{ "title": "Ada", "sentences": ["Ada lives.", " So it is."] }, { "title": "Zembla", "sentences": ["A land."] }],
    });
    let found = convert("hotpotqa", "hotpot.jsonl", &lines(&[objects]), &["--corpus", "corpus.jsonl"]).unwrap();
    assert_eq!(found, [std::slice::from_ref(&wanted), &corpus[..]].concat());

    let hover = json!([{ "uid": "0b6", "claim": "It is so.", "supporting_facts": [["A", 1], ["B", 0], ["A", 0]], "label": "NOT_SUPPORTED", "num_hops": 2, "hpqa_id": "x" }]);
    assert_eq!(
        convert("hover", "hover.json", hover.to_string().as_bytes(), &[]).unwrap(),
        [json!({ "id": "0b6", "claim": "It is so.", "label": "NOT_SUPPORTED", "num_hops": 2, "supporting_titles": ["A", "B"] })]
    );

    let ifeval = json!({ "key": 1000, "prompt": "Write.", "instruction_id_list": ["a:b", "c:d"], "kwargs": [{ "num_words": 300.0, "relation": null }, {}] });
    assert_eq!(
        convert("ifeval", "input_data.jsonl", &lines(&[ifeval]), &[]).unwrap(),
        [
            json!({ "id": "1000", "prompt": "Write.", "instruction_id_list": ["a:b", "c:d"], "kwargs": [{ "num_words": 300 }, {}] })
        ]
    );

    // IFBench's rows have the same fields, and null for all arguments of other kinds.
    let ifbench =
        json!({ "key": "0", "prompt": "Write.", "instruction_id_list": ["count:numbers"], "kwargs": [{ "N": 3.0, "m": null }] });
    let wanted = json!({ "id": "0", "prompt": "Write.", "instruction_id_list": ["count:numbers"], "kwargs": [{ "N": 3 }] });
    assert_eq!(convert("ifeval", "IFBench_test.jsonl", &lines(&[ifbench]), &[]).unwrap(), [wanted]);

    let gsm8k = |question: &str| json!({ "question": question, "answer": "She sold 48/2 = <<48/2=24>>24.\n#### 1,024" });
    let solved = |id: &str, question: &str| json!({ "id": format!("gsm8k-{id}"), "question": question, "answer": "1024", "solution": "She sold 48/2 = 24." });
    let (a, b) = (solved("ca978112ca1b", "a"), solved("3e23e8160039", "b"));
    let both = lines(&[gsm8k("a"), gsm8k("b")]);
    assert_eq!(convert("gsm8k", "test.jsonl", &both, &[]).unwrap(), [a, b.clone()]);
    // A row of another file is another, whatever its line.
    let other = lines(&[gsm8k("b"), gsm8k("a")]);
    assert_eq!(convert("gsm8k", "test.jsonl", &other, &["--without", "known.jsonl"]).unwrap(), [b]);

    let mbpp = json!({
        "text": "Write a function.", "code": "import re\r\ndef helper(a):\r\n  return a\r\ndef f(a, b=1):\r\n  return helper(a) + b", "task_id": 7,
        "test_setup_code": "", "test_list": ["assert f(1) == 2", "assert f(1, 2) == 3"], "challenge_test_list": [],
    });
    let sanitized = json!([{
        "source_file": "x", "task_id": 7, "prompt": "Write a function.", "code": "def f(a):\n    return a",
        "test_imports": ["import math"], "test_list": ["assert math.isclose(f(1), 1)"],
    }]);
    let found = convert("mbpp", "mbpp.jsonl", &lines(&[mbpp]), &[]).unwrap();
    assert_eq!((&found[0]["id"], &found[0]["task"]), (&json!("mbpp-7"), &json!("Write a function.\ndef f(a, b=1):")));
    assert_eq!((&found[0]["entry_point"], &found[0]["tests"][1]), (&json!("f"), &json!("assert f(1, 2) == 3")));
    let found = convert("mbpp", "sanitized-mbpp.json", sanitized.to_string().as_bytes(), &[]).unwrap();
    assert_eq!(found[0]["tests"], json!(["import math\nassert math.isclose(f(1), 1)"]));

    let humaneval = json!({
        "task_id": "HumanEval/0", "prompt": "def f(a):\n    \"\"\"Adds.\"\"\"\n", "entry_point": "f", "canonical_solution": "    return a + 1\n",
        "test": "\n\nMETADATA = {}\n\n\ndef check(candidate):\n    assert candidate(1) == 2\n",
    });
    let found = convert("humaneval", "HumanEval.jsonl", &lines(&[humaneval]), &[]).unwrap();
    assert_eq!(
        (&found[0]["id"], &found[0]["reference"]),
        (&json!("HumanEval-0"), &json!("def f(a):\n    \"\"\"Adds.\"\"\"\n    return a + 1\n"))
    );
    let test = found[0]["tests"][0].as_str().unwrap();
    assert!(test.starts_with("METADATA") && test.ends_with("assert candidate(1) == 2\n\ncheck(f)"), "{test}");
}

#[test]
fn any_table_becomes_rows_and_parquet_needs_pyarrow() {
    let table = lines(&[json!({ "q": "why", "a": [1, null], "more": 2 })]);
    let chosen = convert("table", "rows.jsonl", &table, &["--field", "question=q", "--field", "a"]).unwrap();
    assert_eq!(chosen, [json!({ "question": "why", "a": [1, null] })]);
    let written = "import pyarrow, pyarrow.parquet, sys\npyarrow.parquet.write_table(pyarrow.table({'q': ['why'], 'n': [[1, 2]]}), sys.argv[1])";
    let file = tempfile::NamedTempFile::new().unwrap();
    let output = Command::new("python3").args(["-c", written]).arg(file.path()).output().unwrap();
    let converted = convert("table", "rows.parquet", &fs::read(file.path()).unwrap(), &[]);
    match output.status.success() {
        true => assert_eq!(converted.unwrap(), [json!({ "q": "why", "n": [1, 2] })]),
        false => assert!(converted.unwrap_err().contains("rows.parquet: Parquet files need pyarrow: pip install pyarrow")),
    }
}

/// The numbers of classes that the package `datasets` writes get their names from the schema's metadata. Without pyarrow, which
/// CI need not have, there is nothing to test.
#[test]
fn classes_of_a_parquet_file_get_their_names() {
    let written = r#"
import json, sys, pyarrow, pyarrow.parquet
label = {"names": ["neg", "pos"], "_type": "ClassLabel"}
features = {"label": label, "tags": {"feature": label, "_type": "List"}, "s": {"k": label}, "spans": [{"kind": label}]}
rows = [{"label": 1, "tags": [0, 1], "s": {"k": 1}, "spans": [{"kind": 0}]}, {"label": -1, "tags": [], "s": None, "spans": None}]
table = pyarrow.Table.from_pylist(rows)
metadata = {"huggingface": json.dumps({"info": {"features": features}})}
pyarrow.parquet.write_table(table.replace_schema_metadata(metadata), sys.argv[1])
"#;
    let file = tempfile::NamedTempFile::new().unwrap();
    let output = Command::new("python3").args(["-c", written]).arg(file.path()).output().unwrap();
    if output.status.success() {
        let rows = convert("table", "rows.parquet", &fs::read(file.path()).unwrap(), &[]).unwrap();
        let first = json!({ "label": "pos", "tags": ["neg", "pos"], "s": { "k": "pos" }, "spans": [{ "kind": "neg" }] });
        assert_eq!(rows, [first, json!({ "label": null, "tags": [], "s": null, "spans": null })]);
    }
}

#[test]
fn a_file_that_is_something_else_is_told() {
    let row = lines(&[json!({ "question": "a", "answer": "no number" })]);
    for (kind, content, more, says) in [
        ("gsm8k", row.clone(), &[][..], "rows.jsonl: row 1: the answer has no `####` before its number"),
        ("hover", row.clone(), &[], "row 1: it has no label; rows of the test split have none"),
        ("mbpp", row.clone(), &[], "row 1 is not of the form of mbpp: KeyError 'test_list'"),
        ("gsm8k", Vec::new(), &[], "rows.jsonl: it has no rows"),
        ("gsm8k", b"{\n".to_vec(), &[], "rows.jsonl: line 1: Expecting property name"),
        ("table", row.clone(), &["--field", "x=y"], "there is no column `y`; there are question, answer"),
        ("table", row.clone(), &["--sample", "2"], "it has 1 rows to take, --sample asks for 2"),
        ("gsm8k", row, &["--corpus", "x"], "--corpus goes with hotpotqa alone"),
    ] {
        let told = convert(kind, "rows.jsonl", &content, more).unwrap_err();
        assert!(told.contains(says) && !told.contains("Traceback"), "{says}: {told}");
    }
}

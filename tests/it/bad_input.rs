//! Bad input of every kind: its exit code, and words that say where it is and what to do.

use std::fs;
use std::path::Path;

use crate::support::process::{code, command, err, gepard, is_there, out};
use crate::support::unchecked::not_checked;
use crate::support::{Task, gguf, result};

/// Runs `optimize` and asserts its exit code, words of its message, and that it ends by itself.
fn refused(task: &Task, arguments: &[&str], wanted: i32, says: &[&str]) {
    let output = gepard(&[&["optimize", "gepard.toml", "--run", "run"], arguments].concat(), task.folder.path());
    assert_eq!(code(&output), wanted, "{says:?}: {}", err(&output));
    for words in says {
        assert!(err(&output).contains(words), "{words} not in:\n{}", err(&output));
    }
}

#[test]
fn task_files() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("minibatch = 3", "minibtach = 3", &["gepard.toml:", "`optimize.minibtach` is no known key; did you mean `minibatch`?"]),
        ("minibatch = 3", "minibatch = \"three\"", &["gepard.toml:27: `optimize.minibatch` "]),
        ("inputs = [\"text\"]", "inputs = \"text\"", &["gepard.toml:9: `module.inputs` "]),
        ("[data]", "[[data]]", &["gepard.toml:2: `data` "]),
        ("name = \"sort\"", "name = \"../sort\"", &["gepard.toml:8: `module.name` must be letters, digits"]),
        ("[metric]", "[metric", &["gepard.toml:14: "]),
        (
            "instruction = \"Given the fields `text`, produce the fields `label`.\"",
            "instruction = \" \"",
            &["gepard.toml:11: `module.instruction` is empty; a plain sentence is enough"],
        ),
        ("[[module]]", "[[step]]", &["`module` is missing; a program has at least one [[module]]"]),
        ("max_tokens = 8", "max_tokens = 8\nmodel = \"teacher\"", &["there is no [model.teacher]"]),
        ("budget = \"150\"", "budget = \"-5\"", &["`optimize.budget`"]),
        ("script = \"script.jsonl\"", "", &["`model.task.script` is missing"]),
    ];
    for (from, to, says) in cases {
        refused(Task::new().edit(from, to), &[], 2, says);
    }
    // Each module reads what the other writes; and one that does not exist.
    let task = Task::of_two_modules(&[]);
    let text = fs::read_to_string(&task.file).unwrap();
    let text = text.replacen("inputs = [\"text\"]", "inputs = [\"text\", \"size\"]", 1);
    fs::write(&task.file, text).unwrap();
    refused(&task, &[], 2, &["gepard.toml:", "`size` is written by `size`, which does not run before `colour`"]);
    let task = Task::of_two_modules(&[]);
    let text = fs::read_to_string(&task.file).unwrap();
    fs::write(&task.file, format!("[program]\norder = [\"colour\", \"seize\"]\n{text}")).unwrap();
    refused(&task, &[], 2, &["gepard.toml:2: ", "seize"]);
    fs::write(&task.file, b"[data]\ntrain = \"\xe4\"").unwrap();
    refused(&task, &[], 2, &["gepard.toml:2: is not UTF-8; save the file as UTF-8"]);
    let rows = fs::read(task.path("train.jsonl")).unwrap();
    fs::write(&task.file, rows.repeat(2000)).unwrap();
    refused(&task, &[], 2, &["gepard.toml: has more than 1 MB", "give the file that names the data"]);
}

#[test]
fn slips_in_steps_and_constraints() {
    let constraint = |arguments: &str| {
        let task = Task::new();
        let to = format!("kind = \"constraints\"\nconstraint = [{{ kind = \"length\", {arguments} }}]");
        task.edit("kind = \"label\"\nfield = \"label\"", &to);
        task
    };
    refused(&constraint("max_lines = 3, max_word = 2"), &[], 2, &["`length` takes no `max_word`; it takes `min_words`,"]);
    refused(&constraint("min_words = 10, max_words = 5"), &[], 2, &["is 10, more than `max_words`, 5"]);
    let step = |keys: &str| {
        let task = Task::new();
        fs::write(task.path("corpus.jsonl"), "{\"title\": \"Cats\", \"text\": \"They sleep.\"}\n").unwrap();
        task.edit("[[module]]", &format!("[[step]]\nname = \"look\"\n{keys}\n\n[[module]]"));
        task
    };
    let retrieve = "kind = \"retrieve\"\ncorpus = \"corpus.jsonl\"\nquery = \"text\"";
    for (slip, key, field) in [("key = \"titel\"", "key", "titel"), ("show = [\"title\", \"txt\"]", "show", "txt")] {
        let names = format!("gepard.toml:12: `step.{key}` names `{field}`, which no row of ");
        let has = "corpus.jsonl has; they have `text`, `title`";
        refused(&step(&format!("{retrieve}\n{slip}")), &[], 2, &[names.as_str(), has]);
    }
    let command = "kind = \"command\"\ncommand = [\"true\"]\ninputs = [\"text\"]\noutputs = [\"rows\", \"error\"]";
    refused(&step(command), &[], 2, &["gepard.toml:12: `step.outputs` cannot have `error`"]);
}

#[test]
fn data() {
    let row = r#"{"id": "a", "text": "one", "label": "odd"}"#;
    let long = format!("{row}\n{{\"id\": \"b\", \"label\": \"odd\", \"text\": \"{}\"}}\n", "x".repeat(50_000_000));
    let deep = format!("{row}\n{}1{}\n", "[".repeat(200_000), "]".repeat(200_000));
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (
            format!("{row}\n{{\"id\": \"b\" \"text\"}}\n").into(),
            "train.jsonl:2: not valid JSON: expected `,` or `}` at column 12",
        ),
        (
            [row.as_bytes(), b"\n{\"text\": \"\xff\"}\n"].concat(),
            "train.jsonl:2: not UTF-8 at byte 11 of the row; save the file as UTF-8",
        ),
        (long.into(), "train.jsonl:2: the row has more than 16 MB, which no model reads; write one row a line"),
        (deep.into(), "train.jsonl:2: "),
        (format!("{row}\n{row}\n").into(), "train.jsonl:2: the id `a` stands in line 1 already; ids must be unique"),
        (
            format!("{row}\n{{\"id\": \"b\", \"text\": \"x\"}}").into(),
            "train.jsonl:2: the row `b` cannot be scored: its `label` is missing (the row has `id`, `text`)",
        ),
        (format!("[{row}]").into(), "train.jsonl:1: a row must be one JSON object; this is an array"),
        (
            format!("{row}\n{{\"id\": null, \"text\": \"x\", \"label\": \"y\"}}").into(),
            "train.jsonl:2: `id` must be text or a number",
        ),
        (Vec::new(), "train.jsonl has no rows; reflection reads training examples"),
        (b"\xef\xbb\xbf\r\n\r\n".to_vec(), "train.jsonl has no rows"),
        (b"PK\x03\x04\0\0".to_vec(), "train.jsonl is a ZIP archive"),
    ];
    for (content, says) in cases {
        let task = Task::new();
        fs::write(task.path("train.jsonl"), content).unwrap();
        refused(&task, &[], 3, &[says]);
        assert!(!task.path("run").exists(), "nothing was begun");
    }
    let task = Task::new();
    fs::remove_file(task.path("val.jsonl")).unwrap();
    refused(&task, &[], 3, &["val.jsonl: No such file"]);
    fs::create_dir(task.path("val.jsonl")).unwrap();
    refused(&task, &[], 3, &["val.jsonl: it is no regular file; give a file of examples"]);
}

#[test]
fn a_mark_and_carriage_returns_change_nothing() {
    let task = Task::new();
    assert_eq!(code(&gepard(&["optimize", "gepard.toml", "--run", "plain"], task.folder.path())), 0);
    for split in ["train.jsonl", "val.jsonl", "test.jsonl", "gepard.toml"] {
        let text = fs::read_to_string(task.path(split)).unwrap();
        fs::write(task.path(split), format!("\u{feff}{}", text.replace('\n', "\r\n"))).unwrap();
    }
    let output = gepard(&["optimize", "gepard.toml", "--run", "marked"], task.folder.path());
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert_eq!(result(&task.path("plain"), "summary.json"), result(&task.path("marked"), "summary.json"));
}

/// A name of a file, what is in it, and what is said of it.
type Case = (&'static str, Vec<u8>, &'static str);

fn models() -> Vec<Case> {
    let llama = [gguf::entry("general.architecture", "llama"), gguf::entry("tokenizer.chat_template", "{{ messages }}")];
    let whole = gguf::model(&llama, 64);
    vec![
        ("empty.gguf", Vec::new(), "is not a GGUF file: it is empty; download it again"),
        ("short.gguf", whole[..whole.len() - 1].to_vec(), "is cut short: it should have at least"),
        ("cut.gguf", whole[..60].to_vec(), "download it again"),
        ("magic.gguf", [b"GGML", &whole[4..]].concat(), "it begins with \"GGML\", not \"GGUF\"; convert the model"),
        (
            "old.gguf",
            [&whole[..4], &1_u32.to_le_bytes(), &whole[8..]].concat(),
            "convert the model again with a recent llama.cpp",
        ),
        ("many.gguf", gguf::header(1 << 60, &llama), "it claims 1152921504606846976 tensors, more than fit"),
        ("page.gguf", b"<html>Not found</html>".to_vec(), "it looks like a web page"),
        ("pointer.gguf", b"version https://git-lfs.github.com/spec/v1\n".to_vec(), "git lfs pull"),
    ]
}

/// A task whose model is a file of its folder.
fn with_model(file: &str) -> Task {
    let task = Task::new();
    task.edit("engine = \"scripted\"\nscript = \"script.jsonl\"", &format!("gguf = \"./{file}\""));
    task
}

#[test]
#[cfg_attr(not(feature = "llama"), ignore = "loads model files")]
fn models_that_are_none() {
    for (name, content, says) in models() {
        let task = with_model(name);
        fs::write(task.path(name), content).unwrap();
        refused(&task, &[], 4, &[name, says]);
        for arguments in [["models", "inspect", name], ["models", "add", name]] {
            let output = gepard(&arguments, task.folder.path());
            assert_eq!(code(&output), 4, "{}", err(&output));
            assert!(err(&output).contains(says) && err(&output).contains(name), "{says} not in {}", err(&output));
        }
        assert!(!task.path("run").exists(), "nothing was begun");
    }
    let task = with_model("missing.gguf");
    refused(&task, &[], 4, &["there is no model file", "missing.gguf"]);
    fs::create_dir(task.path("missing.gguf")).unwrap();
    refused(&task, &[], 4, &["missing.gguf is a directory; give the path of a .gguf file"]);
    let output = gepard(&["models", "inspect", "missing.gguf"], task.folder.path());
    assert_eq!((code(&output), err(&output).contains("is a directory")), (4, true), "{}", err(&output));
}

#[test]
#[cfg_attr(not(feature = "llama"), ignore = "loads model files")]
fn models_that_cannot_answer_a_prompt() {
    let template = gguf::entry("tokenizer.chat_template", "{{ messages }}");
    for (architecture, template, says) in [
        ("nomic-bert", vec![], "it makes vectors of texts and cannot answer a prompt; take an instruction-tuned model"),
        ("bert", vec![template.clone()], "it makes vectors of texts"),
        ("llama", vec![], "it has no chat template, so it is a base model; take the instruction-tuned one"),
        // A header may be whole and the file still no model: llama.cpp says so, and the process lives.
        ("llama", vec![template.clone()], "llama.cpp cannot read it"),
        ("llama", vec![gguf::entry("tokenizer.chat_template", "{% for")], "the model's chat template cannot be read"),
    ] {
        let task = with_model("model.gguf");
        let entries = [vec![gguf::entry("general.architecture", architecture)], template].concat();
        fs::write(task.path("model.gguf"), gguf::model(&entries, 64)).unwrap();
        refused(&task, &[], 4, &["model `task` (", "model.gguf): ", says]);
        let output = gepard(&["models", "inspect", "model.gguf"], task.folder.path());
        assert_eq!(code(&output), 0, "{}", err(&output));
        assert_eq!(out(&output).contains("makes vectors of texts"), architecture.contains("bert"));
    }
}

/// Cut at a thousand points: a file made here, and the small real model where there is one.
#[test]
fn a_model_cut_short_anywhere_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.gguf");
    let entries: Vec<Vec<u8>> = (0..20).map(|n| gguf::entry(&format!("key.{n}"), &"word ".repeat(n))).collect();
    fs::write(&path, gguf::model(&entries, 500)).unwrap();
    cut(&path);
    match std::env::var_os("GEPARD_TEST_MODEL") {
        Some(model) => {
            fs::copy(model, &path).unwrap();
            cut(&path);
        }
        None => not_checked("a real model cut short: GEPARD_TEST_MODEL is not set"),
    }
}

fn cut(path: &Path) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    let length = file.metadata().unwrap().len();
    assert!(gepard::gguf::read(path).is_ok());
    for point in (0..1000).rev() {
        file.set_len(length * point / 1000).unwrap();
        let error = gepard::gguf::read(path).unwrap_err().to_string();
        assert!(error.contains("download it again") || point * length < 24_000, "{point}: {error}");
    }
}

#[test]
#[cfg_attr(not(feature = "llama"), ignore = "loads model files")]
fn models_of_the_cache_that_were_changed_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = command(arguments, folder.path()).output().unwrap();
        (code(&output), out(&output), err(&output))
    };
    fs::write(folder.path().join("own.gguf"), gguf::model(&[gguf::entry("general.name", "a\u{9b}31m\x1b[2Jb")], 64)).unwrap();
    assert_eq!(run(&["models", "add", "own.gguf"]).0, 0);
    assert_eq!(run(&["models", "verify"]).0, 0);
    let cached = folder.path().join("no-models/own.gguf");
    let mut bytes = fs::read(&cached).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&cached, &bytes).unwrap();
    let (code, said, error) = run(&["models", "verify", "own"]);
    assert!(
        code == 4 && said.contains("MISMATCH") && error.contains("add it again with `gepard models add FILE --name own`"),
        "{error}"
    );
    let task = Task::new();
    task.edit("engine = \"scripted\"\nscript = \"script.jsonl\"", "gguf = \"own\"");
    let eval = || {
        let mut eval = command(&["eval", "gepard.toml"], task.folder.path());
        eval.env("GEPARD_MODELS", folder.path().join("no-models")).output().unwrap()
    };
    let output = eval();
    assert!(output.status.code() == Some(4) && err(&output).contains("remove it and fetch or add it again"), "{}", err(&output));
    fs::write(&cached, &bytes[1..]).unwrap();
    let output = eval();
    assert!(output.status.code() == Some(4) && err(&output).contains("`own` must have"), "{}", err(&output));
    fs::remove_file(&cached).unwrap();
    let (code, said, _) = run(&["models", "verify"]);
    assert!(code == 4 && said.contains("MISSING: it was added, but its file is gone"), "{said}");
    assert_eq!(run(&["models", "verify", "nothing"]).0, 4);
    assert_eq!(run(&["models", "inspect", "nothing"]).0, 4);
    fs::write(folder.path().join("no-models/added.toml"), "[[model]]\nname = 3").unwrap();
    let (code, _, error) = run(&["models", "list"]);
    assert!(code == 4 && error.contains("correct or delete it, then add the models again"), "{error}");
    // What a file says of itself is shown without what moves the cursor.
    let (code, said, _) = run(&["models", "inspect", "own.gguf"]);
    assert!(code == 0 && said.contains("name") && !said.contains(['\u{9b}', '\x1b']), "{said}");
}

#[test]
fn run_directories() {
    let task = Task::new();
    // Someone else's files, which a run would write over or take for its own.
    for (name, content, says) in [
        ("summary.json", "{}", "has a `summary.json` but no journal, so it is not the directory of a run; give another --run"),
        ("journal.jsonl", "{\"mine\": 1}", "journal.jsonl:1: the file does not begin like a journal"),
        ("journal.jsonl", "{\"crc\":\"00000000\",\"record\":{}}\n", "journal.jsonl:1: the checksum does not match"),
    ] {
        fs::create_dir(task.path("run")).unwrap();
        fs::write(task.path("run").join(name), content).unwrap();
        refused(&task, &[], 6, &[says]);
        assert_eq!(fs::read_to_string(task.path("run").join(name)).unwrap(), content);
        fs::remove_dir_all(task.path("run")).unwrap();
    }
    fs::write(task.path("run"), "").unwrap();
    refused(&task, &[], 6, &["cannot make the run directory run: ", "give another --run"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_run_directory_that_is_read_only() {
    if !is_there("unshare", &["-rm", "true"], "a run directory that is read-only") {
        return;
    }
    let task = Task::new();
    fs::create_dir(task.path("disk")).unwrap();
    // Root may write anywhere but on a read-only file system.
    let script =
        format!("mount -t tmpfs -o ro none disk && exec {} optimize gepard.toml --run disk/run", env!("CARGO_BIN_EXE_gepard"));
    let mut unshare = std::process::Command::new("unshare");
    let output = unshare.args(["-rm", "sh", "-c", &script]).current_dir(task.folder.path()).output().unwrap();
    assert_eq!(code(&output), 6, "{}", err(&output));
    assert!(err(&output).contains("make it writable, or give another --run"), "{}", err(&output));
}

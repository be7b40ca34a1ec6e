//! Runs every command in README and docs as a reader types it. The scripted engine replaces the models, and files that a page
//! expects to exist are created here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Task;
use crate::support::process::{code, err, gepard, out};

/// The beginnings of commands of other programs, which are not run here.
const OTHERS: [&str; 8] =
    ["scripts/", "cargo ", "RUSTFLAGS=", "sha256sum ", "pip ", "vllm ", "python -m sglang", "llama-server "];

/// Returns the paths of README and of all pages in docs.
fn pages(root: &Path) -> Vec<PathBuf> {
    let mut pages: Vec<_> = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
    pages.push(root.join("README.md"));
    pages.sort();
    pages
}

/// Returns the commands in a page's `sh` blocks, without comments and with continued lines joined.
fn commands(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for block in page.split("```sh\n").skip(1) {
        let block = block.split("\n```").next().unwrap().replace("\\\n", " ");
        for line in block.lines() {
            let line = line.split(" # ").next().unwrap().trim();
            if !line.is_empty() && !line.starts_with('#') {
                found.extend(line.split("; ").map(|command| command.trim().to_owned()));
            }
        }
    }
    found
}

/// Splits a command into its words. Text in single quotes is one word.
fn split(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for letter in command.chars() {
        match letter {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            other => words.last_mut().unwrap().push(other),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Creates a folder with what the pages expect: a task, rows of a user, finished runs, and model files of other programs.
fn prepared_folder() -> Task {
    let task = Task::new();
    let run = gepard(&["optimize", "gepard.toml", "--run", "runs/first"], task.folder.path());
    assert_eq!(code(&run), 0, "{}", err(&run));
    for other in ["a", "b", "support-tickets-seed0", "support-tickets-seed1"] {
        copy(&task.path("runs/first"), &task.path(&format!("runs/{other}")));
    }
    let rows: String = (0..20).map(|n| format!("item {n},{}\n", if n % 2 == 1 { "odd" } else { "even" })).collect();
    fs::write(task.path("mine.csv"), format!("message,label\n{rows}")).unwrap();
    fs::write(task.path("new.csv"), "message\nitem 20\n").unwrap();
    let folder = task.path("datasets/support-tickets");
    fs::create_dir_all(&folder).unwrap();
    for file in ["gepard.toml", "train.jsonl", "val.jsonl", "test.jsonl", "script.jsonl"] {
        fs::copy(task.path(file), folder.join(file)).unwrap();
    }
    for (folder, name) in [("Downloads", "Qwen3-8B-Q4_K_M"), ("stick", "brought")] {
        fs::create_dir_all(task.path(folder)).unwrap();
        let bytes = crate::support::gguf::model(&[crate::support::gguf::entry("general.name", name)], 64);
        fs::write(task.path(folder).join(format!("{name}.gguf")), bytes).unwrap();
    }
    task
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => assert!(fs::copy(&path, &target).is_ok(), "{}", target.display()),
        }
    }
}

/// Replaces the paths of a command by those in the prepared folder, and leaves out options that name models which are not there.
fn adapted(words: &[String], task: &Task) -> Vec<String> {
    let home = task.folder.path().display();
    let mut words: Vec<String> = words
        .iter()
        .map(|word| word.replace("~/", &format!("{home}/")).replace("/media/stick", &format!("{home}/stick")))
        .collect();
    while let Some(at) = words.iter().position(|word| word.contains(".gguf=") || word.starts_with("optimize.reflectors=")) {
        words.drain(at - 1..=at);
    }
    // A name of the catalog is refused for a file with another hash.
    if words[0] == "models" && words[1] == "add" {
        words[2] = words[2].replace("qwen2.5-coder-0.5b-instruct-q4_k_m", "brought");
    }
    if words[0] == "models" && words[1] == "inspect" {
        words[2] = format!("{home}/Downloads/Qwen3-8B-Q4_K_M.gguf");
    }
    words
}

/// Replaces the model in the task file of a project that `gepard init` created by the scripted engine.
fn use_scripted_engine(task: &Task, project: &str) {
    let file = task.path(project).join("gepard.toml");
    let text = fs::read_to_string(&file).unwrap();
    let line = text.lines().find(|line| line.starts_with("gguf = ")).unwrap();
    fs::write(&file, text.replace(line, "engine = \"scripted\"\nscript = \"script.jsonl\"")).unwrap();
    fs::copy(task.path("script.jsonl"), file.with_file_name("script.jsonl")).unwrap();
}

#[test]
fn every_command_of_the_pages_works() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut ran = 0;
    for page in pages(root) {
        let text = fs::read_to_string(&page).unwrap();
        let commands = commands(&text);
        // Every page begins with a new folder.
        let task = prepared_folder();
        for command in commands {
            let Some(arguments) = command.strip_prefix("gepard ") else {
                assert!(OTHERS.iter().any(|other| command.starts_with(other)), "{}: {command}", page.display());
                continue;
            };
            let arguments = adapted(&split(arguments), &task);
            // A page that runs a search must not find a finished run.
            if arguments[0] == "optimize"
                && let Some(at) = arguments.iter().position(|word| word == "--run")
            {
                let _ = fs::remove_dir_all(task.path(&arguments[at + 1]));
            }
            let project = arguments.iter().position(|word| word == "init").map(|_| arguments[1].clone());
            let mut typed = Command::new(env!("CARGO_BIN_EXE_gepard"));
            typed.args(&arguments).current_dir(task.folder.path());
            typed.env("GEPARD_MODELS", task.path("models")).env("HOME", task.folder.path());
            let output = typed.output().unwrap();
            assert_eq!(code(&output), 0, "{}: {command}\n{}{}", page.display(), out(&output), err(&output));
            ran += 1;
            if let Some(project) = project {
                use_scripted_engine(&task, &project);
            }
        }
    }
    assert!(ran > 30, "{ran}");
}

/// The scripts need minutes or a network and are not run, but they must exist and have the options that the pages use.
#[test]
fn every_script_that_the_pages_name_is_there_with_its_options() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut named = 0;
    for page in pages(root) {
        let text = fs::read_to_string(&page).unwrap();
        // Split at the fences, every second part is outside of a block; split at backticks, every second part is code.
        let outside: String = text.split("```").step_by(2).collect();
        let spans: Vec<String> = outside.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        for span in spans.into_iter().chain(commands(&text)) {
            let Some(at) = span.find("scripts/") else { continue };
            let mut words = span[at..].split_whitespace();
            let script = words.next().unwrap().trim_end_matches(['.', ',', ';', '"', ']', '/']);
            if script.contains("NAME") || root.join(script).is_dir() {
                continue;
            }
            let source = fs::read_to_string(root.join(script));
            let source = source.unwrap_or_else(|cause| panic!("{}: {script}: {cause}", page.display()));
            for option in words.take_while(|word| *word != "--").filter(|word| word.starts_with("--")) {
                let option = option.trim_matches(['[', ']', ',', '"']);
                assert!(source.contains(option), "{}: {span}: {script} has no {option}", page.display());
            }
            named += 1;
        }
    }
    assert!(named > 25, "{named}");
}

#[test]
fn comments_and_continued_lines_are_read_as_a_shell_reads_them() {
    let page = "```sh\ngepard a --b 'c d' \\\n    --e   # why\n\ngepard f; gepard g\n```\n```toml\nno = 1\n```\n";
    assert_eq!(commands(page), ["gepard a --b 'c d'      --e", "gepard f", "gepard g"]);
    assert_eq!(split("a --b 'c d'      --e"), ["a", "--b", "c d", "--e"]);
}

//! Nothing is lost, nothing gets out: full disks, kills, networks, terminals, shells, and what the crate is made of.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::process::{code, command, err, gepard, is_there, out};
use crate::support::unchecked::not_checked;
use crate::support::{Task, gguf, result};

const GEPARD: &str = env!("CARGO_BIN_EXE_gepard");

/// The task with a model that takes its time.
fn slow_task() -> Task {
    let task = Task::new();
    let script = fs::read_to_string(task.path("script.jsonl")).unwrap();
    let slow = script.replace("{\"contains\"", "{\"milliseconds\": 20, \"contains\"");
    fs::write(task.path("script.jsonl"), slow.replace("{\"text\"", "{\"milliseconds\": 20, \"text\"")).unwrap();
    task
}

/// A run that is under way: its journal has a few records.
fn under_way(task: &Task) -> Child {
    let mut optimize = command(&["optimize", "gepard.toml", "--run", "run"], task.folder.path());
    let child = optimize.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    while fs::read_to_string(task.path("run/journal.jsonl")).map_or(0, |journal| journal.lines().count()) < 3 {
        assert!(started.elapsed() < Duration::from_secs(60), "the run does not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

#[test]
fn a_second_process_is_refused_while_the_first_works() {
    let task = slow_task();
    let mut first = under_way(&task);
    let second = gepard(&["optimize", "gepard.toml", "--run", "run"], task.folder.path());
    assert!(first.try_wait().unwrap().is_none(), "the first was done too early");
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!(code(&second), 6, "{}", err(&second));
    assert!(
        err(&second).contains("another gepard is working on run; wait until it ends, or use another directory"),
        "{}",
        err(&second)
    );
}

#[test]
fn a_run_directory_removed_under_way_ends_the_run_and_says_so() {
    let task = slow_task();
    let first = under_way(&task);
    fs::remove_dir_all(task.path("run")).unwrap();
    let output = first.wait_with_output().unwrap();
    assert_eq!(code(&output), 6, "{}", err(&output));
    assert!(err(&output).contains("run/journal.jsonl was removed or replaced during the run"), "{}", err(&output));
}

/// A full disk, a real one of 32 kB: the run ends with its journal whole, and goes on when there is room.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_ends_a_run_that_goes_on_when_there_is_room() {
    if !is_there("unshare", &["-rm", "true"], "a full disk") {
        return;
    }
    let task = Task::new();
    assert_eq!(code(&gepard(&["optimize", "gepard.toml", "--run", "whole"], task.folder.path())), 0);
    assert!(fs::metadata(task.path("whole/journal.jsonl")).unwrap().len() > 40_000, "it would fit the disk");
    fs::create_dir(task.path("disk")).unwrap();
    let run = format!("{GEPARD} optimize gepard.toml --run disk/run --progress none");
    let script = format!(
        "mount -t tmpfs -o size=32k none disk || exit 99\n{run}; echo first $?\ncp disk/run/journal.jsonl full.jsonl\n\
         {run}; echo second $?\nmount -o remount,size=16m disk\n{run} >&2; echo third $?\ncp -r disk/run run"
    );
    let mut unshare = Command::new("unshare");
    let output = unshare.args(["-rm", "sh", "-c", &script]).current_dir(task.folder.path()).output().unwrap();
    assert_eq!(out(&output), "first 6\nsecond 6\nthird 0\n", "{}", err(&output));
    assert!(
        err(&output).contains("everything that was stored before is intact: free some space, and type the same command"),
        "{}",
        err(&output)
    );
    let full = fs::read(task.path("full.jsonl")).unwrap();
    assert!(full.ends_with(b"\n") && fs::read(task.path("run/journal.jsonl")).unwrap().starts_with(&full));
    for file in ["best.json", "summary.json"] {
        assert_eq!(result(&task.path("run"), file), result(&task.path("whole"), file));
    }
}

/// The short form of `scripts/bench/torture`: kills, cuts, and budgets of time.
#[test]
fn runs_survive_a_little_torture() {
    if !is_there("python3", &["--version"], "kills at random moments") {
        return;
    }
    let torture = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/bench/torture");
    let output =
        Command::new("python3").arg(torture).args(["--gepard", GEPARD, "--kills", "6", "--seconds", "1"]).output().unwrap();
    assert_eq!(code(&output), 0, "{}{}", out(&output), err(&output));
    assert_eq!(out(&output).matches("holds").count(), 6, "{}", out(&output));
}

/// Every command of the default build, each with what it needs in the folder.
fn every_command(task: &Task) -> Vec<Vec<&'static str>> {
    fs::write(task.path("own.gguf"), gguf::model(&[gguf::entry("general.name", "own")], 64)).unwrap();
    vec![
        vec!["optimize", "gepard.toml", "--run", "run"],
        vec!["eval", "gepard.toml", "--candidate", "run"],
        vec!["report", "run"],
        vec!["compare", "run", "run"],
        vec!["export", "run", "--format", "json"],
        vec!["init", "begun"],
        vec!["completions", "bash"],
        vec!["man"],
        vec!["doctor", "gepard.toml"],
        vec!["doctor"],
        vec!["models", "add", "own.gguf"],
        vec!["models", "list"],
        vec!["models", "verify"],
        vec!["models", "inspect", "own.gguf"],
        vec!["--version"],
        vec!["--help"],
    ]
}

#[test]
#[cfg(target_os = "linux")]
fn every_command_works_in_an_empty_network_namespace() {
    if !is_there("unshare", &["-rn", "true"], "commands without a network") {
        return;
    }
    let task = Task::new();
    for arguments in every_command(&task) {
        let mut unshare = Command::new("unshare");
        unshare.args(["-rn", GEPARD]).args(&arguments).current_dir(task.folder.path());
        let output = unshare.env("GEPARD_MODELS", task.path("no-models")).output().unwrap();
        assert_eq!(code(&output), 0, "{arguments:?}: {}", err(&output));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn no_command_opens_a_socket() {
    if !is_there("strace", &["-f", "-o", "/dev/null", "true"], "that no socket is opened") {
        return;
    }
    let task = Task::new();
    for arguments in every_command(&task) {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-e", "trace=network", "-o", "calls", GEPARD]).args(&arguments).current_dir(task.folder.path());
        let output = strace.env("GEPARD_MODELS", task.path("no-models")).output().unwrap();
        assert_eq!(code(&output), 0, "{arguments:?}: {}", err(&output));
        let calls = fs::read_to_string(task.path("calls")).unwrap();
        // A pair of connected sockets within the process is no network, and neither is what `doctor` tries from within the
        // sandbox, to see that it is denied; all else is.
        let probed = |line: &str| arguments[0] == "doctor" && line.contains("= -1 EPERM");
        let is_network = |line: &&str| line.contains('(') && !line.contains("socketpair(") && !probed(line);
        let opened: Vec<&str> = calls.lines().filter(is_network).collect();
        assert!(opened.is_empty(), "{arguments:?}: {opened:?}");
    }
}

/// What would reach the network from Rust, and who asks others to.
const NETWORK: &[&str] = &[
    "reqwest",
    "hyper",
    "ureq",
    "curl",
    "curl-sys",
    "isahc",
    "attohttpc",
    "minreq",
    "surf",
    "tokio",
    "async-std",
    "smol",
    "mio",
    "socket2",
    "rustls",
    "native-tls",
    "openssl",
    "openssl-sys",
    "quinn",
    "tungstenite",
    "hf-hub",
    "tonic",
    "warp",
    "axum",
    "actix-web",
    "tiny_http",
    "trust-dns-resolver",
    "hickory-resolver",
    "libssh2-sys",
    "git2",
    "sentry",
    "opentelemetry",
];

/// Of what a user's binary is made of on this system: crates, with licence and source. None where cargo cannot say without a
/// network: crates of other systems need not be here.
fn crates() -> Option<Vec<serde_json::Value>> {
    let version = out(&Command::new("rustc").arg("-vV").output().unwrap());
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    if !output.status.success() {
        not_checked(&format!("the crates: cargo metadata says {}", err(&output)));
        return None;
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let (mut open, mut found) = (vec![metadata["resolve"]["root"].as_str().unwrap()], BTreeSet::new());
    while let Some(id) = open.pop() {
        if !found.insert(id) {
            continue;
        }
        let node = nodes.iter().find(|node| node["id"] == id).unwrap();
        for dependency in node["deps"].as_array().unwrap() {
            // What only tests need is in no user's binary.
            if dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"] != "dev") {
                open.push(dependency["pkg"].as_str().unwrap());
            }
        }
    }
    let packages = metadata["packages"].as_array().unwrap();
    Some(packages.iter().filter(|package| found.contains(package["id"].as_str().unwrap())).cloned().collect())
}

#[test]
fn no_crate_of_the_default_build_has_a_network() {
    let Some(crates) = crates() else { return };
    assert!(crates.len() > 50, "only {} crates were found", crates.len());
    let names: Vec<&str> = crates.iter().filter_map(|package| package["name"].as_str()).collect();
    let banned: Vec<&&str> = names.iter().filter(|name| NETWORK.contains(name)).collect();
    assert!(banned.is_empty(), "{banned:?}");
    // `cargo deny` holds every build to the same list.
    let deny = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml")).unwrap();
    let listed: toml::Table = deny.parse().unwrap();
    let listed = listed["bans"]["deny"].as_array().unwrap();
    let listed: Vec<&str> = listed.iter().filter_map(|ban| ban["crate"].as_str()).collect();
    assert_eq!(listed, NETWORK, "deny.toml and this test ban the same");
}

#[test]
fn licences_and_sources_are_those_of_deny_toml() {
    let Some(crates) = crates() else { return };
    let deny = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml")).unwrap();
    let deny: toml::Table = deny.parse().unwrap();
    let allowed: Vec<&str> = deny["licenses"]["allow"].as_array().unwrap().iter().filter_map(toml::Value::as_str).collect();
    for package in &crates {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"].as_str().unwrap_or_else(|| panic!("{name} names no licence"));
        // Of `A OR B` one must be allowed, of `A AND B` both; `A/B` is the old way to write the first.
        let is_allowed = |licence: &str| allowed.contains(&licence.trim_matches(|c| "() ".contains(c)));
        let licence = licence.replace('/', " OR ");
        let holds = licence.split(" AND ").all(|part| part.split(" OR ").any(is_allowed));
        assert!(holds, "{name} is under {licence}");
        if let Some(source) = package["source"].as_str() {
            assert_eq!(source, "registry+https://github.com/rust-lang/crates.io-index", "{name}");
        } else {
            assert_eq!(name, "gepard", "{name} is no crate of the registry");
        }
    }
}

/// Whether a text would do something to a terminal.
fn moves_the_cursor(text: &str) -> bool {
    text.chars().any(|c| {
        (c.is_control() && !"\n\t".contains(c))
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
    })
}

/// Clears the screen, sets the title, begins a C1 sequence, rings, goes back, and turns text around.
const EVIL: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\r\u{8}\u{202e}\u{2066}\u{7f}";

#[test]
fn no_text_of_a_model_or_of_data_moves_the_cursor() {
    let escaped = serde_json::to_string(EVIL).unwrap();
    let evil = escaped.trim_matches('"');
    let rule = format!(r#"{{"contains": ["Write a better instruction"], "texts": ["RULE1 {evil} RULE2", "RULE2 {evil}"]}}"#);
    let task = Task::with_reflector(&[&rule]);
    for split in ["train.jsonl", "val.jsonl", "test.jsonl"] {
        let rows = fs::read_to_string(task.path(split)).unwrap();
        fs::write(
            task.path(split),
            rows.replace("this is", &format!("{evil} this is")).replace("\"id\": \"", &format!("\"id\": \"{evil}")),
        )
        .unwrap();
    }
    let script = fs::read_to_string(task.path("script.jsonl")).unwrap();
    fs::write(task.path("script.jsonl"), script.replace("I cannot say", &format!("no {evil}"))).unwrap();
    for progress in ["plain", "json"] {
        let output = gepard(&["optimize", "gepard.toml", "--run", progress, "--progress", progress], task.folder.path());
        assert_eq!(code(&output), 0, "{}", err(&output));
        assert!(!moves_the_cursor(&out(&output)) && !moves_the_cursor(&err(&output)), "{:?}", out(&output));
        assert!(out(&output).contains("RULE1 \u{fffd}[2J"), "the prompt is shown: {:?}", out(&output));
    }
    // What is kept is what was said: nothing but the showing is changed.
    assert!(fs::read_to_string(task.path("plain/best/sort.txt")).unwrap().contains(EVIL));
    let output = gepard(&["eval", "gepard.toml", "--candidate", "seed", "--json"], task.folder.path());
    assert!(!moves_the_cursor(&out(&output)), "{:?}", out(&output));
    let whole: serde_json::Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(whole["rows"][0]["outputs"]["label"], format!("no {}", EVIL.trim()));
    // Errors quote what they are about: a row, a key, a file's name.
    let name = format!("{}.toml", EVIL.replace('/', ""));
    let key: String = EVIL.chars().map(|c| format!("\\u{:04X}", u32::from(c))).collect();
    fs::write(task.path(&name), format!("{}\n\"{key}\" = 1\n", fs::read_to_string(&task.file).unwrap().trim_end())).unwrap();
    let output = gepard(&["optimize", &name, "--run", "other"], task.folder.path());
    assert!(code(&output) == 2 && err(&output).contains("is no known key"), "{}", err(&output));
    assert!(!moves_the_cursor(&err(&output)), "{:?}", err(&output));
    fs::write(task.path("train.jsonl"), format!("{{\"id\": [{escaped}]}}\n")).unwrap();
    let output = gepard(&["optimize", "gepard.toml", "--run", "other"], task.folder.path());
    assert!(code(&output) == 3 && err(&output).contains("`id` must be text"), "{}", err(&output));
    assert!(!moves_the_cursor(&err(&output)), "{:?}", err(&output));
}

/// An outside program is run as it is named, and reads data as JSON: what is in them is never a command.
#[test]
fn no_text_reaches_a_shell() {
    if !is_there("python3", &["--version"], "that outside programs read data, not commands") {
        return;
    }
    let task = Task::new();
    let evil = "$(touch owned) `touch owned`; touch owned | touch owned && touch owned";
    let rows = fs::read_to_string(task.path("test.jsonl")).unwrap();
    fs::write(task.path("test.jsonl"), rows.replace("to be sorted", evil)).unwrap();
    fs::write(
        task.path("echo.py"),
        "import json, sys\nfor line in sys.stdin: print(json.dumps({'shouted': json.loads(line)['inputs']['text']}), flush=True)",
    )
    .unwrap();
    let step = "[[step]]\nname = \"shout\"\nkind = \"command\"\ncommand = [\"python3\", \"echo.py\", \"$(touch owned)\", \";touch owned\"]\n\
                inputs = [\"text\"]\noutputs = [\"shouted\"]\n\n[[module]]";
    task.edit("[[module]]", step)
        .edit("inputs = [\"text\"]\noutputs = [\"label\"]", "inputs = [\"text\", \"shouted\"]\noutputs = [\"label\"]");
    let output = gepard(&["eval", "gepard.toml", "--json"], task.folder.path());
    assert_eq!(code(&output), 0, "{}", err(&output));
    assert!(out(&output).contains("\"examples\":12"), "{}", out(&output));
    assert!(!task.path("owned").exists());
}

#[test]
fn files_of_a_run_are_no_wider_open_than_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    let task = Task::new();
    let script = format!("umask 077; exec {GEPARD} optimize gepard.toml --run deep/run --progress none");
    let output = Command::new("sh").args(["-c", &script]).current_dir(task.folder.path()).output().unwrap();
    assert_eq!(code(&output), 0, "{}", err(&output));
    let mut open = vec![task.path("deep")];
    let mut seen = 0;
    while let Some(path) = open.pop() {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{} is {mode:o}", path.display());
        seen += 1;
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    assert!(seen >= 9, "{seen}");
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// The crate denies `unsafe`, but for `engine/llama` and one block in `gguf/map.rs`, each with its reason.
#[test]
fn unsafe_code_is_only_in_the_engine_and_in_the_map_of_model_files_with_its_reason() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    assert!(fs::read_to_string(src.join("../Cargo.toml")).unwrap().contains("unsafe_code = \"deny\""));
    let (mut blocks, mut map_blocks) = (0, 0);
    for path in sources(&src) {
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.contains("allow(unsafe_code)")) {
            let is_map = path == src.join("gguf/map.rs");
            assert!(is_map || path.starts_with(src.join("engine/llama")), "{}:{}", path.display(), at + 1);
            map_blocks += usize::from(is_map);
            let reason = lines[at.saturating_sub(4)..at].iter().any(|before| before.trim_start().starts_with("// SAFETY: "));
            assert!(reason && line.trim_start().starts_with("#["), "{}:{} says no reason", path.display(), at + 1);
            blocks += 1;
        }
    }
    assert!(blocks > 0);
    assert_eq!(map_blocks, 1, "unsafe blocks of gguf/map.rs");
}

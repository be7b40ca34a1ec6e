//! The page of a run that is finished, going on, interrupted, or has harmful texts in its data; and comparisons of runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::process::{both, is_there, on};
use crate::support::{Task, block};
use gepard::data::split::Split;
use gepard::hooks::Hooks;
use gepard::journal::Journal;
use gepard::program::Candidate;
use gepard::report::history::{Fate, History, RolloutOwner};
use gepard::report::page;
use serde_json::{Value, json};

/// Returns the exit code and everything that a command printed.
fn result(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), both(output))
}

fn optimize(task: &Task, run: &str, settings: &[&str]) {
    gepard::run::optimize(&task.plan(settings), &task.path(run), &mut Hooks::none()).unwrap();
}

/// Returns the content of all packs of a page, as text.
fn unpacked(page: &str) -> String {
    use base64::Engine as _;
    let packs = block(page, "packs");
    let texts = [&packs["common"], &packs["iterations"]].into_iter().chain(packs["runs"].as_array().unwrap());
    let inflate = |text: &Value| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(text.as_str()?).unwrap();
        Some(String::from_utf8(miniz_oxide::inflate::decompress_to_vec(&bytes).unwrap()).unwrap())
    };
    texts.filter_map(inflate).collect()
}

#[test]
fn a_finished_run_leaves_its_page() {
    let task = Task::new();
    optimize(&task, "run", &[]);
    let page = fs::read_to_string(task.path("run/report.html")).unwrap();
    let head = block(&page, "run");
    assert_eq!((head["finished"].as_bool(), head["name"].as_str()), (Some(true), Some("run")));
    assert_eq!(head["outcome"]["headline"], "The prompt got better");
    assert_eq!(head["outcome"]["test"]["difference"], 1.0);
    assert_eq!(head["outcome"]["test"]["interval_95"], json!([1.0, 1.0]));
    let best = &head["candidates"][head["outcome"]["best"].as_u64().unwrap() as usize];
    assert_eq!(best["instructions"], json!([["sort", "RULE1 RULE2"]]));
    let left: Value = serde_json::from_slice(&fs::read(task.path("run/best.json")).unwrap()).unwrap();
    assert_eq!(head["sent"], json!([["sort", left["modules"][0]["messages"]]]));
    assert!(head["sent"].to_string().contains("RULE1 RULE2"));
    let packed = unpacked(&page);
    for words in ["Write a better instruction", "item number 103", "label: odd"] {
        assert!(packed.contains(words), "{words}");
    }
    assert_eq!(page::render(&task.path("run")).unwrap(), page, "the same journal gives the same page");
}

/// The rollouts of the journal belong to the candidates whose keys they have, for several methods of accepting proposals and with
/// merges.
#[test]
fn rollouts_are_assigned_to_their_candidates() {
    let words = |module: &str, word: &str| {
        let texts: Vec<String> = (0..40).map(|n| format!(r#""{word} {}""#, "please ".repeat(n))).collect();
        let asked = format!(r#""Write a better instruction", "must write `{module}`""#);
        format!(r#"{{"contains": [{asked}], "texts": ["RED", "BOTH", "LARGE", "", {}]}}"#, texts.join(", "))
    };
    let task = Task::of_two_modules(&[&words("colour", "RED"), &words("size", "LARGE")]);
    let mut fates: BTreeMap<Fate, usize> = BTreeMap::new();
    let mut merges = 0;
    for (run, settings) in [
        ("a", ["optimize.proposals=3", "optimize.gate=confident", "optimize.keep=all", "optimize.parents=several"]),
        ("b", ["optimize.proposals=3", "optimize.gate=or-equal", "optimize.keep=best", "optimize.module_selection=all"]),
        ("c", ["optimize.proposals=1", "optimize.gate=strict", "optimize.merge=true", "optimize.seed=1"]),
        ("d", ["optimize.proposals=2", "optimize.gate=confident", "optimize.keep=best", "optimize.merge=true"]),
    ] {
        optimize(&task, run, &[&settings[..], &["optimize.budget=500"]].concat());
        let history = History::read(&task.path(run)).unwrap();
        assert!(history.end.is_some() && history.members.len() > 3, "{run}");
        for (place, member) in history.members.iter().enumerate() {
            let of = &history.runs[member.run.unwrap()];
            let candidate = Candidate::new(member.instructions.iter().map(|(_, text)| text.clone()));
            assert_eq!((of.owner, &of.key), (RolloutOwner::Candidate(place), &candidate.key()), "{run} {place}");
            let mut seen = vec![None; member.scores.len()];
            of.rollouts.iter().filter(|scored| scored.split == Split::Val).for_each(|scored| seen[scored.example] = scored.score);
            assert_eq!(seen, member.scores, "{run} {place}");
        }
        for iteration in &history.iterations {
            merges += usize::from(iteration.merge.is_some());
            for proposal in &iteration.proposals {
                *fates.entry(proposal.fate).or_default() += 1;
                let mut texts = history.members[proposal.parent.0].instructions.clone();
                for (module, text) in &proposal.instructions {
                    texts.iter_mut().find(|(name, _)| name == module).unwrap().1.clone_from(text);
                }
                let candidate = Candidate::new(texts.into_iter().map(|(_, text)| text));
                assert_eq!(history.runs[proposal.run.unwrap()].key, candidate.key(), "{run} {}", iteration.number);
            }
            for asked in &iteration.reflections {
                let read = asked.chats.iter().all(|chat| !chat.read.is_empty());
                assert!(read && asked.chats.len() == asked.questions, "{run} {}", iteration.number);
            }
        }
        assert!(history.runs.iter().all(|run| run.owner != RolloutOwner::Unknown), "{run}");
    }
    assert!([Fate::Rejected, Fate::PassedOver, Fate::Accepted].iter().all(|fate| fates.contains_key(fate)), "{fates:?}");
    assert!(!fates.contains_key(&Fate::Open) && merges > 0);
}

#[test]
fn rollouts_of_operators_without_a_model_are_assigned_too() {
    let task = Task::new();
    task.edit("max_tokens = 8", "max_tokens = 80");
    let settings = [
        "optimize.operators=[\"format\", \"examples\", \"reason\", \"layout\", \"rewrite\", \"drop\"]",
        "optimize.proposals=3",
        "optimize.gate=confident",
    ];
    optimize(&task, "run", &settings);
    let history = History::read(&task.path("run")).unwrap();
    let shown = |(_, ids): &(String, Vec<String>)| !ids.is_empty();
    let proposals: Vec<_> = history.iterations.iter().flat_map(|iteration| &iteration.proposals).collect();
    assert!(proposals.iter().any(|proposal| proposal.demonstrations.iter().any(shown)));
    let mut keys: Vec<&str> = proposals.iter().map(|proposal| history.runs[proposal.run.unwrap()].key.as_str()).collect();
    let all = keys.len();
    keys.sort_unstable();
    keys.dedup();
    // A proposal that did not pass its minibatch may be proposed again.
    assert!(keys.len() * 2 > all && all > 5, "{} of {all}", keys.len());
    assert!(history.runs.iter().all(|run| run.owner != RolloutOwner::Unknown));
}

#[test]
fn a_page_can_be_made_at_any_time_of_a_run() {
    let task = Task::new();
    optimize(&task, "run", &["optimize.budget=60"]);
    let whole = fs::read(task.path("run/journal.jsonl")).unwrap();
    let ends: Vec<usize> = whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
    fs::create_dir(task.path("cut")).unwrap();
    let journal = task.path("cut/journal.jsonl");
    for (index, end) in ends.iter().enumerate() {
        // A part of the next line follows, as if it were being written.
        let torn = (end + 25).min(ends.get(index + 1).map_or(*end, |next| next - 1));
        fs::write(&journal, &whole[..torn]).unwrap();
        let page = page::render(&task.path("cut")).unwrap();
        let head = block(&page, "run");
        assert_eq!(head["finished"], false);
        assert!(head["outcome"]["headline"].is_string());
        assert_eq!(fs::read(&journal).unwrap(), &whole[..torn], "the journal must not be changed");
    }
    // A journal without a complete line, and a journal that is damaged before its end.
    fs::write(&journal, &whole[..ends[0] - 1]).unwrap();
    assert!(page::render(&task.path("cut")).unwrap_err().to_string().contains("holds no run"));
    let mut damaged = whole.clone();
    damaged[ends[1] - 20] ^= 1;
    fs::write(&journal, &damaged).unwrap();
    assert!(page::render(&task.path("cut")).unwrap_err().to_string().contains("journal.jsonl:2: "));
}

#[test]
fn a_page_can_be_made_while_another_process_has_the_lock() {
    let task = Task::new();
    optimize(&task, "run", &[]);
    let fingerprint = gepard::journal::recorded_fingerprint(&task.path("run"));
    let held = Journal::open(&task.path("run"), &fingerprint).unwrap();
    let output = on(&task, &["report", "run", "-o", "elsewhere.html"]);
    assert_eq!(result(&output), (Some(0), "the report is in elsewhere.html\n".into()));
    assert!(task.path("elsewhere.html").is_file());
    drop(held);
}

#[test]
fn the_page_of_an_interrupted_run_says_that_it_is_not_finished() {
    let task = Task::new();
    let interrupted = AtomicBool::new(false);
    let mut events = 0;
    let stopped = gepard::run::optimize(
        &task.plan(&[]),
        &task.path("run"),
        &mut Hooks::new(&interrupted, |_| {
            events += 1;
            interrupted.store(events > 40, Ordering::Relaxed);
        }),
    );
    assert!(stopped.is_err());
    let (code, words) = result(&on(&task, &["report", "run"]));
    assert_eq!((code, words.as_str()), (Some(0), "the report is in run/report.html\n"));
    let head = block(&fs::read_to_string(task.path("run/report.html")).unwrap(), "run");
    assert_eq!((head["finished"].as_bool(), head["outcome"]["test"].is_null()), (Some(false), true));
    assert!(!head["candidates"].as_array().unwrap().is_empty());
}

#[test]
fn an_old_summary_does_not_make_an_extended_run_finished() {
    let task = Task::new();
    optimize(&task, "run", &["optimize.budget=30"]);
    let summary = fs::read(task.path("run/summary.json")).unwrap();
    optimize(&task, "run", &[]);
    fs::write(task.path("run/summary.json"), summary).unwrap();
    assert!(History::read(&task.path("run")).unwrap().end.is_none());
    fs::write(task.path("run/summary.json"), "{").unwrap();
    let history = History::read(&task.path("run")).unwrap();
    assert!(history.warnings[0].contains("summary.json cannot be read"), "{:?}", history.warnings);
    assert!(history.sent.is_empty());
}

#[test]
fn a_folder_without_a_run_is_refused() {
    let task = Task::new();
    fs::create_dir(task.path("empty")).unwrap();
    for (arguments, folder) in [
        (vec!["report", "empty"], "empty"),
        (vec!["report", "nowhere"], "nowhere"),
        (vec!["report", "gepard.toml"], "gepard.toml"),
        (vec!["compare", "empty", "nowhere"], "empty"),
    ] {
        let (code, words) = result(&on(&task, &arguments));
        assert_eq!(code, Some(6), "{words}");
        assert!(words.contains(&format!("gepard: {folder} holds no run")) && words.contains("gepard optimize"), "{words}");
    }
    assert!(!task.path("empty/report.html").exists());
}

#[test]
#[cfg(target_os = "linux")]
fn the_error_of_a_page_that_cannot_be_written_names_the_output_option() {
    let task = Task::new();
    optimize(&task, "run", &[]);
    let (code, words) = result(&on(&task, &["report", "run", "--output", "/proc/page.html"]));
    assert_eq!(code, Some(2), "{words}");
    assert!(words.contains("cannot write /proc/page.html: ") && words.contains("with --output"), "{words}");
    assert!(!words.contains("--run") && !words.contains(".writing-"), "{words}");
}

/// Texts that would be harmful as markup or on a terminal.
const HARM: [&str; 5] = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    "<!-- <script>",
    "\u{2028}\u{2029}\u{202e}",
    "\u{1b}[31m\u{0}\u{9b}",
];

#[test]
fn texts_of_data_and_models_never_become_markup() {
    let harm = HARM.join(" ");
    let written = json!(format!("RULE1 RULE2 {harm}")).to_string();
    let task = Task::with_reflector(&[&format!(r#"{{"contains": ["Write a better instruction"], "text": {written}}}"#)]);
    for split in ["train", "val", "test"] {
        let file = task.path(&format!("{split}.jsonl"));
        let rows = fs::read_to_string(&file).unwrap();
        let harmful = |line: &str| {
            let mut row: Value = serde_json::from_str(line).unwrap();
            row["id"] = json!(format!("{harm}{}", row["id"].as_str().unwrap()));
            row["text"] = json!(format!("{} {harm}", row["text"].as_str().unwrap()));
            row.to_string() + "\n"
        };
        fs::write(file, rows.lines().map(harmful).collect::<String>()).unwrap();
    }
    let script = fs::read_to_string(task.path("script.jsonl")).unwrap();
    fs::write(
        task.path("script.jsonl"),
        script.replace("I cannot say", &json!(harm).to_string()[1..json!(harm).to_string().len() - 1]),
    )
    .unwrap();
    let run = "run </script><script>alert(3)<b>";
    // Some file systems do not allow this name.
    let run = if fs::create_dir_all(task.path(run)).is_ok() { run } else { "run" };
    optimize(&task, run, &[]);
    let page = fs::read_to_string(task.path(run).join("report.html")).unwrap();
    let markup: String = {
        // The page without its blocks of data.
        let (before, rest) = page.split_once("id=\"run\">").unwrap();
        let (data, rest) = rest.split_once("</script>").unwrap();
        let (between, rest) = rest.split_once("id=\"packs\">").unwrap();
        let (packs, after) = rest.split_once("</script>").unwrap();
        for block in [data, packs] {
            assert!(!block.contains(['<', '>', '\u{2028}', '\u{2029}', '\u{1b}', '\u{0}', '\u{9b}', '\n']));
        }
        [before, between, after].concat()
    };
    let fixed = page::page_of(&History::default(), "");
    let scripts = |text: &str| text.matches("<script").count();
    assert_eq!((scripts(&page), scripts(&page)), (scripts(&fixed), 3));
    assert!(!markup.contains("alert(") && !markup.contains("onerror"));
    // The data has the texts unchanged.
    let head = block(&page, "run").to_string();
    for words in HARM {
        let quoted = json!(words).to_string();
        let quoted = &quoted[1..quoted.len() - 1];
        assert!(head.contains(quoted) && unpacked(&page).contains(quoted), "{quoted}");
    }
}

#[test]
fn runs_are_compared_on_their_common_examples() {
    let task = Task::new();
    optimize(&task, "a", &["optimize.budget=13"]);
    optimize(&task, "b", &[]);
    let (code, words) = result(&on(&task, &["compare", "a", "b"]));
    assert_eq!(code, Some(0), "{words}");
    for part in [
        "A   0.000    0.000    0.000    0.000",
        "B   0.000    1.000    0.000    1.000",
        "test        A 0.000, B 1.000: +1.000 (95% interval +1.000 to +1.000) on 12 examples, 12 up, 0 down; B is better",
        "validation  A 0.000, B 1.000: +1.000",
    ] {
        assert!(words.contains(part), "{part} not in:\n{words}");
    }
    assert!(!words.contains("note:"), "{words}");
    let (_, words) = result(&on(&task, &["compare", "b", "a", "--json"]));
    let whole: Value = serde_json::from_str(&words).unwrap();
    assert_eq!((&whole["pairs"][0]["split"], &whole["pairs"][0]["paired"]["difference"]), (&json!("test"), &json!(-1.0)));
    assert_eq!(result(&on(&task, &["compare", "a"])).0, Some(2));
}

#[test]
fn differences_between_the_data_of_compared_runs_are_reported() {
    let task = Task::new();
    optimize(&task, "a", &[]);
    let rows = |from: &str, to: &str| {
        let rows = fs::read_to_string(task.path("test.jsonl")).unwrap();
        fs::write(task.path("test.jsonl"), rows.replace(from, to)).unwrap();
    };
    rows("item number 203,", "item number 203, really,");
    optimize(&task, "b", &[]);
    let (_, words) = result(&on(&task, &["compare", "a", "b"]));
    for part in ["a and b have different test data", "1 id names another test example in a than in b", "on 11 examples"] {
        assert!(words.contains(part), "{part} not in:\n{words}");
    }
    rows("\"id\": \"test-", "\"id\": \"other-");
    optimize(&task, "c", &["metric.kind=exact"]);
    let (_, words) = result(&on(&task, &["compare", "a", "c"]));
    for part in ["a and c have no test example in common", "test        A to B: nothing to compare", "different metrics"] {
        assert!(words.contains(part), "{part} not in:\n{words}");
    }
}

/// A comparison has the table and all runs on its page, and a file that is not a comparison is refused.
#[test]
fn a_comparison_of_optimizers_has_a_page() {
    let task = Task::new();
    let compared = on(&task, &["compare", "gepard.toml", "--optimizers", "gepa,random", "--seeds", "2", "--run", "runs/c"]);
    assert_eq!(result(&compared).0, Some(0), "{}", result(&compared).1);
    let page = fs::read_to_string(task.path("runs/c/report.html")).unwrap();
    let head = block(&page, "run");
    assert_eq!(head["table"].as_array().unwrap().len(), 2);
    assert_eq!(
        head["runs"].as_array().unwrap().iter().map(|run| run["folder"].as_str().unwrap()).collect::<Vec<_>>(),
        ["gepa-seed0", "random-seed0", "gepa-seed1", "random-seed1"]
    );
    assert_eq!(page::render(&task.path("runs/c")).unwrap(), page);
    fs::write(task.path("runs/c/compare.json"), "{\"table\": 1}").unwrap();
    let refused = on(&task, &["report", "runs/c"]);
    assert_eq!(result(&refused).0, Some(6), "{}", result(&refused).1);
    assert!(result(&refused).1.contains("is not the result of a comparison: it has no lists `table`"), "{}", result(&refused).1);
}

/// `scripts/check-report` opens the pages in Chromium, without a window and without a network.
#[test]
fn the_pages_work_in_a_real_browser() {
    let checked = "that reports load and respond in a browser";
    if !is_there("python3", &["--version"], checked) || !is_there("chromium", &["--version"], checked) {
        return;
    }
    let task = Task::of_two_modules(&[]);
    optimize(&task, "run", &["optimize.merge=true", "optimize.budget=300", "optimize.gate=confident", "optimize.proposals=3"]);
    let compared = on(&task, &["compare", "gepard.toml", "--optimizers", "gepa,random", "--run", "compared"]);
    assert_eq!(result(&compared).0, Some(0), "{}", result(&compared).1);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/check-report");
    for (page, holds) in [("run/report.html", 10), ("compared/report.html", 5)] {
        let output = Command::new("python3").arg(&script).arg(task.path(page)).output().unwrap();
        let (code, text) = result(&output);
        assert_eq!((code, text.matches("holds").count()), (Some(0), holds), "{page}: {text}");
    }
}

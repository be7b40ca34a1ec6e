//! The size of the page of a large run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::support::block;
use crate::support::process::{err, is_there, out};
use gepard::data::split::Split;
use gepard::engine::{Completion, Ended, Message, Usage};
use gepard::evaluate::{Cost, Scored, Verdict};
use gepard::journal::{CandidateExamples, Journal, Record, SubWaveRequest};
use gepard::metric::Judgement;
use gepard::program::{Rollout, Step};
use gepard::report::page;
use serde_json::{Value, json};

fn step(input: String, answer: String) -> Step {
    let inputs = vec![("message".to_owned(), input)];
    let outputs = BTreeMap::from([("urgency".to_owned(), answer.clone())]);
    Step { module: "triage".into(), inputs, answer, outputs, ..Step::default() }
}

/// Returns the word with a number below 30,000.
fn word(n: usize) -> String {
    static WORDS: OnceLock<Vec<String>> = OnceLock::new();
    let all = || (0..30_000).map(|n| gepard::hash::sha256_hex(format!("{n}").as_bytes())[..6].to_owned()).collect();
    WORDS.get_or_init(all)[n].clone()
}

fn scored(candidate: usize, example: usize) -> Scored {
    let input: Vec<String> = (0..80).map(|n| word(example * 80 + n)).collect();
    // Each rollout has a different answer of 40 words.
    let answer: Vec<String> = (0..40).map(|n| word((candidate * 300 + example) * 17 % 5000 + n * 7 % 400)).collect();
    // Later candidates tend to be better, each on other examples.
    let score = f64::from(example * 31 % 300 < candidate || (candidate * 7 + example * 13).is_multiple_of(5));
    let judgement = Judgement::new(score, format!("The right answer is {}, the answer was {}.", word(example), answer[0]));
    Scored {
        rollout: Rollout { steps: vec![step(input.join(" "), answer.join(" "))], failure: None },
        verdict: Verdict::Judged(judgement),
    }
}

/// Writes the journal of a run with 200 candidates on 300 examples, each with a reflection.
fn large(folder: &Path) {
    let mut journal = Journal::open(folder, &BTreeMap::new()).unwrap();
    let ids: Vec<String> = (0..300).map(|example| format!("val-{example}")).collect();
    let usage = Usage { prefilled: 900, unique: 900, reused: 100, decoded: 400, ..Usage::default() };
    for candidate in 0..200_usize {
        let elapsed = candidate as f64 * 60.0;
        let cost = Cost { usage, engine: 20.0, judge: 0.0, metric: 0.1, elapsed };
        let key = format!("{candidate:016x}");
        let parent = (candidate.max(1) - 1) / 2;
        let instruction = format!(
            "Say how urgent the message is. {}",
            (0..60).map(|n| format!("Rule {candidate}.{n} holds. ")).collect::<String>()
        );
        let instructions = vec![("triage".to_owned(), instruction.clone())];
        if candidate > 0 {
            let note = |event: Value| Record::Note { event: serde_json::from_value(event).unwrap() };
            let minibatch = ["train-1", "train-2", "train-3", "train-4"];
            journal
                .append(&note(json!({"event": "iteration", "iteration": candidate, "parents": [parent], "minibatch": minibatch})))
                .unwrap();
            journal
                .append(&note(
                    json!({"event": "reflecting", "iteration": candidate, "proposal": 1, "parent": parent, "module": "triage",
                    "operator": "rewrite", "reflector": "teacher", "questions": 1, "examples": 4, "left_out": 0, "again": false}),
                ))
                .unwrap();
            let read = (0..4).map(|n| format!("{:?}", scored(candidate, n))).collect::<String>();
            let answer = Completion { text: instruction, reasoning: None, ended: Ended::Stop, usage, served: None };
            let (read, completions) = (vec![vec![Message::user(read)]], vec![answer]);
            journal.append(&Record::Reflections { ask: key.clone(), read, completions, cost }).unwrap();
            journal
                .append(&note(json!({"event": "proposed", "iteration": candidate, "proposal": 1, "parent": parent,
                    "operators": [["triage", "rewrite"]], "instructions": instructions, "demonstrations": [], "key": key})))
                .unwrap();
            journal
                .append(&note(
                    json!({"event": "passed", "iteration": candidate, "proposal": 1, "parent_sum": 1.0, "child_sum": 2.0}),
                ))
                .unwrap();
        }
        let rollouts: Vec<Scored> = (0..300).map(|example| scored(candidate, example)).collect();
        let scores: Vec<Option<f64>> = rollouts.iter().map(Scored::score).collect();
        let mean = scores.iter().flatten().sum::<f64>() / 300.0;
        let ask = SubWaveRequest {
            split: Split::Val,
            candidates: vec![CandidateExamples { candidate: key.clone(), examples: ids.clone() }],
            drawn: false,
        };
        journal.append(&Record::Rollouts { ask, rollouts, cost }).unwrap();
        let parents = if candidate == 0 { vec![] } else { vec![parent] };
        journal
            .append(&Record::Note {
                event: serde_json::from_value(json!({"event": "accepted", "iteration": candidate, "candidate": candidate, "parents": parents, "proposal": usize::from(candidate > 0),
                    "instructions": instructions, "demonstrations": [], "prompt_tokens": 100 + candidate, "mean": mean, "scores": scores,
                    "objectives": {}, "complete": true, "spent": 300 * (candidate + 1), "key": key})).unwrap(),
            })
            .unwrap();
    }
}

#[test]
fn a_run_of_200_candidates_on_300_examples_is_a_page_below_ten_megabytes() {
    let folder = tempfile::tempdir().unwrap();
    large(folder.path());
    let page = page::render(folder.path()).unwrap();
    assert!(page.len() <= page::MOST_BYTES, "{}", page.len());
    let head = block(&page, "run");
    assert_eq!(head["candidates"].as_array().unwrap().len(), 200);
    assert_eq!(head["candidates"][199]["scores"].as_array().unwrap().len(), 300);
    let packs = block(&page, "packs");
    let there = packs["runs"].as_array().unwrap().iter().filter(|pack| pack.is_string()).count() as u64;
    assert_eq!(there + head["leftOut"].as_u64().unwrap(), 200, "the page must have the number of candidates that are left out");
    assert_eq!(head["leftOut"], 0, "{} bytes", page.len());
    let file = std::env::var_os("GEPARD_KEEP_PAGE").map_or(folder.path().join("report.html"), PathBuf::from);
    fs::write(&file, page).unwrap();
    let checked = "that a large report responds in a browser";
    if is_there("python3", &["--version"], checked) && is_there("chromium", &["--version"], checked) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/check-report");
        let output = Command::new("python3").arg(script).arg(&file).output().unwrap();
        assert!(output.status.success(), "{}{}", out(&output), err(&output));
    }
}

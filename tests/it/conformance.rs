//! Compares functions with recorded results of the reference implementations, which are read from the folder that the
//! environment variable `GEPARD_CONFORMANCE` names. Where it is not set, each test reports that it checked nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::support::unchecked::not_checked;
use gepard::data::ExampleIndex;
use gepard::engine::chat::ChatTemplate;
use gepard::engine::{Message, Role};
use gepard::evaluate::Scores;
use gepard::metric::{Constraint, exact, f1, holds_loosely, holds_strictly};
use gepard::optimize::Member;
use gepard::optimize::methods::gepa::merge;
use gepard::optimize::methods::gepa::pareto::Fronts;
use gepard::program::{Candidate, PoolIndex};
use gepard::randomness::stream;
use serde_json::Value;

/// Reads a file of recorded results; None where there is none.
fn recorded(file: &str) -> Option<Value> {
    let Some(folder) = std::env::var_os("GEPARD_CONFORMANCE") else {
        not_checked(&format!("GEPARD_CONFORMANCE is not set, so {file} was not read"));
        return None;
    };
    let path = Path::new(&folder).join(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).unwrap()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            not_checked(&format!("there is no {}", path.display()));
            None
        }
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

#[test]
fn pareto_selection() {
    let Some(file) = recorded("pareto.json") else { return };
    let cases = file["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    for (number, case) in cases.iter().enumerate() {
        let floats = |v: &Value| v.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect::<Vec<_>>();
        let rows: Vec<Vec<f64>> = case["val_scores"].as_array().unwrap().iter().map(floats).collect();
        let mut fronts = Fronts::new(rows.len(), |candidate| rows[candidate.0].iter().copied().enumerate());
        fronts.remove_dominated(&floats(&case["aggregate"]));
        for (example, front) in fronts.by_front().iter().enumerate() {
            let mut wanted: Vec<PoolIndex> = case["surviving_front"][example.to_string()]
                .as_array()
                .unwrap()
                .iter()
                .map(|c| PoolIndex(c.as_u64().unwrap() as usize))
                .collect();
            wanted.sort_unstable();
            assert_eq!(*front, wanted, "case {number}, example {example}");
        }
        let drawn: BTreeMap<String, u64> = fronts
            .weights()
            .into_iter()
            .enumerate()
            .filter(|(_, weight)| *weight > 0)
            .map(|(candidate, weight)| (candidate.to_string(), weight as u64))
            .collect();
        let wanted: BTreeMap<String, u64> = serde_json::from_value(case["sampling_weight"].clone()).unwrap();
        assert_eq!(drawn, wanted, "case {number}");
    }
}

/// A member of a pool that was run on no example.
fn unscored(candidate: Candidate, parents: Vec<PoolIndex>) -> Member {
    Member {
        candidate,
        parents,
        scores: Scores::default(),
        objectives: BTreeMap::new(),
        validated: 0,
        complete: true,
        prompt_tokens: 1,
        spent: 0,
    }
}

#[test]
fn merges() {
    let Some(file) = recorded("merge.json") else { return };
    let cases = file["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    for (number, case) in cases.iter().enumerate() {
        let texts = |v: &Value| Candidate::new(v.as_object().unwrap().values().map(|text| text.as_str().unwrap()));
        let candidates: Vec<Candidate> = case["candidates"].as_array().unwrap().iter().map(texts).collect();
        let parents: Vec<Vec<PoolIndex>> = serde_json::from_value(case["parents"].clone()).unwrap();
        let means: Vec<f64> = serde_json::from_value(case["aggregate"].clone()).unwrap();
        let pair: [PoolIndex; 2] = serde_json::from_value(case["pair"].clone()).unwrap();
        let members: Vec<Member> = candidates.into_iter().zip(parents).map(|(texts, parents)| unscored(texts, parents)).collect();
        let ancestors = merge::common_ancestors(&members, &means, pair);
        match case["ancestor"].as_u64() {
            None => assert_eq!(ancestors, [PoolIndex(0); 0], "case {number}"),
            Some(ancestor) => {
                assert_eq!(ancestors, [PoolIndex(ancestor as usize)], "case {number}");
                let merged = merge::combine(&members, &means, pair, ancestors[0], &mut stream(0, "merge", 0));
                assert_eq!(merged.candidate, texts(&case["merged"]), "case {number}");
            }
        }
    }
}

#[test]
fn merge_gates() {
    let Some(file) = recorded("merge_subsample.json") else { return };
    let cases = file["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    for (number, case) in cases.iter().enumerate() {
        let scores = |key: &str| -> Scores {
            Scores::from_list(case[key].as_array().unwrap().iter().map(|score| Some(score.as_f64().unwrap())))
        };
        let (first, second) = (scores("scores1"), scores("scores2"));
        let size = case["size"].as_u64().unwrap() as usize;
        let groups = merge::groups(&first, &second);
        let sizes: [usize; 3] = serde_json::from_value(case["bucket_sizes"].clone()).unwrap();
        assert_eq!(groups.each_ref().map(Vec::len), sizes, "case {number}");
        let drawn = merge::draw_gate_examples(&first, &second, size, &mut stream(0, "subsample", number as u64));
        assert_eq!(drawn.len(), size, "case {number}");
        let distinct: BTreeSet<&ExampleIndex> = drawn.iter().collect();
        assert_eq!(distinct.len() < size, case["with_replacement"].as_bool().unwrap(), "case {number}: {drawn:?}");
        if let Ok(least) = serde_json::from_value::<[usize; 3]>(case["taken_at_least"].clone()) {
            for (group, least) in groups.iter().zip(least) {
                let taken = drawn.iter().filter(|example| group.contains(example)).count();
                assert!(taken >= least, "case {number}: {drawn:?}");
            }
        }
    }
}

#[test]
fn chat_templates() {
    let Some(file) = recorded("chat_templates.json") else { return };
    let cases = file["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    let mut wrong = Vec::new();
    for case in cases {
        let name = case["template"].as_str().unwrap();
        let template = ChatTemplate::new(file["templates"][name].as_str().unwrap(), "<BOS>", "<EOS>").unwrap();
        let chat = case["chat"].as_str().unwrap();
        let messages: Vec<Message> = file["chats"][chat]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| Message {
                role: match m["role"].as_str().unwrap() {
                    "system" => Role::System,
                    "assistant" => Role::Assistant,
                    _ => Role::User,
                },
                content: m["content"].as_str().unwrap().to_owned(),
            })
            .collect();
        let rendered = template.render_as_is(&messages, case["enable_thinking"].as_bool());
        match (rendered, case["rendered"].as_str()) {
            (Ok(text), Some(wanted)) if text == wanted => {}
            (Err(_), None) => {}
            (rendered, wanted) => {
                wrong.push(format!("{name}, {chat}, {}:\n  {rendered:?}\n  {wanted:?}", case["enable_thinking"]))
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn constraints_of_ifeval() {
    let Some(file) = recorded("ifeval.json") else { return };
    let cases = file["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    for (number, case) in cases.iter().enumerate() {
        let kind = case["instruction_id"].as_str().unwrap();
        // Where a row asks for a symbol, the public checker counts a random letter instead, so that its result is meaningless.
        if case["kwargs"]["letter"].as_str().is_some_and(|letter| !letter.trim().chars().all(|c| c.is_ascii_alphabetic())) {
            not_checked(&format!("case {number} counts a random letter in place of {}", case["kwargs"]["letter"]));
            continue;
        }
        let constraint = Constraint::read(kind, case["kwargs"].as_object().unwrap()).unwrap();
        let response = case["response"].as_str().unwrap();
        let found = (holds_strictly(&constraint, response), holds_loosely(&constraint, response));
        let wanted = (case["strict"].as_bool().unwrap(), case["loose"].as_bool().unwrap());
        assert_eq!(found, wanted, "case {number}, {kind}: {response:?}");
    }
}

#[test]
fn constraints_of_ifbench() {
    let Some(file) = recorded("ifbench.json") else { return };
    let cases = file["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    let mut wrong = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let kind = case["instruction_id"].as_str().unwrap();
        let constraint = Constraint::read(kind, case["kwargs"].as_object().unwrap()).unwrap();
        let response = case["response"].as_str().unwrap();
        if holds_strictly(&constraint, response) != case["followed"].as_bool().unwrap() {
            wrong.push(format!("case {number}, {kind}, {}: {response:?}", case["kwargs"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn exact_match_and_f1_of_hotpotqa() {
    let Some(file) = recorded("qa_metrics.json") else { return };
    let cases = file["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    for case in cases {
        let (given, expected) = (case["prediction"].as_str().unwrap(), case["gold"].as_str().unwrap());
        let found = f1(given, expected);
        assert_eq!(exact(given, expected), case["exact"].as_f64().unwrap() > 0.5, "{case}");
        assert!((found - case["f1"].as_f64().unwrap()).abs() < 1e-6, "{found} in {case}");
    }
}

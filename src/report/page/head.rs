//! The data that a page shows first: the result, the candidates and their scores, and where the time went.

use serde_json::{Value, json};

use crate::report::history::{CandidateRollouts, History, PoolCandidate, SeenExample, split_index};
use crate::report::outcome::Outcome;
use crate::report::spending::RoleSpending;

/// Scores are rounded to a multiple of one over this.
const SCORE_STEPS: f64 = 1e4;

/// The most characters of an example's beginning.
const BEGINNING_CHARACTERS: usize = 80;

/// Returns the data for the page of a run. `name` is the title; `left_out` is the number of candidates whose traces are not in
/// the page.
pub(super) fn head(history: &History, name: &str, left_out: usize) -> Value {
    let end = history.end.as_ref();
    let examples = history.examples.each_ref();
    json!({
        "name": name,
        "finished": end.is_some(),
        "stopped": end.map(|end| end.stopped_because.to_string()),
        "finding": end.map(|end| &end.outcome),
        "notes": end.map_or(&[][..], |end| &end.notes),
        "warnings": history.warnings,
        "outcome": Outcome::new(history),
        "frontier": history.frontier(),
        "trials": history.trials,
        "unscored": history.runs.iter().flat_map(|run| &run.rollouts).filter(|scored| scored.score.is_none()).count(),
        "rollouts": history.rollouts,
        "iterations": history.iterations.len(),
        "leftOut": left_out,
        "examples": examples.map(|split| split.iter().map(|seen| example(history, seen)).collect::<Vec<_>>()),
        "sent": history.sent,
        "candidates": history.members.iter().map(candidate).collect::<Vec<_>>(),
        "runs": history.runs.iter().map(run).collect::<Vec<_>>(),
        "spending": spending(history),
        "servers": history.servers,
        "memory": end.and_then(|end| end.memory),
        "fingerprint": history.fingerprint,
    })
}

/// Returns an example's id and the beginning of its first input.
fn example(history: &History, seen: &SeenExample) -> Value {
    let first = seen.inputs.first().map_or("", |(_, text)| history.texts.get(*text));
    let words: Vec<&str> = first.split_whitespace().collect();
    let beginning: String = words.join(" ").chars().take(BEGINNING_CHARACTERS).collect();
    json!([seen.id, beginning])
}

fn candidate(entry: &PoolCandidate) -> Value {
    let rounded = |score: f64| (score * SCORE_STEPS).round() / SCORE_STEPS;
    let mut value = json!(entry);
    value["scores"] = entry.scores.iter().map(|score| json!(score.map(rounded))).collect();
    value
}

/// Returns which candidate the rollouts belong to, and how many there are for each split.
fn run(run: &CandidateRollouts) -> Value {
    let mut counts = [0; 3];
    for scored in &run.rollouts {
        counts[split_index(scored.split)] += 1;
    }
    json!([run.owner, counts])
}

fn spending(history: &History) -> Value {
    let spending = &history.spending;
    let role = |role: &RoleSpending| {
        json!({
            "prefilled": role.prefilled, "unique": role.unique, "reused": role.reused, "decoded": role.decoded,
            "engine": role.engine, "metric": role.metric,
        })
    };
    json!({
        "search": spending.search,
        "tests": spending.tests,
        "parts": spending.parts(),
        "roles": { "rollouts": role(&spending.task), "reflection": role(&spending.reflection), "test": role(&spending.test) },
    })
}

//! What a page shows at once: the result, the candidates and their scores, where the time went.

use serde_json::{Value, json};

use crate::report::history::{Entry, History, Runs, Seen};
use crate::report::outcome::Outcome;

/// Decimal places of a score in the page.
const PLACES: f64 = 1e4;

/// The head of the page of a run called `name`; `left_out` runs have no traces in it.
pub(super) fn head(history: &History, name: &str, left_out: usize) -> Value {
    json!({
        "name": name,
        "finished": history.end.is_some(),
        "stopped": history.end.as_ref().map(|end| end.stopped_because.to_string()),
        "learned": history.end.as_ref().map(|end| &end.outcome),
        "notes": history.end.as_ref().map_or(&[][..], |end| &end.notes),
        "warnings": history.warnings,
        "outcome": Outcome::of(history),
        "trials": history.trials,
        "unscored": history.runs.iter().flat_map(|run| &run.rollouts).filter(|scored| scored.score.is_none()).count(),
        "rollouts": history.rollouts,
        "iterations": history.iterations.len(),
        "leftOut": left_out,
        "examples": history.examples.each_ref().map(|split| split.iter().map(|seen| example(history, seen)).collect::<Vec<_>>()),
        "sent": history.sent,
        "candidates": history.members.iter().map(candidate).collect::<Vec<_>>(),
        "runs": history.runs.iter().map(run).collect::<Vec<_>>(),
        "spending": spending(history),
        "fingerprint": history.fingerprint,
    })
}

/// The id, and how the example begins.
fn example(history: &History, seen: &Seen) -> Value {
    const MOST: usize = 80;
    let first = seen.inputs.first().map_or("", |(_, text)| history.texts.get(*text));
    let begins: String = first.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MOST).collect();
    json!([seen.id, begins])
}

fn candidate(entry: &Entry) -> Value {
    let mut value = json!(entry);
    let scores: Vec<Option<f64>> = entry.scores.iter().map(|score| score.map(|s| (s * PLACES).round() / PLACES)).collect();
    value["scores"] = json!(scores);
    value
}

/// Who, and the counts of its rollouts by split.
fn run(run: &Runs) -> Value {
    let mut counts = [0; 3];
    for scored in &run.rollouts {
        counts[crate::report::history::place_of(scored.split)] += 1;
    }
    json!([run.who, counts])
}

fn spending(history: &History) -> Value {
    let spending = &history.spending;
    let role = |role: &crate::report::spending::Role| {
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

//! Adds worked examples from the training data, or swaps some of them.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use super::{Work, format};
use crate::data::{Example, to_text};
use crate::optimize::gepa::profile::Kind;
use crate::program::layout::{self, REASONING};
use crate::program::{Demonstration, ModuleText};

/// The most worked examples of a value, of a closed set.
const MOST_OF_A_VALUE: usize = 4;

/// The most worked examples where there is no closed set.
const MOST: usize = 8;

/// The example with its labels as the answer; None where it lacks one. A student that reasons is shown the worked
/// solution before them, for a label alone would show it the wrong way.
fn labelled(work: &Work<'_>, example: &Example) -> Option<Demonstration> {
    let module = work.module;
    let values: Vec<(&String, String)> =
        module.outputs.iter().map(|name| Some((name, to_text(example.fields.get(name)?)))).collect::<Option<_>>()?;
    let answer = match values.as_slice() {
        [(_, only)] if !work.text.reasoning => only.clone(),
        several => several.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("\n"),
    };
    let answer = match work.text.reasoning {
        true => {
            let label = if layout::begun(module, work.text).is_empty() { format!("{REASONING}: ") } else { String::new() };
            format!("{label}{}\n{answer}", (work.solution)(example)?.trim())
        }
        false => answer,
    };
    let inputs = module.inputs.iter().map(|name| Some((name.clone(), example.text(name)?)));
    Some(Demonstration { id: example.id.clone(), inputs: inputs.collect::<Option<_>>()?, answer })
}

/// Rollouts of the minibatch that were right, with the student's own words as the answer.
fn succeeded(work: &Work<'_>) -> Vec<Demonstration> {
    let right = work.rollouts.iter().zip(work.minibatch).filter(|(scored, _)| scored.score() >= Some(1.0));
    let shown = right.filter_map(|(scored, example)| {
        let step = scored.rollout.steps.iter().find(|step| step.module == work.module.name)?;
        Some(Demonstration { id: example.id.clone(), inputs: step.inputs.clone(), answer: step.answer.trim().to_owned() })
    });
    shown.collect()
}

/// What can be shown, by the value that it is an example of.
fn pool(work: &Work<'_>) -> BTreeMap<String, Vec<Demonstration>> {
    let mut pool: BTreeMap<String, Vec<Demonstration>> = BTreeMap::new();
    if work.text.reasoning {
        pool.insert(String::new(), succeeded(work));
    }
    let set = work.profile.iter().find(|output| matches!(output.kind, Kind::Set(_)));
    // An example of the minibatch would tell the child the answer to what it is gated on.
    let gated = |example: &&Example| work.minibatch.iter().all(|other| other.id != example.id);
    for example in work.train.iter().filter(gated) {
        let value = set.and_then(|output| example.text(&output.name)).unwrap_or_default();
        if let Some(demonstration) = labelled(work, example) {
            pool.entry(value).or_default().push(demonstration);
        }
    }
    pool
}

pub(super) fn applies(work: &Work<'_>) -> bool {
    let shown = &work.text.demonstrations;
    pool(work).values().flatten().any(|demonstration| {
        let room = ModuleText { demonstrations: vec![demonstration.clone()], ..work.text.clone() };
        !shown.contains(demonstration) && work.tokens(&room) <= work.most_tokens
    })
}

/// As many of each value as chance says, in a random order, as far as there is room; where the text has some
/// already, half of the time half of those stay.
pub(super) fn apply(work: &Work<'_>, random: &mut impl Rng) -> ModuleText {
    let mut pool = pool(work);
    let each = match pool.len() {
        1 => random.random_range(1..=MOST),
        _ => random.random_range(1..=MOST_OF_A_VALUE),
    };
    let mut kept = work.text.demonstrations.clone();
    kept.shuffle(random);
    let stay = if random.random::<bool>() { kept.len() / 2 } else { 0 };
    kept.truncate(stay);
    let mut drawn = Vec::new();
    for of_value in pool.values_mut() {
        of_value.shuffle(random);
        drawn.extend(of_value.iter().filter(|d| !kept.contains(d)).take(each).cloned().collect::<Vec<_>>());
    }
    drawn.shuffle(random);
    let all = work.text.demonstrations.len().max(drawn.len());
    drawn.truncate(all - kept.len().min(all));
    // Examples of a set are half a story without the set.
    let text = format::where_it_applies(work);
    let mut text = ModuleText { demonstrations: Vec::new(), ..text };
    for demonstration in kept.into_iter().chain(drawn) {
        text.demonstrations.push(demonstration);
        if work.tokens(&text) > work.most_tokens {
            text.demonstrations.pop();
        }
    }
    text
}

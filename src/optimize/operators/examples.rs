//! Adds worked examples, or swaps some of them: from the training data, or calls with right answers.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use super::{Work, format};
use crate::data::Example;
use crate::optimize::reflection::demonstrations::{fitting, labelled};
use crate::optimize::reflection::profile::Kind;
use crate::program::{Demonstration, ModuleText};

/// The part of the room that is left to words: one in so many.
const LEFT_TO_WORDS: usize = 4;

/// How often the number of worked examples is halved at most.
const HALVINGS: u32 = 2;

/// What can be shown, by the value that it is an example of.
fn pool(work: &Work<'_>) -> BTreeMap<String, Vec<Demonstration>> {
    let mut pool: BTreeMap<String, Vec<Demonstration>> = BTreeMap::new();
    let set = work.profile.iter().find(|output| matches!(output.kind, Kind::Set(_)));
    // An example of the minibatch would tell the child the answer to what it is gated on.
    let gated = |example: &&Example| work.minibatch.iter().all(|other| other.id != example.id);
    for example in work.train.iter().filter(gated) {
        let value = set.and_then(|output| example.text(work.module.label(&output.name))).unwrap_or_default();
        if let Some(demonstration) = labelled(work.module, work.text, example, work.solution) {
            pool.entry(value).or_default().push(demonstration);
        }
    }
    // Who reasons is shown its own words; so is who writes what no data names, as a query. None is shown its own example.
    if work.text.reasoning || pool.is_empty() {
        pool.entry(String::new()).or_default().extend(work.right.iter().cloned());
    }
    pool
}

pub(super) fn applies(work: &Work<'_>) -> bool {
    let room = room(work, work.text);
    let shown = &work.text.demonstrations;
    let may = |other: &Demonstration| (shown.len() > 1 || !shown.contains(other)) && work.tokens_shown(other) <= room;
    pool(work).values().flatten().any(may)
}

/// Tokens that worked examples may take beside the instruction of a text.
fn room(work: &Work<'_>, text: &ModuleText) -> usize {
    let words = (work.measure)(&text.instruction).max(work.most_tokens / LEFT_TO_WORDS);
    work.most_tokens.saturating_sub(words)
}

/// As many as there is room for, each value in its turn, in a random order. Where the text has some already, chance
/// halves the number, and half of the time half of those stay.
pub(super) fn apply(work: &Work<'_>, random: &mut impl Rng) -> ModuleText {
    // Examples of a set are half a story without the set.
    let text = format::where_it_applies(work);
    let mut kept = work.text.demonstrations.clone();
    kept.shuffle(random);
    let stay = if random.random::<bool>() { kept.len() / 2 } else { 0 };
    kept.truncate(stay);
    let drawn = in_turns(pool(work), random).into_iter().filter(|drawn| !kept.contains(drawn));
    let mut shown = kept.clone();
    shown.extend(drawn);
    let mut shown = fitting(shown, room(work, &text), &|one| work.tokens_shown(one));
    let halvings = if work.text.demonstrations.is_empty() { 0 } else { random.random_range(0..=HALVINGS) };
    shown.truncate((shown.len() >> halvings).max(1));
    shown.shuffle(random);
    ModuleText { demonstrations: shown, ..text }
}

/// All of a pool: one of each value, then the second of each, and so on; values and examples in a random order.
fn in_turns(pool: BTreeMap<String, Vec<Demonstration>>, random: &mut impl Rng) -> Vec<Demonstration> {
    let mut of_values: Vec<Vec<Demonstration>> = pool.into_values().collect();
    of_values.shuffle(random);
    of_values.iter_mut().for_each(|of_value| of_value.shuffle(random));
    let most = of_values.iter().map(Vec::len).max().unwrap_or(0);
    (0..most).flat_map(|turn| of_values.iter().filter_map(move |of_value| of_value.get(turn).cloned())).collect()
}

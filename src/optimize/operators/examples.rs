//! The operator `examples`: adds demonstrations to the text, or exchanges some of them.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use super::format::format_if_possible;
use super::input::OperatorInput;
use super::text_operator::{Begun, TextOperator};
use crate::data::Example;
use crate::optimize::reflection::demonstrations::{labelled_demonstration, take_fitting};
use crate::optimize::reflection::profile::ValueKind;
use crate::optimize::reflection::unusable::Unusable;
use crate::program::{Demonstration, ModuleText};

/// At least one token in this many of the module text's limit is reserved for the instruction.
const INSTRUCTION_SHARE: usize = 4;

/// The most times that the number of demonstrations is halved.
const MAX_HALVINGS: u32 = 2;

/// Adds or exchanges demonstrations: labelled training examples, or correct calls of the module.
pub(super) struct Examples;

impl TextOperator for Examples {
    fn applies(&self, input: &OperatorInput<'_>) -> bool {
        let room = demonstration_room(input, input.text);
        let shown = &input.text.demonstrations;
        let is_usable =
            |other: &Demonstration| (shown.len() > 1 || !shown.contains(other)) && input.count_demonstration(other) <= room;
        available(input, input.minibatch).values().flatten().any(is_usable)
    }

    fn is_screened(&self) -> bool {
        true
    }

    fn begin(&self, input: &OperatorInput<'_>, random: &mut dyn Rng) -> Result<Begun, Unusable> {
        Ok(Begun::Text(with_other_demonstrations(input, random)))
    }
}

/// Returns the text with as many demonstrations as fit, the values of a closed set in turn, in random order. If the text has
/// some already, half of them stay with a probability of one half, and the number of all is halved up to [`MAX_HALVINGS`] times.
///
/// The examples of the minibatch are left out: the gate runs the child on them, and they would show it the right answers.
pub(super) fn with_other_demonstrations(input: &OperatorInput<'_>, random: &mut dyn Rng) -> ModuleText {
    // Examples show only some values of a closed set, so the instruction should list all of them.
    let text = format_if_possible(input);
    // Demonstrations that are chosen for each call are no set of which half could stay.
    let mut kept = if input.text.nearest.is_some() { Vec::new() } else { input.text.demonstrations.clone() };
    kept.shuffle(random);
    let kept_count = if random.random::<bool>() { kept.len() / 2 } else { 0 };
    kept.truncate(kept_count);
    let drawn = values_in_turn(available(input, input.minibatch), random).into_iter().filter(|drawn| !kept.contains(drawn));
    let mut shown = kept.clone();
    shown.extend(drawn);
    let mut shown = take_fitting(shown, demonstration_room(input, &text), &|one| input.count_demonstration(one));
    let halvings = if input.text.demonstrations.is_empty() || input.text.nearest.is_some() {
        0
    } else {
        random.random_range(0..=MAX_HALVINGS)
    };
    shown.truncate((shown.len() >> halvings).max(1));
    shown.shuffle(random);
    ModuleText { demonstrations: shown, nearest: None, ..text }
}

/// Returns the demonstrations that can be shown, grouped by their value of the first output that is a closed set. The examples of
/// `left_out` are not among them.
pub(super) fn available(input: &OperatorInput<'_>, left_out: &[&Example]) -> BTreeMap<String, Vec<Demonstration>> {
    let mut available: BTreeMap<String, Vec<Demonstration>> = BTreeMap::new();
    let set = input.profile.iter().find(|output| matches!(output.kind, ValueKind::Set(_)));
    let is_usable = |example: &&Example| left_out.iter().all(|other| other.id != example.id);
    for example in input.train.iter().filter(is_usable) {
        let value = set.and_then(|output| example.text(input.module.label(&output.name))).unwrap_or_default();
        if let Some(demonstration) = labelled_demonstration(input.module, input.text, example, input.solution) {
            available.entry(value).or_default().push(demonstration);
        }
    }
    // Labels have no reasoning, and outputs like a query have no labels: there, calls of the task model are shown. When such a
    // text is run on an example that it shows, that demonstration is left out.
    if input.text.reasoning || available.is_empty() {
        available.entry(String::new()).or_default().extend(input.correct_calls.iter().cloned());
    }
    available
}

/// Returns the number of tokens that demonstrations may take beside the instruction of `text`.
pub(super) fn demonstration_room(input: &OperatorInput<'_>, text: &ModuleText) -> usize {
    let instruction = (input.count_task_tokens)(&text.instruction).max(input.max_text_tokens / INSTRUCTION_SHARE);
    input.max_text_tokens.saturating_sub(instruction)
}

/// Returns all demonstrations: the first of each value, then the second of each, and so on. Values and examples are shuffled.
fn values_in_turn(available: BTreeMap<String, Vec<Demonstration>>, random: &mut dyn Rng) -> Vec<Demonstration> {
    let mut groups: Vec<Vec<Demonstration>> = available.into_values().collect();
    groups.shuffle(random);
    groups.iter_mut().for_each(|group| group.shuffle(random));
    in_turn(groups)
}

/// Returns the first demonstration of each group, then the second of each, and so on.
pub(super) fn in_turn(groups: Vec<Vec<Demonstration>>) -> Vec<Demonstration> {
    let largest = groups.iter().map(Vec::len).max().unwrap_or(0);
    (0..largest).flat_map(|turn| groups.iter().filter_map(move |group| group.get(turn).cloned())).collect()
}

//! The operator `nearest`: shows each call the demonstrations that are the most similar to its inputs.
//!
//! This is the selection of demonstrations by nearest neighbours (Liu et al. 2022, arXiv 2101.06804), with the similarity of
//! `program/similarity.rs`, which needs no other model. The candidate stores all demonstrations.

use rand::Rng;

use super::examples::{available, demonstration_room, in_turn};
use super::format::format_if_possible;
use super::input::OperatorInput;
use super::text_operator::{Begun, TextOperator, any_of};
use crate::optimize::reflection::unusable::Unusable;
use crate::program::{Demonstration, ModuleText};

/// The number of demonstrations that a call is shown at first. They are computed anew for every call.
const SHOWN_AT_FIRST: usize = 4;

/// The fewest demonstrations that a call is shown.
const FEWEST_SHOWN: usize = 2;

/// The most demonstrations that a candidate stores.
const MOST_STORED: usize = 1000;

/// Chooses demonstrations for each call. Of a text that does so already, it halves or doubles the number.
pub(super) struct Nearest;

impl TextOperator for Nearest {
    fn applies(&self, input: &OperatorInput<'_>) -> bool {
        !texts(input).is_empty()
    }

    fn begin(&self, input: &OperatorInput<'_>, random: &mut dyn Rng) -> Result<Begun, Unusable> {
        any_of(&texts(input), random)
    }
}

/// Returns the texts that the operator can make. Each leaves demonstrations to choose from, and keeps within the limit whichever
/// are chosen.
fn texts(input: &OperatorInput<'_>) -> Vec<ModuleText> {
    let text = format_if_possible(input);
    let room = demonstration_room(input, &text);
    // The minibatch is not left out: a call is never shown its own example.
    let stored = in_turn(available(input, &[]).into_values().collect());
    let mut stored: Vec<(usize, Demonstration)> = stored.into_iter().map(|one| (input.count_demonstration(&one), one)).collect();
    stored.retain(|(tokens, _)| *tokens <= room);
    stored.truncate(MOST_STORED);
    let mut longest: Vec<usize> = stored.iter().map(|(tokens, _)| *tokens).collect();
    longest.sort_unstable_by(|a, b| b.cmp(a));
    let demonstrations: Vec<Demonstration> = stored.into_iter().map(|(_, one)| one).collect();
    let most_fitting = (0..=longest.len()).rev().find(|&shown| longest[..shown].iter().sum::<usize>() <= room).unwrap_or(0);
    let numbers = match input.text.nearest {
        Some(shown) => vec![shown / 2, shown * 2],
        None => vec![SHOWN_AT_FIRST.min(most_fitting)],
    };
    let is_possible = |shown: &usize| (FEWEST_SHOWN..=most_fitting).contains(shown) && *shown < demonstrations.len();
    let numbers = numbers.into_iter().filter(is_possible);
    numbers.map(|shown| ModuleText { demonstrations: demonstrations.clone(), nearest: Some(shown), ..text.clone() }).collect()
}

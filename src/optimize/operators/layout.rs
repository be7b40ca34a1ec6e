//! Moves one part of the chat to where it serves this model better.

use rand::Rng;
use rand::seq::IndexedRandom;

use super::Work;
use crate::program::layout::{Cue, Examples, Turn, layout_of};
use crate::program::{Layout, ModuleText};

/// The layouts that differ from the text's in one part. Fields keep their names: bare ones were never better.
fn others(work: &Work<'_>) -> Vec<Layout> {
    let now = layout_of(work.module, work.text);
    let turn = match now.instruction {
        Turn::User => Turn::System,
        Turn::System | Turn::Below => Turn::User,
    };
    let examples = if now.examples == Examples::Turns { Examples::Text } else { Examples::Turns };
    let cue = if now.answer == Cue::Begun { Cue::Label } else { Cue::Begun };
    let mut others = vec![Layout { instruction: turn, ..now }, Layout { answer: cue, ..now }];
    if !work.text.demonstrations.is_empty() {
        others.push(Layout { examples, ..now });
    }
    others
}

/// Only where there is something to lay out: a bare instruction that fails says nothing of where it should stand.
pub(super) fn applies(work: &Work<'_>) -> bool {
    !work.text.demonstrations.is_empty()
}

pub(super) fn apply(work: &Work<'_>, random: &mut impl Rng) -> ModuleText {
    let layout = others(work).choose(random).copied().unwrap_or(work.module.layout);
    work.laid_out(work.text.clone(), layout)
}

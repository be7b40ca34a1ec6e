//! The operator `layout`: moves one part of the chat.

use rand::Rng;
use rand::seq::IndexedRandom;

use super::input::OperatorInput;
use super::text_operator::{Begun, TextOperator};
use crate::optimize::reflection::unusable::Unusable;
use crate::program;
use crate::program::layout::{Cue, Examples, Turn};

/// Moves the instruction, the demonstrations, or the name that leads to the answer.
pub(super) struct Layout;

impl TextOperator for Layout {
    /// A text without demonstrations has too little to lay out.
    fn applies(&self, input: &OperatorInput<'_>) -> bool {
        !input.text.demonstrations.is_empty()
    }

    fn begin(&self, input: &OperatorInput<'_>, random: &mut dyn Rng) -> Result<Begun, Unusable> {
        let layout = neighbours(input).choose(random).copied().unwrap_or(input.module.layout);
        Ok(Begun::Text(input.with_layout(input.text.clone(), layout)))
    }
}

/// Returns the layouts that differ from the text's in one part. The names of the fields always stay: in measurements, values
/// without names were never better.
fn neighbours(input: &OperatorInput<'_>) -> Vec<program::Layout> {
    let present = input.module.layout_of(input.text);
    let instruction = match present.instruction {
        Turn::User => Turn::System,
        Turn::System | Turn::Below => Turn::User,
    };
    let examples = if present.examples == Examples::Turns { Examples::Text } else { Examples::Turns };
    let answer = if present.answer == Cue::Begun { Cue::Label } else { Cue::Begun };
    let mut neighbours = vec![program::Layout { instruction, ..present }, program::Layout { answer, ..present }];
    if !input.text.demonstrations.is_empty() {
        neighbours.push(program::Layout { examples, ..present });
    }
    neighbours
}

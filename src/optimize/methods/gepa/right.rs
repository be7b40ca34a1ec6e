//! Calls on training examples that are worth showing: worked examples for modules that read what others wrote, or whose outputs
//! no data names.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::data::Example;
use crate::evaluate::Scored;
use crate::optimize::reflection::demonstrations::{correct_call, corrected_call};
use crate::optimize::reflection::profile::{OutputProfile, ValueKind};
use crate::program::{Candidate, Demonstration, Program};

/// The most that are kept of a module; the oldest make way.
const MOST: usize = 32;

/// Calls with right answers, by module and by whether it reasoned.
#[derive(Debug, Default)]
pub struct Right(BTreeMap<(usize, bool), Vec<Demonstration>>);

impl Right {
    /// Takes note of what was right in a candidate's rollouts on examples, and of what should have been said in place of what was
    /// not. Of an example, the latest call stays. `profiles` has what is known of each module's outputs.
    pub fn learn<'a>(
        &mut self,
        program: &Program,
        profiles: &[Vec<OutputProfile>],
        candidate: &Candidate,
        examples: impl Iterator<Item = &'a Example> + Clone,
        answers: &[Option<Arc<Scored>>],
    ) {
        let rollouts = examples.zip(answers).filter_map(|(example, answer)| Some((example, answer.as_deref()?)));
        for (index, (module, text)) in program.modules.iter().zip(&candidate.0).enumerate() {
            let kept = self.0.entry((index, text.reasoning)).or_default();
            let profile = profiles.get(index).map_or(&[][..], Vec::as_slice);
            let of_a_set = |name: &str| {
                profile.iter().any(|output| output.name == name && matches!(output.kind, ValueKind::Set(_) | ValueKind::Flag))
            };
            let right = |(example, scored): (&Example, &Scored)| {
                correct_call(module, text, example, scored).or_else(|| corrected_call(module, text, example, scored, &of_a_set))
            };
            for call in rollouts.clone().filter_map(right) {
                kept.retain(|other| other.id != call.id);
                kept.push(call);
            }
            kept.drain(..kept.len().saturating_sub(MOST));
        }
    }

    /// Calls of a module, the latest last.
    #[must_use]
    pub fn of(&self, module: usize, reasoning: bool) -> &[Demonstration] {
        self.0.get(&(module, reasoning)).map_or(&[], Vec::as_slice)
    }
}

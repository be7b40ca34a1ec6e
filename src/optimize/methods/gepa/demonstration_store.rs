//! Demonstrations that are taken from rollouts on training examples. A module that reads outputs of other modules, or
//! whose outputs no field of the data names, has no demonstrations in the data.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::data::Example;
use crate::evaluate::Scored;
use crate::optimize::reflection::demonstrations::{correct_call, corrected_call};
use crate::optimize::reflection::profile::{OutputProfile, ValueKind};
use crate::program::{Candidate, Demonstration, ModuleIndex, Program};

/// The most demonstrations that are kept of one module with one reasoning setting; the oldest are dropped first.
const MOST_DEMONSTRATIONS: usize = 32;

/// The demonstrations gathered so far, by module and by whether the module reasoned before its answer.
#[derive(Debug, Default)]
pub struct DemonstrationStore(BTreeMap<(ModuleIndex, bool), Vec<Demonstration>>);

impl DemonstrationStore {
    /// Adds a demonstration of each module for each example on which the module's answer was right, or on which the right
    /// answer is known. Of several for one example, the latest stays. `answers` are the rollouts of `candidate` on
    /// `examples` in the same order, None where there was no rollout; `profiles` has the profiles of each module's
    /// outputs, in the program's order.
    pub fn record<'a>(
        &mut self,
        program: &Program,
        profiles: &[Vec<OutputProfile>],
        candidate: &Candidate,
        examples: impl Iterator<Item = &'a Example> + Clone,
        answers: &[Option<Arc<Scored>>],
    ) {
        let rollouts = examples.zip(answers).filter_map(|(example, answer)| Some((example, answer.as_deref()?)));
        for (index, (module, text)) in program.modules.iter().zip(&candidate.0).enumerate() {
            let kept = self.0.entry((ModuleIndex(index), text.reasoning)).or_default();
            let profile = profiles.get(index).map_or(&[][..], Vec::as_slice);
            let has_closed_values = |name: &str| {
                profile.iter().any(|output| output.name == name && matches!(output.kind, ValueKind::Set(_) | ValueKind::Flag))
            };
            let demonstration = |(example, scored): (&Example, &Scored)| {
                correct_call(module, text, example, scored)
                    .or_else(|| corrected_call(module, text, example, scored, &has_closed_values))
            };
            for demonstration in rollouts.clone().filter_map(demonstration) {
                kept.retain(|other| other.id != demonstration.id);
                kept.push(demonstration);
            }
            kept.drain(..kept.len().saturating_sub(MOST_DEMONSTRATIONS));
        }
    }

    /// Returns the demonstrations of a module for texts with this reasoning setting, the latest last.
    #[must_use]
    pub fn for_module(&self, module: ModuleIndex, reasoning: bool) -> &[Demonstration] {
        self.0.get(&(module, reasoning)).map_or(&[], Vec::as_slice)
    }
}

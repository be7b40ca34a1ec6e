//! What candidates got right on training examples: worked examples for modules whose outputs no data names.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::data::Example;
use crate::journal::Scored;
use crate::optimize::demonstrations::succeeded;
use crate::program::{Candidate, Demonstration, Program};

/// The most that are kept of a module; the oldest make way.
const MOST: usize = 32;

/// Right calls, by module and by whether it reasoned.
#[derive(Debug, Default)]
pub struct Right(BTreeMap<(usize, bool), Vec<Demonstration>>);

impl Right {
    /// Takes note of what was right in a candidate's rollouts on examples. Of an example, the latest call stays.
    pub fn learn<'a>(
        &mut self,
        program: &Program,
        candidate: &Candidate,
        examples: impl Iterator<Item = &'a Example> + Clone,
        answers: &[Option<Arc<Scored>>],
    ) {
        let rollouts = examples.zip(answers).filter_map(|(example, answer)| Some((example, answer.as_deref()?)));
        for (index, (module, text)) in program.modules.iter().zip(&candidate.0).enumerate() {
            let kept = self.0.entry((index, text.reasoning)).or_default();
            for call in rollouts.clone().filter_map(|(example, scored)| succeeded(module, text, example, scored)) {
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

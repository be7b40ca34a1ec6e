//! Counts what became of the reflections, by listening.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::Event;

/// What became of the reflections.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Asked.
    pub asked: u64,
    /// Those that brought no prompt to try, by reason.
    pub unusable: BTreeMap<&'static str, u64>,
    /// Prompts that did not win their minibatch.
    pub rejected: u64,
    /// Prompts that did, and joined the pool.
    pub accepted: u64,
    /// Minibatches on which the parent was perfect: no reflection was asked.
    pub perfect_minibatches: u64,
}

impl Tally {
    /// Takes note of an event.
    pub fn hear(&mut self, event: &Event) {
        match event {
            Event::Reflecting { .. } => self.asked += 1,
            Event::Unusable { reason, .. } => *self.unusable.entry(reason).or_default() += 1,
            Event::Rejected { .. } => self.rejected += 1,
            Event::Accepted { iteration: 1.., .. } => self.accepted += 1,
            Event::Perfect { .. } => self.perfect_minibatches += 1,
            _ => {}
        }
    }
}

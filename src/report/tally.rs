//! Counts what became of reflections and merges, by listening.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::Event;

/// What became of the reflections, and of merges.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Asked.
    pub asked: u64,
    /// Those that brought no prompt to try, by reason.
    pub unusable: BTreeMap<&'static str, u64>,
    /// Proposals that did not pass their minibatch.
    pub rejected: u64,
    /// Proposals that passed, but less clearly than another of their iteration.
    pub passed_over: u64,
    /// Proposals that joined the pool.
    pub accepted: u64,
    /// Minibatches on which a parent was perfect: no reflection was asked.
    pub perfect_minibatches: u64,
    /// Merged candidates that joined the pool.
    #[serde(skip)]
    pub merges: u64,
    /// Merged candidates that did not pass their gate.
    #[serde(skip)]
    pub merges_rejected: u64,
}

impl Tally {
    /// Takes note of an event.
    pub fn hear(&mut self, event: &Event) {
        match event {
            Event::Reflecting { .. } => self.asked += 1,
            Event::Unusable { reason, .. } => *self.unusable.entry(reason).or_default() += 1,
            Event::Rejected { .. } => self.rejected += 1,
            Event::PassedOver { .. } => self.passed_over += 1,
            Event::Accepted { parents, .. } => match parents.len() {
                0 => {}
                1 => self.accepted += 1,
                _ => self.merges += 1,
            },
            Event::MergeRejected { .. } => self.merges_rejected += 1,
            Event::Perfect { .. } => self.perfect_minibatches += 1,
            _ => {}
        }
    }
}

//! Counts what became of reflections and merges, by listening.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::Event;

/// What became of the reflections, and of merges.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Proposals that a reflector was asked for, second times included.
    pub asked: u64,
    /// Attempts that brought no text to try, by reason.
    pub unusable: BTreeMap<&'static str, u64>,
    /// Proposals that went to the gate.
    pub proposed: u64,
    /// Proposals that did not pass their minibatch.
    pub rejected: u64,
    /// Proposals that passed, but less clearly than another of their iteration.
    pub passed_over: u64,
    /// Proposals that joined the pool.
    pub accepted: u64,
    /// The same by operator.
    pub operators: BTreeMap<&'static str, OperatorTally>,
    #[serde(skip)]
    pub(super) of_proposal: BTreeMap<usize, Vec<&'static str>>,
    /// Minibatches on which a parent was perfect: no reflection was asked.
    pub perfect_minibatches: u64,
    /// Merged candidates that joined the pool.
    #[serde(skip)]
    pub merges: u64,
    /// Merged candidates that did not pass their gate.
    #[serde(skip)]
    pub merges_rejected: u64,
}

/// What became of an operator's proposals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OperatorTally {
    /// Attempts that brought no text to try.
    pub unusable: u64,
    /// Proposals that went to the gate.
    pub proposed: u64,
    /// Those that passed it.
    pub passed: u64,
}

impl Tally {
    /// Takes note of an event.
    pub fn hear(&mut self, event: &Event) {
        match event {
            Event::Reflecting { .. } => self.asked += 1,
            Event::Unusable { reason, operator, .. } => {
                *self.unusable.entry(reason).or_default() += 1;
                self.operators.entry(operator).or_default().unusable += 1;
            }
            Event::Proposed { proposal, operators, .. } => {
                self.proposed += 1;
                let names: Vec<&'static str> = operators.iter().map(|(_, operator)| *operator).collect();
                names.iter().for_each(|name| self.operators.entry(name).or_default().proposed += 1);
                self.of_proposal.insert(*proposal, names);
            }
            Event::Passed { proposal, .. } => {
                for name in self.of_proposal.get(proposal).into_iter().flatten() {
                    self.operators.entry(name).or_default().passed += 1;
                }
            }
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

//! Counts what became of reflections and merges, by listening.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::evaluate::Scores;
use crate::event::Event;

/// What became of the reflections, and of merges.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Tally {
    /// Proposals that a reflector was asked for, second times included.
    pub asked: u64,
    /// Attempts that brought no text to try, by reason.
    pub unusable: BTreeMap<&'static str, u64>,
    /// Proposals that went to the gate.
    pub proposed: u64,
    /// Proposals that were scored on a part of the data, by methods that compare them on that.
    #[serde(skip_serializing_if = "crate::engine::is_zero")]
    pub tried: u64,
    /// The score after each trial, of a method that attempts examples again: of answers, not of a prompt.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trials: Vec<f64>,
    /// Proposals that did not pass their minibatch.
    pub rejected: u64,
    /// Proposals that passed, but less clearly than another of their iteration.
    pub passed_over: u64,
    /// Proposals that joined the pool.
    pub accepted: u64,
    /// The same by operator.
    pub operators: BTreeMap<&'static str, Record>,
    /// The same by reflector, of the operators that ask one.
    pub reflectors: BTreeMap<String, Record>,
    /// The operators of an iteration's proposals, and the reflector where one was asked.
    #[serde(skip)]
    pub(crate) of_proposal: BTreeMap<usize, Origin>,
    /// The same by the candidate's key: some methods validate what was proposed long ago.
    #[serde(skip)]
    pub(crate) of_key: BTreeMap<String, Origin>,
    /// The candidates' scores on the validation examples.
    #[serde(skip)]
    pub(crate) scores: Vec<Scores>,
    /// Whether any rollout scored anything.
    #[serde(skip)]
    pub(crate) anything: bool,
    /// Minibatches on which a parent was perfect: no reflection was asked.
    pub perfect_minibatches: u64,
    /// Merged candidates that joined the pool.
    #[serde(skip)]
    pub merges: u64,
    /// Merged candidates that did not pass their gate.
    #[serde(skip)]
    pub merges_rejected: u64,
}

/// The operators that made a proposal, and the reflector where one was asked.
pub(crate) type Origin = (Vec<&'static str>, Option<String>);

/// What became of the proposals of an operator or a reflector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Attempts that brought no text to try.
    pub unusable: u64,
    /// Proposals that went to the gate.
    pub proposed: u64,
    /// Those that passed it.
    pub passed: u64,
    /// Those that were validated in full and better than their parents.
    pub better: u64,
}

impl Tally {
    /// Takes note of an event.
    pub fn hear(&mut self, event: &Event) {
        match event {
            Event::Iteration { .. } => self.of_proposal.clear(),
            Event::Evaluated { mean, .. } => self.anything |= *mean > Some(0.0),
            Event::Reflecting { proposal, reflector, .. } => {
                self.asked += 1;
                self.of_proposal.entry(*proposal).or_default().1 = Some(reflector.clone());
            }
            Event::Unusable { reason, operator, proposal, .. } => {
                *self.unusable.entry(reason).or_default() += 1;
                self.operators.entry(operator).or_default().unusable += 1;
                let origin = self.origin(*proposal);
                self.of_reflector(&origin, |tally| tally.unusable += 1);
            }
            Event::Proposed { proposal, operators, key, .. } => {
                self.proposed += 1;
                let names: Vec<&'static str> = operators.iter().map(|(_, operator)| *operator).collect();
                names.iter().for_each(|name| self.operators.entry(name).or_default().proposed += 1);
                let origin = self.of_proposal.entry(*proposal).or_default();
                origin.0 = names;
                let origin = origin.clone();
                self.of_key.insert(key.clone(), origin.clone());
                self.of_reflector(&origin, |tally| tally.proposed += 1);
            }
            Event::Passed { proposal, .. } => {
                let origin = self.origin(*proposal);
                self.of_operators(&origin, |tally| tally.passed += 1);
                self.of_reflector(&origin, |tally| tally.passed += 1);
            }
            Event::Tried { .. } => self.tried += 1,
            Event::Attempted { mean, .. } => self.trials.push(*mean),
            Event::Rejected { .. } => self.rejected += 1,
            Event::PassedOver { .. } => self.passed_over += 1,
            Event::Accepted { parents, scores, complete, key, .. } => {
                let scores = Scores::from_list(scores.iter().copied());
                match parents.as_slice() {
                    [] => {}
                    [parent] => {
                        self.accepted += 1;
                        if *complete && self.scores.get(*parent).is_some_and(|parent| scores.lead(parent) > 0.0) {
                            let origin = self.of_key.get(key).cloned().unwrap_or_default();
                            self.of_operators(&origin, |tally| tally.better += 1);
                            self.of_reflector(&origin, |tally| tally.better += 1);
                        }
                    }
                    _ => self.merges += 1,
                }
                self.scores.push(scores);
            }
            Event::MergeRejected { .. } => self.merges_rejected += 1,
            Event::Perfect { .. } => self.perfect_minibatches += 1,
            _ => {}
        }
    }

    fn origin(&self, proposal: usize) -> Origin {
        self.of_proposal.get(&proposal).cloned().unwrap_or_default()
    }

    /// Counts for the operators of a proposal.
    fn of_operators(&mut self, (names, _): &Origin, count: impl Fn(&mut Record)) {
        names.iter().for_each(|name| count(self.operators.entry(name).or_default()));
    }

    /// Counts for the reflector of a proposal, where one was asked.
    fn of_reflector(&mut self, (_, reflector): &Origin, count: impl FnOnce(&mut Record)) {
        if let Some(reflector) = reflector {
            count(self.reflectors.entry(reflector.clone()).or_default());
        }
    }
}

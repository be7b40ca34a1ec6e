//! Counts of what became of the proposals and merges of a run.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::evaluate::Scores;
use crate::event::Decision;
use crate::program::PoolIndex;

/// Counts of what became of the proposals and merges of a run. `summary.json` has it as `reflections`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Tally {
    /// The number of texts that reflectors were asked for, second attempts included.
    pub asked: u64,
    /// The number of attempts that brought no text to try, by reason.
    pub unusable: BTreeMap<&'static str, u64>,
    /// The number of proposed candidates.
    pub proposed: u64,
    /// The number of times that a proposal was scored on a part of the data, by optimizers that compare proposals that way.
    #[serde(skip_serializing_if = "crate::engine::is_zero")]
    pub tried: u64,
    /// The mean score after each trial of an optimizer that attempts examples again. These are scores of single answers, not
    /// of a prompt.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trials: Vec<f64>,
    /// The number of proposals that failed the gate.
    pub rejected: u64,
    /// The number of proposals that passed the gate but gained less than another one of their iteration.
    pub passed_over: u64,
    /// The number of proposals that joined the pool.
    pub accepted: u64,
    /// Counts by operator, or by step of another optimizer than `gepa`.
    pub operators: BTreeMap<&'static str, OriginCounts>,
    /// Counts by reflector, of the proposals for which one was asked.
    pub reflectors: BTreeMap<String, OriginCounts>,
    /// Where the current iteration's proposals come from, by the proposal's number.
    #[serde(skip)]
    pub(crate) by_proposal: BTreeMap<usize, ProposalSource>,
    /// Where all proposals come from, by the candidate's key. Some optimizers validate what was proposed in an earlier iteration.
    #[serde(skip)]
    pub(crate) by_key: BTreeMap<String, ProposalSource>,
    /// The scores of the pool's candidates on the validation examples.
    #[serde(skip)]
    pub(crate) scores: Vec<Scores>,
    /// Whether any wave of rollouts had a mean score above 0.
    #[serde(skip)]
    pub has_scored: bool,
    /// The number of minibatches on which a parent was perfect, so that no proposal was made.
    pub perfect_minibatches: u64,
    /// The number of iterations that began.
    #[serde(skip)]
    pub iterations: u64,
    /// The number of merged candidates that joined the pool.
    #[serde(skip)]
    pub merges: u64,
    /// The number of merged candidates that failed the gate.
    #[serde(skip)]
    pub merges_rejected: u64,
}

/// Where a proposal comes from.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ProposalSource {
    /// The names of the operators that changed its modules, one for each changed module.
    operators: Vec<&'static str>,
    /// The name of the reflector that was asked last. None where none was asked.
    reflector: Option<String>,
}

/// Counts of what became of the proposals of one operator or one reflector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OriginCounts {
    /// The number of attempts that brought no text to try.
    pub unusable: u64,
    /// The number of proposed candidates.
    pub proposed: u64,
    /// The number of those that passed the gate.
    pub passed: u64,
    /// The number of those that were validated in full and scored more than their parent.
    pub better: u64,
}

impl Tally {
    /// Counts the next decision.
    pub fn record(&mut self, decision: &Decision) {
        match decision {
            Decision::Iteration { .. } => {
                self.iterations += 1;
                self.by_proposal.clear();
            }
            Decision::Reflecting { proposal, reflector, .. } => {
                self.asked += 1;
                self.by_proposal.entry(*proposal).or_default().reflector = Some(reflector.clone());
            }
            Decision::Unusable { reason, operator, proposal, .. } => {
                *self.unusable.entry(reason.text()).or_default() += 1;
                self.operators.entry(operator.name()).or_default().unusable += 1;
                let source = self.source(*proposal);
                self.count_for_reflector(&source, |counts| counts.unusable += 1);
            }
            Decision::Proposed { proposal, operators, key, .. } => {
                self.proposed += 1;
                let source = self.by_proposal.entry(*proposal).or_default();
                source.operators = operators.iter().map(|(_, operator)| operator.name()).collect();
                let source = source.clone();
                self.count(&source, |counts| counts.proposed += 1);
                self.by_key.insert(key.clone(), source);
            }
            Decision::Passed { proposal, .. } => {
                let source = self.source(*proposal);
                self.count(&source, |counts| counts.passed += 1);
            }
            Decision::Tried { .. } => self.tried += 1,
            Decision::Attempted { mean, .. } => self.trials.push(*mean),
            Decision::Rejected { .. } => self.rejected += 1,
            Decision::PassedOver { .. } => self.passed_over += 1,
            Decision::Accepted { parents, scores, complete, key, .. } => self.record_accepted(parents, scores, *complete, key),
            Decision::MergeRejected { .. } => self.merges_rejected += 1,
            Decision::Perfect { .. } => self.perfect_minibatches += 1,
            _ => {}
        }
    }

    /// Records the mean score of a wave of rollouts. None where no rollout of the wave was scored.
    pub fn record_mean(&mut self, mean: Option<f64>) {
        self.has_scored |= mean > Some(0.0);
    }

    /// Counts a candidate that joined the pool, with its score on each validation example.
    fn record_accepted(&mut self, parents: &[PoolIndex], scores: &[Option<f64>], is_complete: bool, key: &str) {
        let scores = Scores::from_list(scores.iter().copied());
        match parents {
            [] => {}
            [parent] => {
                self.accepted += 1;
                if is_complete && self.scores.get(parent.0).is_some_and(|parent| scores.lead(parent) > 0.0) {
                    let source = self.by_key.get(key).cloned().unwrap_or_default();
                    self.count(&source, |counts| counts.better += 1);
                }
            }
            _ => self.merges += 1,
        }
        self.scores.push(scores);
    }

    fn source(&self, proposal: usize) -> ProposalSource {
        self.by_proposal.get(&proposal).cloned().unwrap_or_default()
    }

    /// Counts for each operator of a proposal, and for its reflector where one was asked.
    fn count(&mut self, source: &ProposalSource, count: impl Fn(&mut OriginCounts)) {
        source.operators.iter().for_each(|name| count(self.operators.entry(name).or_default()));
        self.count_for_reflector(source, count);
    }

    /// Counts for the reflector of a proposal, where one was asked.
    fn count_for_reflector(&mut self, source: &ProposalSource, count: impl FnOnce(&mut OriginCounts)) {
        if let Some(reflector) = &source.reflector {
            count(self.reflectors.entry(reflector.clone()).or_default());
        }
    }
}

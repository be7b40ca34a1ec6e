//! What a journal holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::data::Example;
use crate::data::split::Split;
use crate::engine::{Completion, Usage};
use crate::metric::Judgement;
use crate::program::{Candidate, Rollout};

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Record {
    /// The first line: what every later one depends on.
    Header {
        /// Of the format.
        version: u32,
        /// Of the run: plan, data, models, build, shape of the engine's work.
        fingerprint: BTreeMap<String, String>,
    },
    /// One sub-wave of rollouts.
    Rollouts {
        /// What was asked for.
        ask: RolloutAsk,
        /// The answers, in the order of the examples.
        rollouts: Vec<Scored>,
        /// What they took.
        cost: Cost,
    },
    /// One list of reflections.
    Reflections {
        /// A hash of the requests.
        ask: String,
        /// The answers, in order.
        completions: Vec<Completion>,
        /// What they took.
        cost: Cost,
    },
    /// A decision of the optimizer: an event, which the replayed optimizer must repeat.
    Note {
        /// The event.
        event: serde_json::Value,
    },
    /// One sub-wave of a test evaluation, found again by its key.
    Test {
        /// Candidate and place of the sub-wave.
        key: String,
        /// What was asked for.
        ask: RolloutAsk,
        /// The answers, in the order of the examples.
        rollouts: Vec<Scored>,
        /// What they took.
        cost: Cost,
    },
}

/// A sub-wave that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutAsk {
    /// The data.
    pub split: Split,
    /// The candidate's key.
    pub candidate: String,
    /// Ids of the examples, in order.
    pub examples: Vec<String>,
}

impl RolloutAsk {
    /// Asks for rollouts of `candidate` on `examples`.
    #[must_use]
    pub fn new(split: Split, candidate: &Candidate, examples: &[&Example]) -> Self {
        Self { split, candidate: candidate.key(), examples: examples.iter().map(|e| e.id.clone()).collect() }
    }
}

impl std::fmt::Display for RolloutAsk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rollouts of candidate {} on {} [{}]", self.candidate, self.split, self.examples.join(", "))
    }
}

/// A rollout and what was said of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// The trace.
    pub rollout: Rollout,
    /// The verdict.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What a metric said, if it could say anything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// A score and feedback.
    Judged(Judgement),
    /// The metric failed twice, and how.
    Unscored(String),
}

impl Scored {
    /// The score, from 0 to 1; None where the metric failed.
    #[must_use]
    pub fn score(&self) -> Option<f64> {
        match &self.verdict {
            Verdict::Judged(judgement) => Some(judgement.score),
            Verdict::Unscored(_) => None,
        }
    }
}

/// What a record took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Tokens.
    pub usage: Usage,
    /// Seconds in the engine.
    pub engine: f64,
    /// Seconds in the metric.
    pub metric: f64,
    /// Seconds of work since the run began, when the record was written: the run's clock.
    pub elapsed: f64,
}

//! A rollout with the metric's verdict on it, and what a sub-wave of rollouts cost.

use serde::{Deserialize, Serialize};

use crate::engine::Usage;
use crate::metric::Judgement;
use crate::program::Rollout;

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
    /// How near the answer comes to the right one: its score, or what the metric says of a wrong one.
    #[must_use]
    pub fn closeness(&self) -> f64 {
        self.judgement().map_or(0.0, |judgement| judgement.closeness.unwrap_or(judgement.score))
    }

    /// The score, from 0 to 1; None where the metric failed.
    #[must_use]
    pub fn score(&self) -> Option<f64> {
        self.judgement().map(|judgement| judgement.score)
    }

    /// What the metric said; None where it failed.
    #[must_use]
    pub fn judgement(&self) -> Option<&Judgement> {
        match &self.verdict {
            Verdict::Judged(judgement) => Some(judgement),
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
    /// Seconds in the engine for the metric's questions; no part of `engine`.
    #[serde(default)]
    pub judge: f64,
    /// Seconds in the metric itself.
    pub metric: f64,
    /// Seconds of work since the run began, when the record was written: the run's clock.
    pub elapsed: f64,
}

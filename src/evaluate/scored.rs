//! A rollout with the metric's verdict, and the cost of a list of rollouts.

use serde::{Deserialize, Serialize};

use crate::engine::Usage;
use crate::metric::Judgement;
use crate::program::trace::Rollout;

/// A rollout and the metric's verdict on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// The trace of the rollout.
    pub rollout: Rollout,
    /// The metric's verdict.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// A judgement, or the reason why the metric gave none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The metric's judgement.
    Judged(Judgement),
    /// The metric failed twice; the last error.
    Unscored(String),
}

impl Scored {
    /// Returns how near the answer comes to the right one, in [0, 1]: the judgement's closeness if it has one, otherwise the score;
    /// 0 if the metric failed.
    #[must_use]
    pub fn closeness(&self) -> f64 {
        self.judgement().map_or(0.0, |judgement| judgement.closeness.unwrap_or(judgement.score))
    }

    /// Returns the score, in [0, 1]; None if the metric failed.
    #[must_use]
    pub fn score(&self) -> Option<f64> {
        self.judgement().map(|judgement| judgement.score)
    }

    /// Returns the metric's judgement; None if the metric failed.
    #[must_use]
    pub fn judgement(&self) -> Option<&Judgement> {
        match &self.verdict {
            Verdict::Judged(judgement) => Some(judgement),
            Verdict::Unscored(_) => None,
        }
    }
}

/// The cost of a list of rollouts or reflections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Tokens of all requests.
    pub usage: Usage,
    /// Seconds in the engine, without the metric's requests.
    pub engine: f64,
    /// Seconds in the engine for the metric's requests.
    #[serde(default)]
    pub judge: f64,
    /// Seconds in the metric itself.
    pub metric: f64,
    /// In a record of the search: seconds of work from the start of the run until the record was written. In a record of a test
    /// evaluation, and in a sum of costs: seconds that the rollouts took.
    pub elapsed: f64,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.usage += other.usage;
        self.engine += other.engine;
        self.judge += other.judge;
        self.metric += other.metric;
        self.elapsed += other.elapsed;
    }
}

/// Scored rollouts in the order of their requests, and what they cost.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScoredRollouts {
    /// The rollouts with their verdicts.
    pub scored: Vec<Scored>,
    /// Their cost.
    pub cost: Cost,
}

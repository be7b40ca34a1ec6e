//! Why a rollout could not be scored.

use crate::data::Example;

/// Why a metric has no judgement on a rollout. It says nothing about the answer's quality.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MetricError {
    /// The example lacks the field that the metric compares with, or the field has a wrong form.
    #[error("example `{id}`: {cause}")]
    Example {
        /// The example's id.
        id: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The metric returned a score or an objective outside [0, 1].
    #[error("example `{id}`: {what} is {score}, not a number from 0 to 1")]
    Range {
        /// The example's id.
        id: String,
        /// What is outside, as "the score" or "the objective `x`".
        what: String,
        /// The score that was returned.
        score: f64,
    },
    /// The model or program that the metric asked gave an answer that cannot be read.
    #[error("example `{id}`: {cause}")]
    Unreadable {
        /// The example's id.
        id: String,
        /// What was wrong with the answer.
        cause: String,
    },
    /// The metric's program reported an error for this answer, or crashed because an output is missing. If this happens twice for
    /// an answer that ended normally but lacks outputs, the score is 0 and the rollout is not unscored.
    #[error("example `{id}`: {cause}")]
    Stumbled {
        /// The example's id.
        id: String,
        /// What the program reported.
        cause: String,
    },
    /// A metric that a user of the library wrote has failed.
    #[error("{0}")]
    Other(String),
}

impl MetricError {
    /// Creates an error about an example.
    #[must_use]
    pub fn example(example: &Example, cause: impl Into<String>) -> Self {
        Self::Example { id: example.id.clone(), cause: cause.into() }
    }
}

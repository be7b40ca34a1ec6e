//! Runs candidates on examples and scores the rollouts.

pub mod evaluator;
pub mod failures;
mod scored;
pub mod scores;

pub use scored::{Cost, Scored, Verdict};
pub use scores::Scores;

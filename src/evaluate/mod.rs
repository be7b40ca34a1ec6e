//! Runs candidates on examples and scores the rollouts.

pub mod evaluator;
pub mod failures;
mod scored;

pub use scored::{Cost, Scored, Verdict};

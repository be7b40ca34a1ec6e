//! Evaluation: runs candidates on examples and scores the rollouts.

pub mod answer_cache;
pub mod evaluator;
pub mod failures;
pub mod prediction;
pub mod ranking;
pub mod request;
pub mod scored;
pub mod scores;
pub mod unscored;
pub mod waves;

pub use prediction::Prediction;
pub use request::RolloutRequest;
pub use scored::{Cost, Scored, ScoredRollouts, Verdict};
pub use scores::Scores;

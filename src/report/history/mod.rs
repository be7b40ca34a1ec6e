//! The history of a run, as its journal has it: the candidates, what was tried, and every rollout.

mod builder;
mod iteration;
mod read;
mod rollouts;
mod run_history;

pub use self::iteration::{Chat, Fate, Iteration, Proposal, Reflection, UnusableText};
pub use self::rollouts::{CandidateRollouts, RolloutOwner, ScoredRollout, SeenExample, TraceStep};
pub use self::run_history::{History, PoolCandidate, RunEnd, split_index};

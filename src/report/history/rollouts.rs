//! The rollouts of a run, with their long texts replaced by references to a table.

use serde::Serialize;

use crate::data::split::Split;
use crate::report::texts::Text;

/// All rollouts of one candidate.
#[derive(Debug, Clone)]
pub struct CandidateRollouts {
    /// The candidate's key in the journal.
    pub key: String,
    /// The candidate.
    pub owner: RolloutOwner,
    /// The rollouts, in the order of the journal.
    pub rollouts: Vec<ScoredRollout>,
}

/// The candidate that rollouts belong to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutOwner {
    /// A candidate that no decision names yet.
    #[default]
    Unknown,
    /// The candidate with this pool index.
    Candidate(usize),
    /// A proposal that did not join the pool: the number of its iteration, and its number within the iteration.
    Proposal(u64, usize),
    /// A merged candidate that did not join the pool: the number of its iteration.
    Merge(u64),
}

/// An example that was run.
#[derive(Debug, Clone)]
pub struct SeenExample {
    /// The id of the example.
    pub id: String,
    /// The inputs of the first step, each with the name of its field.
    pub inputs: Vec<(Text, Text)>,
}

/// A rollout with its verdict.
#[derive(Debug, Clone)]
pub struct ScoredRollout {
    /// The part of the data that the example is from.
    pub split: Split,
    /// The index of the example in [`History::examples`](super::History::examples) of its split.
    pub example: usize,
    /// The score in [0, 1]. None where the metric failed.
    pub score: Option<f64>,
    /// The feedback of the metric, or the error message with which it failed.
    pub feedback: Text,
    /// The feedback for single modules, each with the module's name.
    pub module_feedback: Vec<(Text, Text)>,
    /// The score in [0, 1] of each objective, with its name.
    pub objectives: Vec<(Text, f64)>,
    /// Why the program failed. None where it did not.
    pub failure: Option<Text>,
    /// The steps of the trace, in order.
    pub steps: Vec<TraceStep>,
}

/// A step of a rollout's trace: one call of a module, or a step that asks no model.
#[derive(Debug, Clone)]
pub struct TraceStep {
    /// The name of the module or step.
    pub module: Text,
    /// The inputs, each with the name of its field.
    pub inputs: Vec<(Text, Text)>,
    /// The model's answer, unchanged.
    pub answer: Text,
    /// How the answer ended: "cut off", or "refused" with the cause. None where the model ended it.
    pub ended: Option<Text>,
    /// The outputs that were read from the answer, each with the name of its field.
    pub outputs: Vec<(Text, Text)>,
    /// What is wrong with the answer's format. None where nothing is.
    pub problem: Option<Text>,
    /// The keys of the passages that the step retrieved.
    pub retrieved: Vec<Text>,
    /// The numbers of prompt tokens computed, prompt tokens reused, and answer tokens generated.
    pub tokens: [u64; 3],
    /// The seconds that the step took.
    pub seconds: f64,
}

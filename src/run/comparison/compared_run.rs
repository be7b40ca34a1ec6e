//! One run of a comparison.

use std::path::PathBuf;

use serde::Serialize;

use super::model_calls::CallsByModel;
use crate::report::Summary;

/// One run of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparedRun {
    /// The name of the optimizer, or of the variant of GEPA.
    pub optimizer: &'static str,
    /// The run's seed.
    pub seed: u64,
    /// The run directory.
    pub run: PathBuf,
    /// The best candidate's score on each validation example; None if the metric failed on it.
    pub validation: Vec<Option<f64>>,
    /// The best candidate's score on each test example; None if the metric failed on it. Empty if the task has no test examples.
    pub test: Vec<Option<f64>>,
    /// The best mean on the validation examples so far, each time it rose: the rollouts charged until then, and the mean.
    pub curve: Vec<(u64, f64)>,
    /// Tokens that the search read and wrote, without those of the test evaluations.
    pub tokens: u64,
    /// What the search asked each model.
    pub models: CallsByModel,
    /// The figures of the run.
    pub summary: Summary,
}

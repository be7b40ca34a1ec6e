//! Why a run ended without a result.

use crate::config::ConfigError;
use crate::data::DataError;
use crate::engine::EngineError;
use crate::evaluate::failures::TooManyFailures;
use crate::metric::MetricError;
use crate::models::ModelFileError;
use crate::run_directory::RunDirectoryError;

/// Any error of a run. Each kind has its exit code on the command line.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The task file.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The plan cannot be carried out, though it is well formed.
    #[error("{0}")]
    Plan(String),
    /// The examples.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A model file that is not where it should be.
    #[error(transparent)]
    ModelFile(#[from] ModelFileError),
    /// A model or llama.cpp.
    #[error(transparent)]
    Engine(EngineError),
    /// The metric can judge nothing on this machine.
    #[error("the metric cannot be used here: {0}")]
    Unready(#[from] MetricError),
    /// The metric failed on too many rollouts.
    #[error(transparent)]
    Metric(#[from] TooManyFailures),
    /// The run directory.
    #[error(transparent)]
    RunDirectory(#[from] RunDirectoryError),
    /// The user stopped it. The journal is whole; the same command goes on from there.
    #[error("interrupted")]
    Interrupted,
}

impl From<EngineError> for RunError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Interrupted => Self::Interrupted,
            other => Self::Engine(other),
        }
    }
}

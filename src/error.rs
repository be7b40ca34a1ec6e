//! Why a run ends without a result.

use crate::config::ConfigError;
use crate::data::DataError;
use crate::engine::EngineError;
use crate::evaluate::failures::TooManyFailures;
use crate::metric::MetricError;
use crate::models::ModelFileError;
use crate::run_directory::RunDirectoryError;

/// Why a run, an evaluation or a comparison ends without a result. On the command line each kind has its own exit code.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The task file is not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The plan is valid, but it cannot be carried out, for example because its budget is too small.
    #[error("{0}")]
    Plan(String),
    /// The data cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A model file cannot be found or used.
    #[error(transparent)]
    ModelFile(#[from] ModelFileError),
    /// A model or llama.cpp failed.
    #[error(transparent)]
    Engine(EngineError),
    /// The metric cannot judge anything on this machine, for example because a program that it needs is missing.
    #[error("the metric cannot be used here: {0}")]
    Unready(#[from] MetricError),
    /// The metric failed on too many rollouts.
    #[error(transparent)]
    Metric(#[from] TooManyFailures),
    /// The run directory cannot be used.
    #[error(transparent)]
    RunDirectory(#[from] RunDirectoryError),
    /// The user stopped the run. The journal is complete, and the same command resumes the run.
    #[error("interrupted")]
    Interrupted,
}

impl RunError {
    /// Returns the exit code that the command line has for this kind of error. docs/command-line.md lists them.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Plan(_) => 2,
            Self::Data(_) => 3,
            Self::ModelFile(_) | Self::Engine(_) => 4,
            Self::Metric(_) | Self::Unready(_) => 5,
            Self::RunDirectory(_) => 6,
            Self::Interrupted => 130,
        }
    }
}

impl From<EngineError> for RunError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Interrupted => Self::Interrupted,
            other => Self::Engine(other),
        }
    }
}

//! The ways in which an engine fails.

use std::path::PathBuf;

use super::memory::TooLarge;

/// A failure that ends a call of the engine. A request that is refused is not an error but a completion.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The caller's progress function asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// A model file cannot be used.
    #[error("model `{name}` ({path}): {cause}")]
    Model {
        /// The model's name in the task file.
        name: String,
        /// The model file.
        path: PathBuf,
        /// What is wrong and what to do about it.
        cause: String,
    },
    /// The models do not fit the machine's memory.
    #[error(transparent)]
    Memory(#[from] TooLarge),
    /// A setting of the engine is out of its range.
    #[error("`engine.{key}`: {cause}")]
    Setting {
        /// The setting's name.
        key: &'static str,
        /// What is wrong and what to do about it.
        cause: String,
    },
    /// A script of the scripted engine cannot be used.
    #[error("{path}:{line}: {cause}")]
    Script {
        /// The script's file.
        path: PathBuf,
        /// The line, counted from 1. 0 means the whole file.
        line: usize,
        /// What is wrong with it.
        cause: String,
    },
    /// llama.cpp failed in the middle of its work.
    #[error("llama.cpp failed while {doing}: {cause}")]
    Backend {
        /// What was being done.
        doing: &'static str,
        /// The cause, as llama.cpp or its binding gives it.
        cause: String,
    },
    /// The servers of a model cannot be used.
    #[error("model `{name}`: {cause}")]
    Server {
        /// The model's name in the task file.
        name: String,
        /// What is wrong and what to do about it.
        cause: String,
    },
    /// An engine returned fewer answers than it was given requests.
    #[error("the engine answered {answers} of {requests} requests; this is an error in the engine")]
    MissingAnswers {
        /// Requests of the call.
        requests: usize,
        /// Answers that came back.
        answers: usize,
    },
    /// The thread of a model has ended, after an error that an earlier call returned.
    #[error("the model's thread has ended after an earlier error; start the command again")]
    Gone,
}

//! Why a result cannot be exported.

use crate::program::PoolIndex;
use std::path::PathBuf;

use crate::config::ConfigError;

/// Why a result cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A file of the run directory cannot be read.
    #[error("cannot read {path}: {cause}; a run directory has it once the run is finished")]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        cause: std::io::Error,
    },
    /// The file with the candidate has no valid content.
    #[error("{path} has no valid candidates: {cause}; run the same `gepard optimize` command again to write it")]
    Candidates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// `plan.toml` cannot be used.
    #[error(transparent)]
    Plan(#[from] ConfigError),
    /// The pool has no candidate with this index.
    #[error("the run has no candidate {wanted}; it has {candidates}, from 0, the seed, on")]
    NoCandidate {
        /// The pool index.
        wanted: PoolIndex,
        /// The number of candidates in the pool.
        candidates: usize,
    },
    /// Every fully validated candidate has a longer prompt.
    #[error("no fully validated candidate has at most {most} prompt tokens{}", shortest_in_words(*shortest))]
    AllLonger {
        /// The most prompt tokens that were asked for.
        most: usize,
        /// The fewest prompt tokens of a fully validated candidate. None if there is no such candidate.
        shortest: Option<usize>,
    },
    /// The chat in the file with the candidate is not the one that `plan.toml` and the texts in the file give.
    #[error(
        "{folder}: the chat of `{module}` in {file} is not what plan.toml and this gepard make of its texts; one of the files \
         was changed, or another version of gepard made the run: run the same `gepard optimize` command again to write both"
    )]
    Differs {
        /// The run directory.
        folder: PathBuf,
        /// The name of the file with the candidate.
        file: &'static str,
        /// The module.
        module: String,
    },
    /// The form would change the text.
    #[error("module `{module}`: {cause}")]
    Form {
        /// The module.
        module: String,
        /// What the form cannot hold, and which form can.
        cause: String,
    },
}

impl ExportError {
    /// Returns the exit code of a command that fails with this error.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoCandidate { .. } | Self::AllLonger { .. } => 2,
            Self::Read { .. } | Self::Candidates { .. } | Self::Plan(_) | Self::Differs { .. } | Self::Form { .. } => 6,
        }
    }
}

fn shortest_in_words(shortest: Option<usize>) -> String {
    shortest.map_or_else(String::new, |tokens| format!("; the shortest prompt has {tokens}"))
}

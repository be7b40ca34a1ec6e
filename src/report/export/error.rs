//! Why a result cannot be exported.

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
    /// `best.json` has no valid content.
    #[error("{path} is not a valid best.json: {cause}; run the same `gepard optimize` command again to write it")]
    Best {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// `plan.toml` cannot be used.
    #[error(transparent)]
    Plan(#[from] ConfigError),
    /// The chat in `best.json` is not the one that `plan.toml` and the texts in `best.json` give.
    #[error(
        "{folder}: the chat of `{module}` in best.json is not what plan.toml and this gepard make of its texts; one of the files \
         was changed, or another version of gepard made the run: run the same `gepard optimize` command again to write both"
    )]
    Differs {
        /// The run directory.
        folder: PathBuf,
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

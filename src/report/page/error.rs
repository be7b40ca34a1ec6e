//! Why no page can be made.

use std::path::PathBuf;

use crate::run_directory::RunDirectoryError;

/// Why no page can be made of a folder.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The folder holds no run, or a damaged one; or the page cannot be written.
    #[error(transparent)]
    RunDirectory(#[from] RunDirectoryError),
    /// The folder has a `compare.json` that is not the result of a comparison of optimizers.
    #[error(
        "{path} is not the result of a comparison: {cause}; type `gepard compare TASK.toml --optimizers …` again: it writes the \
         file anew and does not repeat finished runs"
    )]
    NotAComparison {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
}

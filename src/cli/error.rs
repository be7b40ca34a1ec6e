//! Why a command fails, and the exit code that it has then.

use std::path::{Path, PathBuf};

use gepard::config::ConfigError;
use gepard::error::RunError;
use gepard::gguf::GgufError;
use gepard::models::ModelFileError;
use gepard::report::export::ExportError;
use gepard::report::page::ReportError;

/// The exit codes, as `gepard --help` lists them. They are those of [`CliError::exit_code`].
pub(super) const EXIT_CODES: &str = "Exit codes: 0 done; 2 usage or configuration; 3 data; 4 model; 5 metric; \
    6 run directory; 130 interrupted (the journal is complete, and the same command resumes the run); 1 any other error.";

/// Why a command fails.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// A run, an evaluation or a comparison failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The task file is not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A model file, or the cache of model files, cannot be used.
    #[error(transparent)]
    ModelFile(#[from] ModelFileError),
    /// A GGUF file cannot be read.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The result of a run cannot be exported.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// The report of a folder cannot be made.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The arguments of the command line are not valid.
    #[error("{0}")]
    Usage(String),
    /// A file or folder that the command line names cannot be used.
    #[error("cannot {doing} {}: {cause}", path.display())]
    File {
        /// The operation that failed, as a verb.
        doing: &'static str,
        /// The path of the file or folder.
        path: PathBuf,
        /// The error of the operating system.
        cause: std::io::Error,
    },
    /// The command has come to its end, but some rows have an error.
    #[error("{failed} of {rows} rows have an error, which stands in their column `{column}`")]
    FailedRows {
        /// The number of rows with an error.
        failed: usize,
        /// The number of rows.
        rows: usize,
        /// The name of the column with the errors.
        column: String,
    },
    /// The program failed on the input.
    #[error("the program failed on this input: {0}")]
    FailedInput(String),
    /// Writing to stdout failed.
    #[error("cannot write the output: {0}")]
    Output(std::io::Error),
}

impl CliError {
    /// Returns a conversion from the error of the operating system that `doing` something with `path` ended in.
    pub(super) fn file(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::File { doing, path, cause }
    }

    /// Returns the exit code of the process.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Usage(_) | Self::File { .. } => 2,
            Self::ModelFile(_) | Self::Gguf(_) => 4,
            Self::Output(_) | Self::FailedRows { .. } | Self::FailedInput(_) => 1,
            Self::Report(_) => 6,
            Self::Export(error) => error.exit_code(),
            Self::Run(error) => error.exit_code(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_file_operation_names_the_path() {
        let error = CliError::file("make", Path::new("there"))(std::io::ErrorKind::NotADirectory.into());
        assert_eq!(error.to_string(), "cannot make there: not a directory");
        assert_eq!(error.exit_code(), 2);
    }
}

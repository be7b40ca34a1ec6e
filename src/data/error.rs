//! What can be wrong with a user's data files.

use std::path::PathBuf;

use super::wording::counted;

/// A data file, a row or an index that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file cannot be read.
    #[error("cannot read {path}: {cause}")]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        cause: std::io::Error,
    },
    /// The file has a format that is not read.
    #[error("{path} {what}")]
    Format {
        /// The path of the file.
        path: PathBuf,
        /// What the file is, and what to do with it, as the end of a sentence.
        what: &'static str,
    },
    /// A row cannot be used.
    #[error("{path}:{line}: {cause}")]
    Row {
        /// The path of the file.
        path: PathBuf,
        /// The line in which the row begins, counted from 1.
        line: usize,
        /// What is wrong with the row, and what would be right.
        cause: String,
    },
    /// The metric cannot judge an example.
    #[error("{path}: {cause}")]
    Unusable {
        /// The path of the file.
        path: PathBuf,
        /// The id of the example, and what is wrong with it.
        cause: String,
    },
    /// The index of a corpus cannot be built or opened.
    #[error("the index in {path}: {cause}")]
    Index {
        /// The folder of the index.
        path: PathBuf,
        /// What went wrong.
        cause: String,
    },
    /// A split or a corpus has no rows, or too few.
    #[error("{path} has {}; {need}", rows_in_words(*rows, *unlabelled))]
    Empty {
        /// The path of the file.
        path: PathBuf,
        /// The number of its rows, without those that are left out.
        rows: usize,
        /// The number of rows that are left out because they lack a label.
        unlabelled: usize,
        /// What the rows are needed for.
        need: &'static str,
    },
    /// Test rows also stand in the training or validation data.
    #[error(
        "{count} of the test rows in {test} also stand in {other} (`{first}` for one): the test score would \
         flatter the result; remove them, or set `allow_overlap = true` under [data]"
    )]
    Overlap {
        /// The path of the test file.
        test: PathBuf,
        /// The path of the file that has rows with the same inputs.
        other: PathBuf,
        /// The number of test rows that also stand in `other`.
        count: usize,
        /// The id of the first of these test rows.
        first: String,
    },
}

/// Returns the number of a file's rows in words, with the number of those that are left out.
fn rows_in_words(rows: usize, unlabelled: usize) -> String {
    let count = if rows == 0 { "no rows".to_owned() } else { counted(rows, "row") };
    match unlabelled {
        0 => count,
        1 => format!("{count} with a label (1 without is left out)"),
        many => format!("{count} with a label ({many} without are left out)"),
    }
}

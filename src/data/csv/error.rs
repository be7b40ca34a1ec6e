//! Why the rows of a CSV file cannot be found.

use std::io;

/// Why the rows of a file cannot be found.
pub(in crate::data) enum CsvError {
    /// The file cannot be read.
    Read(io::Error),
    /// A row cannot be used.
    Row {
        /// The line of the row, counted from 1.
        line: usize,
        /// What is wrong with the row, and what would be right.
        cause: String,
    },
}

impl From<io::Error> for CsvError {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

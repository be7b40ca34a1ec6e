//! The rows of the input file.

use std::path::Path;

use super::columns::Columns;
use crate::data::{DataError, Dataset, Example};
use crate::error::RunError;
use crate::evaluate::prediction::output_names;
use crate::program::Program;

/// The rows of the input file. Each is read when it is needed.
pub(super) struct Rows {
    data: Dataset,
    /// The fields that the program reads.
    reads: Vec<String>,
    /// The names of the columns, in the order in which rows have them first.
    names: Vec<String>,
}

impl Rows {
    /// Opens a file and checks all of its rows: each must be readable and have the fields that the program reads.
    ///
    /// # Errors
    /// [`RunError::Data`] with the first line that breaks a rule, or if there are no rows.
    pub(super) fn open(path: &Path, program: &Program) -> Result<Self, RunError> {
        let data = Dataset::open(path, None)?;
        if data.is_empty() {
            let (path, need) = (path.to_owned(), "there is nothing to answer");
            return Err(DataError::Empty { path, rows: 0, unlabelled: 0, need }.into());
        }
        let mut names: Vec<String> = Vec::new();
        for index in 0..data.len() {
            let row = data.get_with(index, &program.reads)?;
            for name in row.fields.keys() {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
        Ok(Self { data, reads: program.reads.clone(), names })
    }

    /// Returns the number of rows.
    pub(super) fn len(&self) -> usize {
        self.data.len()
    }

    /// Returns the names of the columns.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Reads some rows.
    ///
    /// # Errors
    /// [`RunError::Data`] if the file was changed since it was opened.
    pub(super) fn read(&self, indices: std::ops::Range<usize>) -> Result<Vec<Example>, RunError> {
        indices.map(|index| Ok(self.data.get_with(index, &self.reads)?)).collect()
    }

    /// Returns the SHA-256 of the file, in hexadecimal.
    ///
    /// # Errors
    /// [`RunError::Data`] if the file can no longer be read.
    pub(super) fn sha256(&self) -> Result<String, RunError> {
        Ok(self.data.sha256()?)
    }

    /// Returns the columns that are added to the rows.
    ///
    /// # Errors
    /// [`RunError::Data`] if two columns would have the same name.
    pub(super) fn added_columns(&self, program: &Program) -> Result<Columns, RunError> {
        Columns::new(&self.names, &output_names(program)).map_err(|name| {
            let own = name.trim_start_matches("predicted_");
            let cause = format!("its columns, or the program's outputs, have the names `{own}` and `{name}`; rename one of both");
            DataError::Unusable { path: self.data.path().to_owned(), cause }.into()
        })
    }
}

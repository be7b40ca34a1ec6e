//! Where the answers are kept until all rows are answered, and how the output file is made of them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::data::{RowFormat, RowWriter};
use crate::error::RunError;
use crate::journal::PredictionJournal;
use crate::run_directory::files::{JOURNAL, LOCK};
use crate::run_directory::{RunDirectoryError, check_usable};
use crate::whole_file;

/// What is appended to the name of the output file for the folder that keeps the answers.
const FOLDER_ENDING: &str = ".partial";

/// Returns the output file of a call that names none: the rows of `rows.csv` are answered into `rows.predicted.csv`.
#[must_use]
pub fn default_output(input: &Path) -> PathBuf {
    let mut name = input.file_stem().unwrap_or_default().to_owned();
    name.push(".predicted.");
    name.push(input.extension().unwrap_or("jsonl".as_ref()));
    input.with_file_name(name)
}

/// The output file, and the folder that keeps the answers until it is written.
pub(super) struct Place {
    /// The output file, as an absolute path.
    pub(super) output: PathBuf,
    /// The folder beside it.
    pub(super) folder: PathBuf,
}

impl Place {
    /// Finds the folder of an output file, and checks that both can be written before any model is loaded.
    ///
    /// # Errors
    /// [`RunError::Plan`] if the output file exists, unless an earlier command did not come to its end after it was written, and if
    /// nothing can be written beside it. [`RunError::RunDirectory`] if another process works on it.
    pub(super) fn of(output: &Path) -> Result<Self, RunError> {
        let output = std::path::absolute(output).map_err(failed("find", output))?;
        let mut name = OsString::from(output.as_os_str());
        name.push(FOLDER_ENDING);
        let place = Self { output, folder: PathBuf::from(name) };
        if place.output.symlink_metadata().is_ok() && !place.folder.join(JOURNAL).is_file() {
            let path = place.output.display();
            return Err(RunError::Plan(format!("{path} exists already; remove it, or give another --output")));
        }
        let folder = place.output.parent().unwrap_or(&place.output);
        let unusable = |cause: &dyn Display| {
            let folder = folder.display();
            RunError::Plan(format!("cannot write into {folder}: {cause}; give another --output"))
        };
        if !folder.is_dir() {
            return Err(unusable(&"it is no folder that exists"));
        }
        check_usable(&place.folder).map_err(|error| match error {
            RunDirectoryError::Io { cause, .. } => unusable(&cause),
            other => other.into(),
        })?;
        Ok(place)
    }

    /// Opens the journal of the answers.
    ///
    /// # Errors
    /// [`RunError::RunDirectory`]; the folder may hold answers of another program or to other rows.
    pub(super) fn open(&self, fingerprint: &BTreeMap<String, String>) -> Result<PredictionJournal, RunError> {
        PredictionJournal::open(&self.folder, fingerprint).map_err(|error| match error {
            RunDirectoryError::OtherPlan { path, differences } => {
                RunDirectoryError::OtherPredictions { path, differences }.into()
            }
            other => other.into(),
        })
    }

    /// Writes the output file as a whole, with the rows that `each` passes on.
    ///
    /// # Errors
    /// Those of `each`, and [`RunError::RunDirectory`] if the file cannot be written.
    pub(super) fn write(
        &self,
        format: RowFormat,
        columns: Vec<String>,
        each: impl FnOnce(&mut dyn FnMut(&Map<String, Value>) -> Result<(), RunError>) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let path = &self.output;
        let mut file = whole_file::unfinished(path.parent().unwrap_or(path), ".writing-").map_err(failed("write", path))?;
        let mut writer = RowWriter::new(BufWriter::new(file.as_file_mut()), format, columns).map_err(failed("write", path))?;
        each(&mut |row| writer.write(row).map_err(failed("write", path)))?;
        writer.finish().map_err(failed("write", path))?;
        file.as_file().sync_data().map_err(failed("write", path))?;
        file.persist(path).map_err(|error| failed("write", path)(error.error))?;
        Ok(())
    }

    /// Removes the folder, once the output file is there.
    ///
    /// # Errors
    /// [`RunError::RunDirectory`]
    pub(super) fn remove_folder(&self) -> Result<(), RunError> {
        for name in [JOURNAL, LOCK] {
            let path = self.folder.join(name);
            std::fs::remove_file(&path).map_err(failed("remove", &path))?;
        }
        std::fs::remove_dir(&self.folder).map_err(failed("remove", &self.folder))
    }
}

/// Returns a conversion from the error of the operating system that `doing` something with `path` ended in.
fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RunError + use<> {
    let path = path.to_owned();
    move |cause| RunDirectoryError::Io { doing, path, cause }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_output_stands_beside_the_input() {
        for (input, output) in
            [("a/rows.csv", "a/rows.predicted.csv"), ("x.y.tsv", "x.y.predicted.tsv"), ("n", "n.predicted.jsonl")]
        {
            assert_eq!(default_output(Path::new(input)), Path::new(output));
        }
    }
}

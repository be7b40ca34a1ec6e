//! Makes the page of a folder that holds a run or a comparison of optimizers.

use std::path::Path;

use super::comparison::{ComparisonFile, FILE};
use super::error::ReportError;
use super::run_page::{name_of, render_run};
use crate::run_directory::files::{JOURNAL, write_bytes};

/// Returns the page of the run in `folder`, which may still be going on; or of the comparison of optimizers, if the folder has
/// [`FILE`] and no journal.
///
/// # Errors
/// [`ReportError`]
pub fn render(folder: &Path) -> Result<String, ReportError> {
    let comparison = folder.join(FILE);
    if comparison.is_file() && !folder.join(JOURNAL).exists() {
        return Ok(ComparisonFile::read(&comparison)?.page(&name_of(folder)));
    }
    Ok(render_run(folder)?)
}

/// Writes the page of `folder` to `file`.
///
/// # Errors
/// [`ReportError`]
pub fn write(folder: &Path, file: &Path) -> Result<(), ReportError> {
    Ok(write_bytes(file, render(folder)?.as_bytes())?)
}

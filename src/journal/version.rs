//! The version of the journal's format.

use std::cmp::Ordering;
use std::path::Path;

use crate::run_directory::RunDirectoryError;

/// The version of the format that this program writes and reads.
pub const VERSION: u32 = 4;

/// Fails if this program does not read `version` of the format. `path` is the journal.
///
/// # Errors
/// [`RunDirectoryError::Newer`], [`RunDirectoryError::Older`]
pub(super) fn check_version(path: &Path, version: u32) -> Result<(), RunDirectoryError> {
    let (path, supported) = (path.to_owned(), VERSION);
    match version.cmp(&supported) {
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(RunDirectoryError::Newer { path, version, supported }),
        Ordering::Less => Err(RunDirectoryError::Older { path, version, supported }),
    }
}

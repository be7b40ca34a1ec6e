//! The SHA-256 of model files, computed on a memory map.

use std::io;
use std::path::Path;

use super::error::ModelFileError;
use crate::gguf::ModelMap;

/// Returns the SHA-256 of the file at `path` in lower-case hexadecimal.
///
/// # Errors
/// [`ModelFileError::Read`] where the file cannot be read or changes meanwhile.
pub fn sha256(path: &Path) -> Result<String, ModelFileError> {
    Ok(sha256_with(path, |_| Ok(()))?.sha256)
}

/// The hash and the size of a file that was read once.
pub(super) struct HashedFile {
    /// The SHA-256 in lower-case hexadecimal.
    pub(super) sha256: String,
    /// The size in bytes.
    pub(super) bytes: u64,
}

/// Hashes the file at `path`, and calls `consume` with each piece of it.
pub(super) fn sha256_with(
    path: &Path,
    consume: impl FnMut(&[u8]) -> Result<(), ModelFileError>,
) -> Result<HashedFile, ModelFileError> {
    let map = ModelMap::open(path).map_err(read_error(path))?;
    Ok(HashedFile { sha256: map.sha256(read_error(path), consume)?, bytes: map.len() })
}

pub(super) fn read_error(path: &Path) -> impl FnOnce(io::Error) -> ModelFileError {
    let path = path.to_owned();
    move |source| ModelFileError::Read { path, source }
}

//! Reading a model file once, piece by piece, and knowing its SHA-256 at the end.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use super::ModelFileError;
use crate::hash;

/// The SHA-256 of a file, in lower-case hexadecimal.
///
/// # Errors
/// [`ModelFileError::Read`]
pub fn sha256(path: &Path) -> Result<String, ModelFileError> {
    let mut file = File::open(path).map_err(read_error(path))?;
    let (sha256, _) = each_piece(&mut file, path, |_| Ok(()))?;
    Ok(sha256)
}

/// The same; None where `goes_on`, which is asked at each piece of the file, breaks off.
///
/// # Errors
/// [`ModelFileError::Read`]
pub fn sha256_while(path: &Path, goes_on: &mut dyn FnMut() -> ControlFlow<()>) -> Result<Option<String>, ModelFileError> {
    let file = File::open(path).map_err(read_error(path))?;
    match hash::each_piece(file, Some, |_| if goes_on().is_break() { Err(None) } else { Ok(()) }) {
        Ok((sha256, _)) => Ok(Some(sha256)),
        Err(None) => Ok(None),
        Err(Some(error)) => Err(read_error(path)(error)),
    }
}

/// Gives each piece of a file to `then`; returns the SHA-256 and the size of the whole.
pub(super) fn each_piece(
    file: &mut File,
    path: &Path,
    then: impl FnMut(&[u8]) -> Result<(), ModelFileError>,
) -> Result<(String, u64), ModelFileError> {
    hash::each_piece(file, read_error(path), then)
}

pub(super) fn read_error(path: &Path) -> impl FnOnce(io::Error) -> ModelFileError {
    let path = path.to_owned();
    move |source| ModelFileError::Read { path, source }
}

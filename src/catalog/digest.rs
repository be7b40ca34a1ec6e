//! Reading a model file once, piece by piece, and knowing its SHA-256 at the end.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::ModelFileError;
use crate::hash::hex;

/// A file is read in pieces of this size.
const PIECE: usize = 1 << 20;

/// The SHA-256 of a file, in lower-case hexadecimal.
pub(super) fn sha256(path: &Path) -> Result<String, ModelFileError> {
    let mut file = File::open(path).map_err(read_error(path))?;
    let (sha256, _) = each_piece(&mut file, path, |_| Ok(()))?;
    Ok(sha256)
}

/// Gives each piece of a file to `then`; returns the SHA-256 and the size of the whole.
pub(super) fn each_piece(
    file: &mut File,
    path: &Path,
    mut then: impl FnMut(&[u8]) -> Result<(), ModelFileError>,
) -> Result<(String, u64), ModelFileError> {
    let mut piece = vec![0; PIECE];
    let mut digest = Sha256::new();
    let mut bytes = 0;
    loop {
        let filled = match file.read(&mut piece) {
            Ok(0) => break,
            Ok(filled) => filled,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(read_error(path)(error)),
        };
        let filled = piece.get(..filled).unwrap_or_default();
        digest.update(filled);
        bytes += filled.len() as u64;
        then(filled)?;
    }
    Ok((hex(&digest.finalize()), bytes))
}

pub(super) fn read_error(path: &Path) -> impl FnOnce(io::Error) -> ModelFileError {
    let path = path.to_owned();
    move |source| ModelFileError::Read { path, source }
}

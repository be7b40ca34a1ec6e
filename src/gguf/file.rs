//! Opening a model file and reading its header.

use std::fs;
use std::path::Path;

use super::error::{GgufError, not_gguf};
use super::header::Header;
use super::map::ModelMap;
use super::parse::parse;

/// The largest header that is read, in bytes. It bounds the memory that a crafted file can make the parser allocate.
const LONGEST_HEADER: u64 = 64 << 20;

/// Reads the header of the file at `path`.
///
/// Only the pages of the header are read, so this is quick for a file of any size. The tensors' sizes are compared with the
/// size of the file, so that an incomplete download is an error here and not a crash later.
///
/// # Errors
/// [`GgufError`] names the file, what is wrong with it and what to do.
pub fn read(path: &Path) -> Result<Header, GgufError> {
    let read_error = |source| GgufError::Read { path: path.to_owned(), source };
    // Checked before opening, because opening a named pipe would wait for a writer.
    let metadata = fs::metadata(path).map_err(read_error)?;
    if !metadata.is_file() {
        return Err(GgufError::NotAFile { path: path.to_owned(), directory: metadata.is_dir() });
    }
    let map = ModelMap::open(path).map_err(read_error)?;
    if map.is_empty() {
        return Err(not_gguf(path, &[]));
    }
    let beginning = map.bytes(0..map.len().min(LONGEST_HEADER)).map_err(read_error)?;
    parse(path, beginning, map.len())
}

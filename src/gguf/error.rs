//! Errors of reading a GGUF file, each with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// The reason why a file is not a whole, readable GGUF model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GgufError {
    /// The file could not be read.
    #[error("cannot read the model file {}: {source}", path.display())]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The path leads to a directory, a pipe or a device.
    #[error("{} is {}; give the path of a .gguf file", path.display(), if *directory { "a directory" } else { "not a regular file" })]
    NotAFile {
        /// The path that was given.
        path: PathBuf,
        /// Whether it is a directory.
        directory: bool,
    },
    /// The file does not begin with the magic bytes `GGUF`.
    #[error("{} is not a GGUF file: {found}", path.display())]
    NotGguf {
        /// The path of the file.
        path: PathBuf,
        /// A description of its first bytes, with a remedy.
        found: String,
    },
    /// The file was written for machines of the other byte order.
    #[error("{} is a big-endian GGUF file, made for another kind of machine; get the little-endian one", path.display())]
    BigEndian {
        /// The path of the file.
        path: PathBuf,
    },
    /// The version of the format is neither 2 nor 3.
    #[error(
        "{} is a GGUF file of version {version}, but only versions 2 and 3 can be read; {}",
        path.display(),
        if *version < 2 { "convert the model again with a recent llama.cpp" } else { "it may need a newer gepard" }
    )]
    Version {
        /// The path of the file.
        path: PathBuf,
        /// The version in the file.
        version: u32,
    },
    /// The file ends before its header or its weights do.
    #[error(
        "{} is cut short: it should have at least {expected_at_least} bytes but has {actual}; download it again",
        path.display()
    )]
    Truncated {
        /// The path of the file.
        path: PathBuf,
        /// The fewest bytes that the whole file can have, as far as it was read.
        expected_at_least: u64,
        /// The size of the file in bytes.
        actual: u64,
    },
    /// The header is larger than any model's.
    #[error("{} has a header of more than {} MB, longer than any model's; take another file", path.display(), most >> 20)]
    LongHeader {
        /// The path of the file.
        path: PathBuf,
        /// The largest header that is read, in bytes.
        most: u64,
    },
    /// The header contains a value that cannot be right.
    #[error("{} is damaged at byte {at}: {what}; download it again", path.display())]
    Malformed {
        /// The path of the file.
        path: PathBuf,
        /// The position of the value, in bytes from the start of the file.
        at: u64,
        /// What is wrong with the value.
        what: String,
    },
    /// The file is no longer the one whose header was read.
    #[error("{} was changed while it was in use; wait until it is complete, then repeat the command", path.display())]
    Changed {
        /// The path of the file.
        path: PathBuf,
    },
}

/// Returns the error for a file that begins with the bytes `start` instead of `GGUF`.
pub(super) fn not_gguf(path: &Path, start: &[u8]) -> GgufError {
    let found = if start.is_empty() {
        "it is empty; download it again".to_owned()
    } else if start.starts_with(b"version https://git-lfs") {
        "it is only a pointer to one (Git LFS); get the file itself with `git lfs pull`".to_owned()
    } else if start.trim_ascii_start().starts_with(b"<") {
        "it looks like a web page, perhaps an error page saved under its name; download it again".to_owned()
    } else {
        let shown = start.get(..4).unwrap_or(start).escape_ascii();
        format!("it begins with \"{shown}\", not \"GGUF\"; convert the model to GGUF or give another file")
    };
    GgufError::NotGguf { path: path.to_owned(), found }
}

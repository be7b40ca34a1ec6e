//! Why a file cannot be used as a model, in words that say what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// A file that is not a whole, readable GGUF model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GgufError {
    /// The operating system did not let it be read.
    #[error("cannot read the model file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A directory, a pipe or a device.
    #[error("{} is {}; give the path of a .gguf file", path.display(), if *directory { "a directory" } else { "not a regular file" })]
    NotAFile {
        /// What was given.
        path: PathBuf,
        /// Whether it is a directory.
        directory: bool,
    },
    /// The file does not begin as a GGUF file does.
    #[error("{} is not a GGUF file: {found}", path.display())]
    NotGguf {
        /// The file.
        path: PathBuf,
        /// What it is instead, and what to do.
        found: String,
    },
    /// A GGUF file for machines of the other byte order.
    #[error("{} is a big-endian GGUF file, made for another kind of machine; get the little-endian one", path.display())]
    BigEndian {
        /// The file.
        path: PathBuf,
    },
    /// A version of the format that is not read here.
    #[error(
        "{} is a GGUF file of version {version}, but only versions 2 and 3 can be read; {}",
        path.display(),
        if *version < 2 { "convert the model again with a recent llama.cpp" } else { "it may need a newer gepard" }
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version it claims.
        version: u32,
    },
    /// The file ends before its weights do.
    #[error(
        "{} is cut short: it should have at least {expected_at_least} bytes but has {actual}; download it again",
        path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The fewest bytes a whole file could have, by what was read so far.
        expected_at_least: u64,
        /// The bytes it has.
        actual: u64,
    },
    /// The header is longer than any model's.
    #[error("{} has a header of more than {} MB, longer than any model's; take another file", path.display(), most >> 20)]
    LongHeader {
        /// The file.
        path: PathBuf,
        /// The most bytes that a header may have.
        most: u64,
    },
    /// Something in the header cannot be true.
    #[error("{} is damaged at byte {at}: {what}; download it again", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        at: u64,
        /// What is wrong there.
        what: String,
    },
}

/// The error for a file that begins with `start` instead of the magic.
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

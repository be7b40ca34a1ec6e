//! Errors of building a tokenizer.

use std::path::PathBuf;

use crate::gguf::GgufError;

/// The reason why no tokenizer could be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// The model file could not be read.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The vocabulary has a property that only llama.cpp supports.
    #[error("the vocabulary of {} is only supported by llama.cpp: {what}", path.display())]
    Unsupported {
        /// The path of the model file.
        path: PathBuf,
        /// The property.
        what: String,
    },
    /// The `tokenizer.json` could not be read, or is not valid.
    #[error("cannot use {} as a tokenizer: {cause}; give the tokenizer.json of the model's repository", path.display())]
    File {
        /// The path of the file.
        path: PathBuf,
        /// The error of the `tokenizers` crate.
        cause: String,
    },
}

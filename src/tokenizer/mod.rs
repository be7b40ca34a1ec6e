//! Counting tokens without llama.cpp: a tokenizer that is built from the vocabulary in a GGUF file, or from a `tokenizer.json`.
//!
//! For the vocabularies that it accepts, it gives the same tokens as llama.cpp's `llama_tokenize` with `add_special = false` and
//! `parse_special = true` (llama-cpp-sys-2 0.1.161, `src/llama-vocab.cpp` and `src/unicode.cpp`); for others, building it is an
//! error. Many texts are tokenized in parallel.

mod bpe;
mod error;
mod probes;
mod special;
mod split;
mod spm;
mod text;
mod vocabulary;

pub use error::TokenizerError;
pub use probes::TokenizerDifference;
pub use split::pre_tokenizers;
pub use text::Tokenizer;

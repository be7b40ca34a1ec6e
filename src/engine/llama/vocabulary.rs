//! llama.cpp's tokenizer for a model file, without the weights, and the choice of the tokenizer that counts tokens.

use std::path::Path;

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;

use super::backend::backend;
use super::deep_stack::on_deep_stack;
use crate::gguf::Header;
use crate::tokenizer::Tokenizer;

/// A model file of which llama.cpp has loaded the vocabulary only: the reference for [`Tokenizer`].
pub struct Vocabulary {
    model: LlamaModel,
}

impl Vocabulary {
    /// Loads the vocabulary of the file at `path`; `None` where llama.cpp cannot read it.
    #[must_use]
    pub fn open(path: &Path) -> Option<Self> {
        let params = LlamaModelParams::default().with_vocab_only(true);
        Some(Self { model: LlamaModel::load_from_file(backend().ok()?, path, &params).ok()? })
    }

    /// Returns the ids of the tokens of a text. The spelling of a special token is that token, and no token is added at the
    /// beginning or the end.
    #[must_use]
    pub fn tokenize(&self, text: &str) -> Vec<u32> {
        tokenize(&self.model, text)
    }
}

/// Builds the tokenizer of a model file, and compares it with llama.cpp's for the same file.
///
/// # Errors
/// The reason why llama.cpp's tokenizer has to be used: only llama.cpp supports the vocabulary, or the two differ on a text.
pub fn checked_tokenizer(header: &Header, reference: &dyn Fn(&str) -> Vec<u32>) -> Result<Tokenizer, String> {
    let tokenizer = Tokenizer::from_gguf(header).map_err(|error| error.to_string())?;
    match tokenizer.first_difference(reference) {
        None => Ok(tokenizer),
        Some(difference) => Err(difference.to_string()),
    }
}

/// Returns the ids of the tokens of a text by llama.cpp.
pub(super) fn tokenize(model: &LlamaModel, text: &str) -> Vec<u32> {
    let tokens = on_deep_stack(text.len(), || model.vocab().tokenize(text.as_bytes(), false, true));
    tokens.into_iter().filter_map(|token| u32::try_from(token.0).ok()).collect()
}

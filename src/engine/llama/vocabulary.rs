//! llama.cpp's tokenizer for a model file, without the weights.

use std::path::Path;

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;

/// A model file of which llama.cpp has loaded the vocabulary only: the reference for [`crate::tokenizer::Tokenizer`].
pub struct Vocabulary {
    model: LlamaModel,
}

impl Vocabulary {
    /// Loads the vocabulary of the file at `path`; `None` where llama.cpp cannot read it.
    #[must_use]
    pub fn open(path: &Path) -> Option<Self> {
        let params = LlamaModelParams::default().with_vocab_only(true);
        Some(Self { model: LlamaModel::load_from_file(super::backend().ok()?, path, &params).ok()? })
    }

    /// Returns the ids of the tokens of a text. The spelling of a special token is that token, and no token is added at the
    /// beginning or the end.
    #[must_use]
    pub fn tokenize(&self, text: &str) -> Vec<u32> {
        let tokens = super::on_deep_stack(text.len(), || self.model.vocab().tokenize(text.as_bytes(), false, true));
        tokens.into_iter().filter_map(|token| u32::try_from(token.0).ok()).collect()
    }
}

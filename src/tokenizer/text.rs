//! The tokenizer of a model.

use std::path::Path;

use rayon::prelude::*;

use super::bpe::ByteLevelBpe;
use super::error::TokenizerError;
use super::probes::{TokenizerDifference, probe_texts};
use super::special::{Fragment, SpecialTokens};
use super::spm::ScoredMerges;
use super::vocabulary::{Vocabulary, text, unsupported};
use crate::gguf::{Arrays, Header};

/// Divides texts into the tokens of a model.
#[derive(Debug)]
pub struct Tokenizer {
    special: SpecialTokens,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    ByteLevelBpe(Box<ByteLevelBpe>),
    ScoredMerges {
        merges: ScoredMerges,
        vocabulary: Vocabulary,
    },
    /// A `tokenizer.json`, which the `tokenizers` crate interprets as a whole, special tokens included.
    File(Box<tokenizers::Tokenizer>),
}

impl Tokenizer {
    /// Builds the tokenizer from the vocabulary in the file of `header`.
    ///
    /// # Errors
    /// [`TokenizerError::Unsupported`] where only llama.cpp supports the vocabulary, and [`TokenizerError::Gguf`] where the file
    /// cannot be read.
    pub fn from_gguf(header: &Header) -> Result<Self, TokenizerError> {
        let model = text(header, "tokenizer.ggml.model");
        if !["gpt2", "llama"].contains(&model) {
            return Err(unsupported(&header.path, format!("its kind is `{model}`")));
        }
        let arrays = Arrays::open(header)?;
        let vocabulary = Vocabulary::read(header, &arrays)?;
        let special = vocabulary.special.iter().map(|&id| (vocabulary.tokens[id as usize].clone(), id)).collect();
        let special = SpecialTokens::new(special).map_err(|error| unsupported(&header.path, error.to_string()))?;
        let kind = match model {
            "gpt2" => Kind::ByteLevelBpe(Box::new(ByteLevelBpe::read(header, &arrays, &vocabulary)?)),
            _ => {
                let merges = ScoredMerges::read(header, &arrays, &vocabulary)?;
                Kind::ScoredMerges { merges, vocabulary }
            }
        };
        Ok(Self { special, kind })
    }

    /// Reads a `tokenizer.json`, the format of the `tokenizers` library, with its own rules for special tokens.
    ///
    /// # Errors
    /// [`TokenizerError::File`] where the file cannot be read or is not valid.
    pub fn from_file(path: &Path) -> Result<Self, TokenizerError> {
        let error = |error: tokenizers::Error| TokenizerError::File { path: path.to_owned(), cause: error.to_string() };
        let mut tokenizer = tokenizers::Tokenizer::from_file(path).map_err(error)?;
        // Texts are counted at their full length, whatever the file says about shortening and filling up.
        tokenizer.with_truncation(None).map_err(error)?;
        tokenizer.with_padding(None);
        // A file whose model has no token for unknown text is refused here, not at the first such text.
        tokenizer.encode_fast("a \u{10fffd}", false).map_err(error)?;
        let special = SpecialTokens::new(Vec::new()).map_err(|cause| error(Box::new(cause)))?;
        Ok(Self { special, kind: Kind::File(Box::new(tokenizer)) })
    }

    /// Returns the ids of the tokens of a text. The spelling of a special token is that token, and no token is added at the
    /// beginning or the end. The result is empty if a rule of a `tokenizer.json` fails on the text.
    #[must_use]
    pub fn tokenize(&self, text: &str) -> Vec<u32> {
        if let Kind::File(tokenizer) = &self.kind {
            return tokenizer.encode_fast(text, false).map(|encoding| encoding.get_ids().to_vec()).unwrap_or_default();
        }
        let mut tokens = Vec::new();
        let mut follows_special = true;
        for fragment in self.special.partition(text) {
            match (fragment, &self.kind) {
                (Fragment::Special(id), _) => tokens.push(id),
                (Fragment::Text(text), Kind::ByteLevelBpe(bpe)) => bpe.tokenize(text, &mut tokens),
                (Fragment::Text(text), Kind::ScoredMerges { merges, vocabulary }) => {
                    merges.tokenize(text, follows_special, vocabulary, &mut tokens);
                }
                (Fragment::Text(_), Kind::File(_)) => {}
            }
            follows_special = matches!(fragment, Fragment::Special(_));
        }
        tokens
    }

    /// Returns the number of tokens that [`tokenize`](Self::tokenize) returns. If a rule of a `tokenizer.json` fails on the text,
    /// it is the number of the text's bytes, which the number of tokens rarely exceeds, so that the text counts as long and not
    /// as empty.
    #[must_use]
    pub fn count(&self, text: &str) -> usize {
        match &self.kind {
            Kind::File(tokenizer) => tokenizer.encode_fast(text, false).map_or(text.len(), |encoding| encoding.len()),
            _ => self.tokenize(text).len(),
        }
    }

    /// Returns the number of tokens of each text. The texts are divided among the threads of the machine.
    #[must_use]
    pub fn count_all(&self, texts: &[&str]) -> Vec<usize> {
        texts.par_iter().map(|text| self.count(text)).collect()
    }

    /// Compares this tokenizer with another one of the same model on built-in texts of many kinds, and returns the first text
    /// that they divide differently.
    #[must_use]
    pub fn first_difference(&self, other: &dyn Fn(&str) -> Vec<u32>) -> Option<TokenizerDifference> {
        probe_texts(&mut self.special.texts()).into_iter().find_map(|text| {
            let (tokens, other_tokens) = (self.tokenize(&text), other(&text));
            (tokens != other_tokens).then_some(TokenizerDifference { text, tokens, other_tokens })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tokenizer_file_neither_shortens_nor_fills_up_a_text() {
        let file = serde_json::json!({
            "version": "1.0",
            "truncation": { "direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0 },
            "padding": { "strategy": { "Fixed": 3 }, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0,
                "pad_token": "?" },
            "added_tokens": [],
            "normalizer": null,
            "pre_tokenizer": { "type": "Whitespace" },
            "post_processor": null,
            "decoder": null,
            "model": { "type": "WordLevel", "vocab": { "?": 0, "a": 1, "b": 2 }, "unk_token": "?" },
        });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        std::fs::write(&path, file.to_string()).unwrap();
        let tokenizer = Tokenizer::from_file(&path).unwrap();
        assert_eq!(["a", "a b a b c"].map(|text| tokenizer.tokenize(text)), [vec![1], vec![1, 2, 1, 2, 0]]);
        assert_eq!(tokenizer.count_all(&["a", "a b a b c", ""]), [1, 5, 0]);
    }
}

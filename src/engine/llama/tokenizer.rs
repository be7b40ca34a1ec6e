//! Converts between a model's tokens and text.

use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;

/// The tokenizer of a model.
pub(super) struct Tokenizer<'m> {
    vocab: LlamaVocab<'m>,
    /// The special tokens whose text is kept in answers: those of which reasoning tags consist.
    tag_tokens: &'m [LlamaToken],
}

impl<'m> Tokenizer<'m> {
    pub(super) fn new(vocab: LlamaVocab<'m>, tag_tokens: &'m [LlamaToken]) -> Self {
        Self { vocab, tag_tokens }
    }

    /// Returns the tokens of a text. Text that spells a special token becomes that token.
    pub(super) fn tokenize(&self, text: &str) -> Vec<LlamaToken> {
        self.vocab.tokenize(text.as_bytes(), false, true)
    }

    /// Appends the bytes of a token of an answer. A special token has none unless it belongs to a reasoning tag.
    pub(super) fn append_answer_bytes(&self, token: LlamaToken, bytes: &mut Vec<u8>) {
        self.vocab.token_to_piece_into(token, bytes, self.tag_tokens.contains(&token), None);
    }

    /// Appends the bytes of a token of a prompt. Special tokens have theirs.
    pub(super) fn append_prompt_bytes(&self, token: LlamaToken, bytes: &mut Vec<u8>) {
        self.vocab.token_to_piece_into(token, bytes, true, None);
    }

    /// Returns whether the model ends its answer with this token.
    pub(super) fn ends_answer(&self, token: LlamaToken) -> bool {
        self.vocab.is_eog(token)
    }
}

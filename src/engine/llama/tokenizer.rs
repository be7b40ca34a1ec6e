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

    /// Returns the tokens of a text that follows other tokens. Where the vocabulary puts a space before a text, there is none.
    ///
    /// # Errors
    /// The vocabulary has no tokens that spell the text.
    pub(super) fn tokenize_continuation(&self, text: &str) -> Result<Vec<LlamaToken>, String> {
        let tokens = self.tokenize(text);
        if self.spells(&tokens, text) {
            return Ok(tokens);
        }
        // The space then stands before the line break, whose tokens are left out.
        let tokens = self.tokenize(&format!("\n{text}"));
        match tokens.strip_prefix(self.tokenize("\n").as_slice()) {
            Some(rest) if self.spells(rest, text) => Ok(rest.to_vec()),
            _ => Err(format!("the model's vocabulary does not spell the continuation {text:?}")),
        }
    }

    /// Returns whether tokens are those of a text, to the byte.
    fn spells(&self, tokens: &[LlamaToken], text: &str) -> bool {
        let mut bytes = Vec::with_capacity(text.len());
        tokens.iter().for_each(|&token| self.append_prompt_bytes(token, &mut bytes));
        bytes == text.as_bytes()
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

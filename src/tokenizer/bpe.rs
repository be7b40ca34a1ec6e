//! Byte-level BPE, as in vocabularies with `tokenizer.ggml.model = "gpt2"`.

use std::collections::HashSet;

use tokenizers::Model;
use tokenizers::models::bpe::{BPE, Merges, Vocab};

use super::error::TokenizerError;
use super::split::Splitter;
use super::vocabulary::{Vocabulary, text, unsupported};
use crate::gguf::{Arrays, Header};

/// The number of words whose tokens each thread keeps.
const CACHED_WORDS: usize = 1 << 16;

/// A byte-level BPE tokenizer for text without special tokens.
#[derive(Debug)]
pub(super) struct ByteLevelBpe {
    splitter: Splitter,
    merges: BPE,
    /// For each byte, the character that stands for it in the texts of tokens.
    byte_chars: [char; 256],
    /// For each byte, whether its character is a token. No vocabulary needs those that UTF-8 does not use.
    is_known: [bool; 256],
}

impl ByteLevelBpe {
    /// Reads the merges, and builds the tokenizer.
    pub(super) fn read(header: &Header, arrays: &Arrays<'_>, vocabulary: &Vocabulary) -> Result<Self, TokenizerError> {
        let unsupported = |what: String| unsupported(&header.path, what);
        let pre = text(header, "tokenizer.ggml.pre");
        let splitter = Splitter::for_pre_tokenizer(pre).ok_or_else(|| unsupported(format!("its pre-tokenizer is `{pre}`")))?;
        let splitter = splitter.map_err(|error| unsupported(error.to_string()))?;
        let texts = arrays.texts("tokenizer.ggml.merges")?.ok_or_else(|| unsupported("it has no merges".to_owned()))?;
        let mut merges = Merges::new();
        let mut seen = HashSet::new();
        for merge in texts {
            let merge = std::str::from_utf8(merge).map_err(|_| unsupported("a merge is not UTF-8".to_owned()))?;
            // As llama.cpp does: the first blank behind the first byte separates the parts, and the first of two equal merges
            // counts.
            let Some((at, _)) = merge.match_indices(' ').find(|&(at, _)| at > 0) else { continue };
            if seen.insert(merge) {
                merges.push((merge[..at].to_owned(), merge[at + 1..].to_owned()));
            }
        }
        let vocab: Vocab = vocabulary.ids.iter().map(|(text, id)| (text.clone(), *id)).collect();
        let builder = BPE::builder().vocab_and_merges(vocab, merges).ignore_merges(splitter.ignores_merges);
        // Fails where a merge makes something that is no token.
        let merges = builder.cache_capacity(CACHED_WORDS).build().map_err(|error| unsupported(error.to_string()))?;
        let byte_chars = byte_chars();
        let is_known = byte_chars.map(|letter| merges.token_to_id(letter.encode_utf8(&mut [0; 4])).is_some());
        Ok(Self { splitter, merges, byte_chars, is_known })
    }

    /// Adds the tokens of a text to `tokens`.
    pub(super) fn tokenize(&self, text: &str, tokens: &mut Vec<u32>) {
        let mut encoded = String::new();
        self.splitter.for_each_word(text, &mut |word| {
            self.encode(word.as_bytes(), &mut encoded);
            let is_whole = self.splitter.ignores_merges && self.merges.token_to_id(&encoded).is_some();
            if is_whole || word.bytes().all(|byte| self.is_known[usize::from(byte)]) {
                self.merge(&encoded, tokens);
                return;
            }
            // A byte that is no token is left out by llama.cpp, and separates what is before it from what is behind it.
            for part in word.as_bytes().split(|&byte| !self.is_known[usize::from(byte)]) {
                self.encode(part, &mut encoded);
                self.merge(&encoded, tokens);
            }
        });
    }

    /// Replaces `encoded` by the characters that stand for the bytes of a word.
    fn encode(&self, word: &[u8], encoded: &mut String) {
        encoded.clear();
        encoded.extend(word.iter().map(|&byte| self.byte_chars[usize::from(byte)]));
    }

    /// Adds the tokens of one encoded word, or of a part of one.
    fn merge(&self, encoded: &str, tokens: &mut Vec<u32>) {
        // The crate's only error is about a token for unknown characters, which is not used here.
        let merged = self.merges.tokenize(encoded).unwrap_or_default();
        tokens.extend(merged.iter().map(|token| token.id));
    }
}

/// Returns GPT-2's table of the characters that stand for bytes (`bytes_to_unicode` in its encoder.py): printable bytes stand for
/// themselves, the others follow from U+0100.
fn byte_chars() -> [char; 256] {
    let mut chars = ['\0'; 256];
    let mut next = 0x100;
    for (byte, char) in (0_u8..=255).zip(&mut chars) {
        let is_printable = matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
        *char = if is_printable { char::from(byte) } else { char::from_u32(next).unwrap_or_default() };
        next += u32::from(!is_printable);
    }
    chars
}

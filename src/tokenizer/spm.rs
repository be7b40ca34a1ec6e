//! SentencePiece vocabularies, as in files with `tokenizer.ggml.model = "llama"`.
//!
//! llama.cpp does not search for the most likely segmentation, as SentencePiece's unigram model would, but merges neighbours by
//! the score of the token that they form (`llm_tokenizer_spm_session`). Several tokens may have equal scores, so that the merges
//! cannot be written as an ordered list, which is what the `tokenizers` crate's BPE needs; they are done here.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::error::TokenizerError;
use super::vocabulary::{Vocabulary, unsupported};
use crate::gguf::{Arrays, Header, Value};

/// A tokenizer for text without special tokens, which merges by scores.
#[derive(Debug)]
pub(super) struct ScoredMerges {
    /// The scores of the tokens by id.
    scores: Vec<f32>,
    /// The ids of the tokens `<0x00>` to `<0xFF>`, for characters that are no token.
    bytes: Vec<u32>,
    /// Whether a blank is put before a text that begins or follows a special token.
    adds_prefix: bool,
}

/// A part of the text that is, or becomes, a token. Parts are linked by their indices.
struct Symbol {
    start: usize,
    /// Equal to `start` once the symbol was merged into the one before it.
    end: usize,
    previous: Option<usize>,
    next: Option<usize>,
}

/// Two neighbouring symbols that form a token together.
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    /// The bytes of both when the pair was found; other bytes now mean that one of them was merged meanwhile.
    length: usize,
}

impl Ord for Pair {
    /// The pair with the higher score is greater; of equal ones, the one further left.
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then(other.left.cmp(&self.left)).then(self.length.cmp(&other.length))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Pair {}

impl ScoredMerges {
    /// Reads the scores, and builds the tokenizer.
    pub(super) fn read(header: &Header, arrays: &Arrays<'_>, vocabulary: &Vocabulary) -> Result<Self, TokenizerError> {
        let scores = match arrays.floats("tokenizer.ggml.scores")? {
            Some(scores) if scores.len() >= vocabulary.tokens.len() => scores,
            _ => return Err(unsupported(&header.path, "it has no scores".to_owned())),
        };
        let byte_token = |byte: u8| vocabulary.ids.get(&format!("<0x{byte:02X}>")).copied();
        let bytes: Option<Vec<u32>> = (0..=255).map(byte_token).collect();
        let bytes = bytes.ok_or_else(|| unsupported(&header.path, "it has no tokens for single bytes".to_owned()))?;
        let adds_prefix = header.metadata.get("tokenizer.ggml.add_space_prefix") != Some(&Value::Bool(false));
        Ok(Self { scores, bytes, adds_prefix })
    }

    /// Adds the tokens of a text to `tokens`. `follows_special` is true for a text that begins or follows a special token.
    pub(super) fn tokenize(&self, text: &str, follows_special: bool, vocabulary: &Vocabulary, tokens: &mut Vec<u32>) {
        let prefix = if self.adds_prefix && follows_special { "▁" } else { "" };
        let text = format!("{prefix}{}", text.replace(' ', "▁"));
        let mut symbols = symbols(&text);
        let mut queue = BinaryHeap::new();
        let find_pair = |symbols: &[Symbol], left: usize, right: usize| {
            let (start, end) = (symbols[left].start, symbols[right].end);
            let score = self.scores[*vocabulary.ids.get(&text[start..end])? as usize];
            Some(Pair { score, left, right, length: end - start })
        };
        queue.extend((1..symbols.len()).filter_map(|right| find_pair(&symbols, right - 1, right)));
        while let Some(Pair { left, right, length, .. }) = queue.pop() {
            let is_merged = |index: usize| symbols[index].start == symbols[index].end;
            if is_merged(left) || is_merged(right) || symbols[right].end - symbols[left].start != length {
                continue;
            }
            let next = symbols[right].next;
            symbols[left].end = symbols[right].end;
            symbols[left].next = next;
            symbols[right].start = symbols[right].end;
            if let Some(next) = next {
                symbols[next].previous = Some(left);
                queue.extend(find_pair(&symbols, left, next));
            }
            if let Some(previous) = symbols[left].previous {
                queue.extend(find_pair(&symbols, previous, left));
            }
        }
        for symbol in symbols.iter().filter(|symbol| symbol.start < symbol.end) {
            let text = &text[symbol.start..symbol.end];
            match vocabulary.ids.get(text) {
                Some(&id) => tokens.push(id),
                None => tokens.extend(text.bytes().map(|byte| self.bytes[usize::from(byte)])),
            }
        }
    }
}

/// Returns a symbol for each character.
fn symbols(text: &str) -> Vec<Symbol> {
    let mut symbols: Vec<Symbol> = text
        .char_indices()
        .enumerate()
        .map(|(index, (start, letter))| Symbol {
            start,
            end: start + letter.len_utf8(),
            previous: index.checked_sub(1),
            next: Some(index + 1),
        })
        .collect();
    if let Some(last) = symbols.last_mut() {
        last.next = None;
    }
    symbols
}

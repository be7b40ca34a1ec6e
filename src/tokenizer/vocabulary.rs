//! The vocabulary of a GGUF file: the metadata `tokenizer.ggml.*` as llama.cpp reads it (`llama_vocab::impl::load`).

use std::collections::HashMap;
use std::path::Path;

use super::error::TokenizerError;
use crate::gguf::{Arrays, Header, Value};

/// The values of `tokenizer.ggml.token_type` whose tokens are recognized by their spelling before anything else
/// (`llama_token_type` in llama.h: unknown, control, user-defined).
const SPECIAL_TYPES: [i32; 3] = [2, 3, 4];

/// Texts of tokens that end generation. llama.cpp treats them as control tokens whatever type the file gives them.
const END_OF_GENERATION: [&str; 22] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
];

/// Texts of tokens that llama.cpp always treats as user-defined ones.
const USER_DEFINED: [&str; 4] = ["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"];

/// Texts of tokens for filling in the middle. llama.cpp makes the first one of each kind that it meets in a hash table a control
/// token, unless the file names another; which one that is cannot be known here.
const FILL_IN_THE_MIDDLE: [&str; 35] = [
    "<|fim_prefix|>",
    "<fim-prefix>",
    "<fim_prefix>",
    "<｜fim▁begin｜>",
    "<PRE>",
    "▁<PRE>",
    "<|code_prefix|>",
    "<|prefix|>",
    "<|fim_suffix|>",
    "<fim-suffix>",
    "<fim_suffix>",
    "<｜fim▁hole｜>",
    "<SUF>",
    "▁<SUF>",
    "<|code_suffix|>",
    "<|suffix|>",
    "<|fim_middle|>",
    "<fim-middle>",
    "<fim_middle>",
    "<｜fim▁end｜>",
    "<MID>",
    "▁<MID>",
    "<|code_middle|>",
    "<|middle|>",
    "<|fim_pad|>",
    "<fim-pad>",
    "<fim_pad>",
    "<PAD>",
    "[PAD]",
    "<|fim_repo|>",
    "<|repo_name|>",
    "<fim-repo>",
    "<REPO>",
    "<reponame>",
    "<|file_sep|>",
];

/// The vocabulary of a model file.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// The texts of the tokens by id.
    pub(super) tokens: Vec<String>,
    /// The ids of the tokens by text.
    pub(super) ids: HashMap<String, u32>,
    /// The ids of the tokens that are recognized by their spelling before anything else.
    pub(super) special: Vec<u32>,
}

impl Vocabulary {
    /// Reads the tokens and their types.
    pub(super) fn read(header: &Header, arrays: &Arrays<'_>) -> Result<Self, TokenizerError> {
        let unsupported = |what: String| unsupported(&header.path, what);
        let name = header.name().unwrap_or_default().to_lowercase();
        if ["phi-3", "phi3", "modern-bert"].iter().any(|part| name.contains(part)) {
            return Err(unsupported("its special tokens remove the blanks beside them".to_owned()));
        }
        let texts = arrays.texts("tokenizer.ggml.tokens")?.ok_or_else(|| unsupported("it has no tokens".to_owned()))?;
        let types = arrays.integers("tokenizer.ggml.token_type")?.unwrap_or_default();
        let mut vocabulary = Self { tokens: Vec::with_capacity(texts.len()), ids: HashMap::new(), special: Vec::new() };
        for (id, text) in (0_u32..).zip(texts) {
            let text = match std::str::from_utf8(text) {
                Ok("") => format!("[EMPTY_{id}]"),
                Ok(text) => text.to_owned(),
                Err(_) => return Err(unsupported(format!("token {id} is not UTF-8"))),
            };
            let kind = types.get(id as usize).copied().unwrap_or(1);
            if is_special(kind, &text) {
                vocabulary.special.push(id);
            } else if FILL_IN_THE_MIDDLE.contains(&text.as_str()) {
                return Err(unsupported(format!("its token `{text}` is not marked as a control token")));
            }
            if vocabulary.ids.insert(text.clone(), id).is_some() {
                return Err(unsupported(format!("the token `{text}` is there twice")));
            }
            vocabulary.tokens.push(text);
        }
        // Gemma 4's vocabulary has a normal token `</s>`, and is recognized by another one.
        if let Some(&end) = vocabulary.ids.get("</s>").filter(|_| vocabulary.ids.contains_key("<|tool_response>")) {
            vocabulary.special.retain(|&id| id != end);
        }
        Ok(vocabulary)
    }
}

/// Returns the text under a metadata key, or an empty one.
pub(super) fn text<'h>(header: &'h Header, key: &str) -> &'h str {
    header.metadata.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Returns the error for a vocabulary that is left to llama.cpp.
pub(super) fn unsupported(path: &Path, what: String) -> TokenizerError {
    TokenizerError::Unsupported { path: path.to_owned(), what }
}

fn is_special(kind: i32, text: &str) -> bool {
    SPECIAL_TYPES.contains(&kind) || END_OF_GENERATION.contains(&text) || USER_DEFINED.contains(&text)
}

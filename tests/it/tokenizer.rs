//! The tokenizer that is built from the vocabulary of a model file. `tests/real_model` compares it with llama.cpp's.

use std::fs;
use std::path::PathBuf;

use gepard::tokenizer::{Tokenizer, TokenizerError, pre_tokenizers};

use crate::support::gguf;

/// Writes a model file with these metadata entries and reads its header.
fn header(folder: &tempfile::TempDir, entries: &[Vec<u8>]) -> gepard::gguf::Header {
    let path = folder.path().join("model.gguf");
    fs::write(&path, gguf::model(entries, 8)).unwrap();
    gepard::gguf::read(&path).unwrap()
}

#[test]
fn every_supported_pre_tokenizer_compiles_and_keeps_all_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for names in pre_tokenizers() {
        for name in names {
            let header = header(&folder, &gguf::bpe_vocabulary(name));
            let tokenizer = Tokenizer::from_gguf(&header).unwrap();
            // The vocabulary's tokens have at most three bytes each, and none is left out.
            let text = gguf::PIECES[..50].concat();
            let count = tokenizer.count(&text);
            assert!(count >= text.len().div_ceil(6) && count <= text.len(), "{name}: {count} tokens of {} bytes", text.len());
        }
    }
}

#[test]
fn a_word_is_not_merged_with_its_neighbours() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = ["a", "b", "1", "Ġ", "ab", "Ġa", "b1", "11", "<|x|>", "2", "12"].map(str::to_owned);
    let merges = ["b 1", "1 1", "Ġ a", "a b", "1 2"].map(str::to_owned);
    let entries = |pre: &str| {
        vec![
            gguf::entry("tokenizer.ggml.model", "gpt2"),
            gguf::entry("tokenizer.ggml.pre", pre),
            gguf::texts("tokenizer.ggml.tokens", &tokens),
            gguf::integers("tokenizer.ggml.token_type", &[1, 1, 1, 1, 1, 1, 1, 1, 3, 1, 1]),
            gguf::texts("tokenizer.ggml.merges", &merges),
        ]
    };
    let gpt2 = Tokenizer::from_gguf(&header(&folder, &entries("gpt-2"))).unwrap();
    assert_eq!(gpt2.tokenize("ab11 ab<|x|>a"), [4, 7, 5, 1, 8, 0]);
    let qwen2 = Tokenizer::from_gguf(&header(&folder, &entries("qwen2"))).unwrap();
    assert_eq!(qwen2.tokenize("ab11 ab<|x|>a"), [4, 2, 2, 5, 1, 8, 0]);
    // A byte without a token is left out, and separates its neighbours.
    assert_eq!(gpt2.tokenize("aZb"), [0, 1]);
    assert_eq!(gpt2.count_all(&["ab", "", "a a"]), [1, 0, 2]);
    assert_eq!(gpt2.first_difference(&|text| gpt2.tokenize(text)), None);
    let difference = gpt2.first_difference(&|text| qwen2.tokenize(text)).unwrap();
    assert_ne!(difference.tokens, difference.other_tokens);
}

#[test]
fn scores_decide_about_merges_of_a_sentencepiece_vocabulary() {
    let folder = tempfile::tempdir().unwrap();
    let mut tokens: Vec<String> = (0..=255).map(|byte| format!("<0x{byte:02X}>")).collect();
    tokens.extend(["▁", "a", "b", "c", "ab", "bc", "▁a", "<s>"].map(str::to_owned));
    let scores: Vec<f32> = [0.0; 256].into_iter().chain([-9.0, -9.0, -9.0, -9.0, -2.0, -1.0, -1.0, 0.0]).collect();
    let types: Vec<i32> = [6; 256].into_iter().chain([1, 1, 1, 1, 1, 1, 1, 3]).collect();
    let entries = [
        gguf::entry("tokenizer.ggml.model", "llama"),
        gguf::texts("tokenizer.ggml.tokens", &tokens),
        gguf::floats("tokenizer.ggml.scores", &scores),
        gguf::integers("tokenizer.ggml.token_type", &types),
    ];
    let tokenizer = Tokenizer::from_gguf(&header(&folder, &entries)).unwrap();
    // A blank is put before the text; equal scores are merged from the left; an unknown character becomes its bytes.
    assert_eq!(tokenizer.tokenize("abc é"), [262, 261, 256, 0xc3, 0xa9]);
    assert_eq!(tokenizer.tokenize("<s>b"), [263, 256, 258]);
}

#[test]
fn vocabularies_of_other_kinds_are_left_to_llama_cpp() {
    let folder = tempfile::tempdir().unwrap();
    let message = |entries: &[Vec<u8>]| {
        let error = Tokenizer::from_gguf(&header(&folder, entries)).unwrap_err();
        assert!(matches!(error, TokenizerError::Unsupported { .. }), "{error}");
        error.to_string()
    };
    assert!(
        message(&[gguf::entry("tokenizer.ggml.model", "t5")])
            .contains("model.gguf is only supported by llama.cpp: its kind is `t5`")
    );
    let mut entries = gguf::bpe_vocabulary("kimi-k2");
    assert!(message(&entries).contains("its pre-tokenizer is `kimi-k2`"));
    entries = gguf::bpe_vocabulary("qwen2");
    entries[4] = gguf::texts("tokenizer.ggml.merges", &["a no-such-token".to_owned()]);
    assert!(message(&entries).contains("no-such-token"));
    entries.truncate(2);
    assert!(message(&entries).contains("it has no tokens"));
    entries.push(gguf::texts("tokenizer.ggml.tokens", &["a".to_owned(), "a".to_owned()]));
    assert!(message(&entries).contains("the token `a` is there twice"));
}

#[test]
fn a_tokenizer_json_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("tokenizer.json");
    let json = r#"{"version": "1.0", "added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": {"yes": 0, "no": 1, "?": 2}, "unk_token": "?"}}"#;
    fs::write(&path, json).unwrap();
    let tokenizer = Tokenizer::from_file(&path).unwrap();
    assert_eq!(tokenizer.tokenize("yes no maybe"), [0, 1, 2]);
    for invalid in ["{", &json.replace("\"?\": 2", "\"!\": 2")] {
        fs::write(&path, invalid).unwrap();
        let error = Tokenizer::from_file(&path).unwrap_err().to_string();
        assert!(error.contains("tokenizer.json as a tokenizer: "), "{error}");
    }
}

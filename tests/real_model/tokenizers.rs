//! The tokenizer that is built from a model file gives the tokens of llama.cpp's.

use std::fs;
use std::path::Path;

use gepard::engine::llama::Vocabulary;
use gepard::tokenizer::{Tokenizer, pre_tokenizers};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::{gguf, model};

/// Both tokenizers of the file at `path`.
struct Both {
    ours: Tokenizer,
    llama: Vocabulary,
}

impl Both {
    fn open(path: &Path) -> Self {
        let header = gepard::gguf::read(path).unwrap();
        Self { ours: Tokenizer::from_gguf(&header).unwrap(), llama: Vocabulary::open(path).expect("llama.cpp reads it") }
    }

    /// Compares both on the built-in texts, and on so many random ones.
    fn agree(&self, cases: u32, what: &str) {
        assert_eq!(self.ours.first_difference(&|text| self.llama.tokenize(text)), None, "{what}");
        let pieces = prop::collection::vec(prop::sample::select(&gguf::PIECES[..]), 0..24).prop_map(|pieces| pieces.concat());
        let text = prop_oneof![4 => pieces, 1 => any::<String>(), 1 => "[ -~\\n]{0,60}"];
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        runner
            .run(&text, |text| {
                prop_assert_eq!(self.ours.tokenize(&text), self.llama.tokenize(&text), "{} of {:?}", what, text);
                Ok(())
            })
            .unwrap();
    }
}

/// Writes a file of which llama.cpp reads the vocabulary.
fn write(path: &Path, vocabulary: Vec<Vec<u8>>) {
    let numbers = ["context_length", "embedding_length", "block_count", "feed_forward_length", "attention.head_count"];
    let mut entries = vec![gguf::entry("general.architecture", "llama")];
    entries.extend(numbers.map(|key| gguf::number(&format!("llama.{key}"), 8)));
    entries.extend(vocabulary);
    fs::write(path, gguf::model(&entries, 8)).unwrap();
}

#[test]
fn the_test_model_has_the_tokens_of_llama_cpp() {
    Both::open(&model()).agree(4000, "the test model");
    let other = gepard::models::resolve("qwen2.5-coder-0.5b-instruct-q4_k_m", Path::new(""));
    if let Ok(path) = other {
        Both::open(&path).agree(4000, "Qwen2.5-Coder");
    }
}

#[test]
fn every_pre_tokenizer_divides_as_llama_cpp_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vocabulary.gguf");
    for names in pre_tokenizers() {
        for (index, name) in names.iter().enumerate() {
            write(&path, gguf::bpe_vocabulary(name));
            Both::open(&path).agree(if index == 0 { 1500 } else { 100 }, name);
        }
    }
}

#[test]
fn a_sentencepiece_vocabulary_is_merged_as_llama_cpp_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vocabulary.gguf");
    write(&path, gguf::spm_vocabulary());
    Both::open(&path).agree(3000, "with a prefix");
    let no_prefix = [gguf::spm_vocabulary(), vec![gguf::truth("tokenizer.ggml.add_space_prefix", false)]].concat();
    write(&path, no_prefix);
    Both::open(&path).agree(1000, "without a prefix");
}

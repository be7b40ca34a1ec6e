//! Tests on small files that are built byte by byte, whole and damaged in many ways.

use std::ops::ControlFlow;
use std::path::Path;

use proptest::prelude::*;

use super::*;

/// Builds the bytes of a GGUF file.
#[derive(Clone)]
struct Made {
    version: u32,
    tensors: Vec<u8>,
    tensor_count: u64,
    metadata: Vec<u8>,
    metadata_count: u64,
    weights: usize,
}

impl Made {
    fn new() -> Self {
        Self { version: 3, tensors: Vec::new(), tensor_count: 0, metadata: Vec::new(), metadata_count: 0, weights: 0 }
    }

    fn entry(mut self, key: &str, code: u32, value: &[u8]) -> Self {
        self.metadata.extend(text(key.as_bytes()));
        self.metadata.extend(code.to_le_bytes());
        self.metadata.extend(value);
        self.metadata_count += 1;
        self
    }

    fn u32(self, key: &str, value: u32) -> Self {
        self.entry(key, 4, &value.to_le_bytes())
    }

    fn text(self, key: &str, value: &str) -> Self {
        self.entry(key, 8, &text(value.as_bytes()))
    }

    fn texts(self, key: &str, values: &[&str]) -> Self {
        let mut bytes = 8u32.to_le_bytes().to_vec();
        bytes.extend((values.len() as u64).to_le_bytes());
        for value in values {
            bytes.extend(text(value.as_bytes()));
        }
        self.entry(key, 9, &bytes)
    }

    fn tensor(mut self, name: &str, dimensions: &[u64], kind: u32, offset: u64) -> Self {
        self.tensors.extend(text(name.as_bytes()));
        self.tensors.extend((dimensions.len() as u32).to_le_bytes());
        for size in dimensions {
            self.tensors.extend(size.to_le_bytes());
        }
        self.tensors.extend(kind.to_le_bytes());
        self.tensors.extend(offset.to_le_bytes());
        self.tensor_count += 1;
        self
    }

    fn weights(mut self, bytes: usize) -> Self {
        self.weights = bytes;
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend(self.tensor_count.to_le_bytes());
        bytes.extend(self.metadata_count.to_le_bytes());
        bytes.extend(&self.metadata);
        bytes.extend(&self.tensors);
        if self.weights > 0 {
            bytes.resize(bytes.len().next_multiple_of(32) + self.weights, 7);
        }
        bytes
    }

    fn parse(&self) -> Result<Header, GgufError> {
        parsed(&self.bytes())
    }
}

fn text(bytes: &[u8]) -> Vec<u8> {
    let mut made = (bytes.len() as u64).to_le_bytes().to_vec();
    made.extend(bytes);
    made
}

fn parsed(bytes: &[u8]) -> Result<Header, GgufError> {
    let path = Path::new("small.gguf");
    // The header, or its error, is the same from any beginning of the file that is long enough.
    let parsed_from = |first: usize| parse::parse(path, &bytes[..first.min(bytes.len())], bytes.len() as u64);
    let whole = parsed_from(usize::MAX);
    for first in [64, 100, 250, 400] {
        match (parsed_from(first), &whole) {
            (Err(GgufError::LongHeader { .. }), _) => {}
            (Ok(header), Ok(whole)) => assert_eq!(header, *whole),
            (Err(error), Err(whole)) => assert_eq!(error.to_string(), whole.to_string()),
            other => panic!("{other:?} from the first {first} bytes"),
        }
    }
    assert!(!matches!(whole, Err(GgufError::LongHeader { .. })), "all bytes were given");
    whole
}

/// A small model with one tensor of each of two types: 64 F32 (256 bytes) and 512 Q4_K (288).
fn small() -> Made {
    Made::new()
        .text("general.architecture", "llama")
        .text("general.name", "Small")
        .u32("general.file_type", 15)
        .u32("llama.context_length", 2048)
        .u32("llama.block_count", 2)
        .u32("llama.embedding_length", 64)
        .u32("llama.attention.head_count", 4)
        .u32("llama.attention.head_count_kv", 2)
        .texts("tokenizer.ggml.tokens", &["a", "b", ""])
        .text("tokenizer.chat_template", "{{ messages }}")
        .entry("general.truth", 7, &[1])
        .tensor("norm", &[64], 0, 0)
        .tensor("weight", &[256, 2], 12, 256)
        .weights(256 + 288)
}

#[test]
fn of_templates_with_names_the_default_is_taken_and_never_one_for_tools_before_a_plain_one() {
    let template = |names: &[&str]| {
        let add = |made: Made, name: &&str| made.text(&format!("tokenizer.chat_template.{name}"), name);
        let made = names.iter().fold(Made::new().text("general.architecture", "llama"), add);
        made.tensor("norm", &[64], 0, 0).weights(256).parse().unwrap().chat_template().map(str::to_owned)
    };
    assert_eq!(template(&["tool_use", "default", "a"]).as_deref(), Some("default"));
    assert_eq!(template(&["rag", "tool_use", "plain"]).as_deref(), Some("plain"));
    assert_eq!(template(&["tool_use"]).as_deref(), Some("tool_use"));
    assert_eq!(template(&[]), None);
}

#[test]
fn a_part_of_a_model_says_which() {
    let part = |no: u32, count: u32| small().u32("split.no", no).u32("split.count", count).parse().unwrap().part();
    assert_eq!([part(0, 2), part(1, 2), part(0, 1)], [Some((1, 2)), Some((2, 2)), None]);
    assert_eq!(small().parse().unwrap().part(), None);
}

fn message(result: Result<Header, GgufError>) -> String {
    result.expect_err("should not be readable").to_string()
}

#[test]
fn all_metadata_of_a_small_file_is_read() {
    let header = small().parse().unwrap();
    assert_eq!(header.version, 3);
    assert_eq!(header.architecture(), Some("llama"));
    assert_eq!(header.name(), Some("Small"));
    assert_eq!(header.context_length(), Some(2048));
    assert_eq!(header.block_count(), Some(2));
    assert_eq!(header.embedding_length(), Some(64));
    assert_eq!(header.head_count(), Some(4));
    assert_eq!(header.kv_head_count(), Some(2));
    assert_eq!(header.vocab_size(), Some(3));
    assert_eq!(header.chat_template(), Some("{{ messages }}"));
    assert_eq!(header.quantization(), Some("Q4_K_M"));
    assert_eq!(header.parameter_count(), 64 + 512);
    assert_eq!(header.tensors[1].kind.name(), Some("Q4_K"));
    assert_eq!(header.metadata["general.truth"], Value::Bool(true));
    assert!(!header.is_embedding_model());
    assert_eq!(header.data_start % 32, 0);
    assert_eq!(header.file_bytes, header.data_start + 256 + 288);
}

#[test]
fn versions_two_and_three_are_read_and_others_are_errors() {
    let made = |version| Made { version, ..small() };
    assert_eq!(made(2).parse().unwrap().version, 2);
    for version in [0, 1, 4] {
        let text = message(made(version).parse());
        assert!(text.contains(&format!("version {version}")), "{text}");
    }
}

#[test]
fn every_truncated_file_is_an_error() {
    let whole = small().bytes();
    for length in 0..whole.len() {
        let error = parsed(&whole[..length]).expect_err("a shortened file");
        if length >= 24 {
            let text = error.to_string();
            assert!(text.ends_with("download it again"), "{length}: {text}");
        }
    }
    assert!(parsed(&whole).is_ok());
}

#[test]
fn a_file_without_its_last_byte_is_truncated() {
    let mut bytes = small().bytes();
    let whole = bytes.len() as u64;
    bytes.truncate(bytes.len() - 1);
    match parsed(&bytes) {
        Err(GgufError::Truncated { expected_at_least, actual, .. }) => {
            assert_eq!((expected_at_least, actual), (whole, whole - 1))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn counts_larger_than_the_file_are_errors_before_anything_is_allocated() {
    for claim in [
        Made { tensor_count: 1 << 60, ..small() },
        Made { metadata_count: 1 << 60, ..small() },
        Made { metadata_count: u64::MAX, ..small() },
        Made::new().entry("k", 8, &(1u64 << 60).to_le_bytes()),
        Made::new().entry("k", 9, &[[0; 4].as_slice(), &[255; 8]].concat()),
        Made::new().entry("k", 9, &[[8, 0, 0, 0].as_slice(), &[255; 8]].concat()),
    ] {
        let text = message(claim.parse());
        assert!(text.contains("claims"), "{text}");
    }
}

#[test]
fn each_impossible_value_has_its_message() {
    let nested = [9u32.to_le_bytes().as_slice(), &0u64.to_le_bytes()].concat();
    let long_key = "k".repeat(65_536);
    let padding = "p".repeat(65_536);
    for (made, part) in [
        (Made::new().u32("k", 1).u32("k", 1), "twice"),
        (small().tensor("norm", &[1], 0, 0), "the tensor `norm` is there twice"),
        (Made::new().entry("k", 9, &nested), "array of arrays"),
        (Made::new().entry("k", 13, &[0]), "no value type 13"),
        (Made::new().entry("k", 7, &[2]), "neither true nor false"),
        (Made::new().u32("", 1).u32("k", 1), "is empty"),
        (Made::new().u32(&long_key, 1).text("pad", &padding), "text of 65536 bytes"),
        (Made::new().u32("general.alignment", 48), "power of two"),
        (Made::new().u32("general.alignment", 0), "power of two"),
        (Made::new().text("general.alignment", "32"), "power of two"),
        (Made::new().tensor("t", &[1; 5], 0, 0), "5 dimensions"),
        (Made::new().tensor("t", &[1], 0, 8), "not aligned"),
        (Made::new().tensor("t", &[100], 12, 0), "multiple of 256"),
        (Made::new().tensor("t", &[u64::MAX, 2], 0, 0), "larger than any file"),
        (Made::new().tensor("t", &[1 << 62], 28, 0), "larger than any file"),
        (Made::new().tensor("t", &[32], 0, u64::MAX - 31), "larger than any file"),
    ] {
        let text = message(made.parse());
        assert!(text.contains(part), "{text} (looked for: {part})");
    }
}

#[test]
fn the_largest_alignment_does_not_overflow() {
    let made = Made::new().entry("general.alignment", 10, &(1u64 << 63).to_le_bytes()).tensor("t", &[1], 0, 1 << 63);
    assert!(made.parse().is_err());
}

#[test]
fn files_of_other_formats_have_their_own_messages() {
    let mut big = small().bytes();
    big[4..8].reverse();
    assert!(matches!(parsed(&big), Err(GgufError::BigEndian { .. })));
    assert!(matches!(parsed(b"FUGG\0\0\0\x03"), Err(GgufError::BigEndian { .. })));
    let pointer = b"version https://git-lfs.github.com/spec/v1\n";
    assert!(message(parsed(pointer)).contains("git lfs pull"));
    assert!(message(parsed(b"\n<!doctype html>")).contains("web page"));
    assert!(message(parsed(b"PK\x03\x04rest")).contains("begins with \"PK\\x03\\x04\""));
    assert!(message(parsed(b"GG")).contains("not a GGUF file"));
}

#[test]
fn directories_and_empty_and_missing_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let text = message(read(folder.path()));
    assert!(text.contains("is a directory"), "{text}");
    let empty = folder.path().join("empty.gguf");
    std::fs::write(&empty, "").unwrap();
    assert!(message(read(&empty)).contains("it is empty"));
    assert!(message(read(&folder.path().join("none.gguf"))).contains("cannot read"));
    let good = folder.path().join("good.gguf");
    std::fs::write(&good, small().bytes()).unwrap();
    assert_eq!(read(&good).unwrap().path, good);
}

#[test]
fn a_vocabulary_file_needs_no_weights() {
    let made = Made::new().text("general.architecture", "qwen2").texts("tokenizer.ggml.tokens", &["x"]);
    let header = made.parse().unwrap();
    assert_eq!(header.vocab_size(), Some(1));
    assert_eq!(header.quantization(), None);
}

#[test]
fn embedding_models_are_recognized() {
    let bert = Made::new().text("general.architecture", "nomic-bert");
    assert!(bert.parse().unwrap().is_embedding_model());
    let pooled = |kind| {
        let made = Made::new().text("general.architecture", "qwen3").u32("qwen3.pooling_type", kind);
        made.parse().unwrap().is_embedding_model()
    };
    assert!(pooled(3));
    assert!(!pooled(0));
}

#[test]
fn files_that_are_no_language_models_are_named() {
    let of = |architecture: &str| Made::new().text("general.architecture", architecture);
    for (made, says) in [
        (of("clip"), "projector"),
        (of("qwen2").text("general.type", "mmproj"), "projector"),
        (of("llama").text("general.type", "adapter").text("adapter.type", "lora"), "adapter (LoRA)"),
        (of("llama").text("adapter.type", "lora"), "adapter (LoRA)"),
        (Made::new().text("general.type", "imatrix"), "importance matrix"),
        (of("imatrix"), "importance matrix"),
        (of("bert"), "vectors of texts"),
        (of("qwen3").u32("qwen3.pooling_type", 4), "ranks texts"),
        (of("bert").u32("bert.pooling_type", 4), "ranks texts"),
        (of("flux"), "pictures or sound"),
        (of("llama").texts("tokenizer.ggml.tokens", &["x"]), "only a vocabulary"),
    ] {
        let kind = made.parse().unwrap().other_kind();
        assert!(kind.is_some_and(|kind| kind.contains(says)), "{says}: {kind:?}");
    }
}

#[test]
fn missing_metadata_is_derived_or_none() {
    let heads = [5u32.to_le_bytes().as_slice(), &2u64.to_le_bytes(), &[0; 8]].concat();
    let header = Made::new()
        .text("general.architecture", "llama")
        .u32("llama.attention.head_count", 4)
        .entry("llama.attention.head_count_kv", 9, &heads)
        .tensor("a", &[32], 8, 0)
        .tensor("b", &[8], 0, 64)
        .tensor("c", &[8], 0, 96)
        .weights(128)
        .parse()
        .unwrap();
    assert_eq!(header.kv_head_count(), None);
    assert_eq!(header.quantization(), Some("Q8_0"));
    let plain = Made::new().text("general.architecture", "llama").u32("llama.attention.head_count", 4);
    assert_eq!(plain.parse().unwrap().kv_head_count(), Some(4));
}

#[test]
fn an_unknown_tensor_type_is_accepted() {
    let header = Made::new().tensor("t", &[8], 999, 0).weights(1).parse().unwrap();
    assert_eq!(header.tensors[0].kind.name(), None);
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = parsed(&[b"GGUF\x03\0\0\0".as_slice(), &bytes].concat());
    }

    #[test]
    fn random_entries_never_panic(
        tensors in 0u64..4,
        entries in 0u64..4,
        bytes in prop::collection::vec(prop_oneof![3 => 0u8..13, 1 => any::<u8>()], 0..600),
    ) {
        let made = Made {
            metadata: bytes,
            metadata_count: entries,
            tensor_count: tensors,
            ..Made::new()
        };
        let _ = made.parse();
    }

    #[test]
    fn a_damaged_file_never_panics(
        at in 0usize..800,
        byte in any::<u8>(),
        second in 0usize..800,
        other in any::<u8>(),
    ) {
        let mut bytes = small().bytes();
        for (at, byte) in [(at, byte), (second, other)] {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        if let Ok(header) = parsed(&bytes) {
            prop_assert!(header.tensors.len() as u64 == header.tensor_count && header.tensor_count <= 2);
        }
    }
}

#[test]
fn q5_0_weights_are_recoded_and_all_others_copied() {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = (folder.path().join("small.gguf"), folder.path().join("recoded.gguf"));
    // 64 weights of Q5_0 (44 bytes) between 64 of F32 (256) and 256 of Q4_K (144).
    let made = small().tensor("first", &[64], 0, 576).tensor("second", &[32, 2], 6, 832).tensor("third", &[256], 12, 896);
    std::fs::write(&source, made.weights(896 + 144).bytes()).unwrap();
    let header = read(&source).unwrap();
    assert!(recode::applies(&header));
    assert!(recode::write(&header, &target, &mut || ControlFlow::Break(())).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a stopped copy is deleted");
    recode::write(&header, &target, &mut || ControlFlow::Continue(())).unwrap();
    let copy = read(&target).unwrap();
    assert!(!recode::applies(&copy));
    assert_eq!((&copy.metadata, copy.tensors_start), (&header.metadata, header.tensors_start));
    let kinds = |header: &Header| header.tensors.iter().map(|t| t.kind.0).collect::<Vec<_>>();
    assert_eq!((kinds(&header), kinds(&copy)), (vec![0, 12, 0, 6, 12], vec![0, 12, 0, 8, 12]));
    let bytes = std::fs::read(&target).unwrap();
    let of = |tensor: usize, count: usize| {
        let at = (copy.data_start + copy.tensors[tensor].offset) as usize;
        &bytes[at..at + count]
    };
    assert!([(0, 256), (1, 288), (2, 256), (4, 144)].iter().all(|&(tensor, count)| of(tensor, count).iter().all(|b| *b == 7)));
    // Of the bytes 7, the scale stays; the lower four bits are 7 and 0, the fifth bits are those of 0x07070707.
    let block = of(3, 34);
    assert_eq!(&block[..5], [7, 7, 7 + 16 - 16, 7 + 16 - 16, 7 + 16 - 16]);
    assert_eq!(block[5] as i8, 7 - 16);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "no temporary file is left");
}

#[test]
fn an_adapter_is_checked_against_its_model() {
    let of = |kind: &str, architecture: &str| {
        Made::new().text("general.type", kind).text("general.architecture", architecture).text("adapter.type", "lora")
    };
    let zeros = |made: Made| made.weights(4096);
    let model = zeros(
        Made::new()
            .text("general.architecture", "llama")
            .tensor("token_embd.weight", &[16, 40], 0, 0)
            .tensor("blk.0.attn_q.weight", &[16, 8], 0, 0)
            .tensor("blk.0.ffn_up_exps.weight", &[16, 8, 2], 0, 0),
    );
    let model = model.parse().unwrap();
    let pair = |made: Made, name: &str, a: &[u64], b: &[u64], kind: u32| {
        made.tensor(&format!("{name}.lora_a"), a, kind, 0).tensor(&format!("{name}.lora_b"), b, kind, 0)
    };
    let q = |made: Made| pair(made, "blk.0.attn_q.weight", &[16, 4], &[4, 8], 0);
    let checked = |made: Made| zeros(made).parse().unwrap().check_adapter_of(&model);
    let whole = pair(q(of("adapter", "llama")), "token_embd.weight", &[4, 40], &[4, 16], 1);
    let whole = pair(whole, "blk.0.ffn_up_exps.weight", &[16, 4, 2], &[4, 8, 2], 0).tensor("blk.0.attn_norm.weight", &[16], 0, 0);
    assert_eq!(checked(whole.entry("adapter.lora.alpha", 6, &8_f32.to_le_bytes())), Ok(()));
    let adapter = || of("adapter", "llama");
    for (made, says) in [
        (q(of("model", "llama")), "`general.type` is not `adapter`"),
        (q(Made::new().text("general.type", "adapter").text("general.architecture", "llama")), "is an adapter of the type ``"),
        (q(of("adapter", "qwen3")), "is for models of the architecture `qwen3`, and this one has `llama`"),
        (q(adapter().entry("adapter.lora.alpha", 12, &8_f64.to_le_bytes())), "`adapter.lora.alpha` that is no 32-bit number"),
        (q(adapter().u32("adapter.lora.alpha", 8)), "`adapter.lora.alpha` that is no 32-bit number"),
        (q(adapter().u32("adapter.alora.invocation_tokens", 8)), "is an activated adapter"),
        (adapter(), "it has no tensors"),
        (
            adapter().tensor("blk.0.attn_q.weight.lora_a", &[16, 4], 0, 0),
            "only one of the two tensors that change `blk.0.attn_q.weight`",
        ),
        (q(adapter()).tensor("blk.0.attn_q.weight", &[16], 0, 0), "a tensor `blk.0.attn_q.weight`, which belongs to no adapter"),
        (pair(adapter(), "blk.1.attn_q.weight", &[16, 4], &[4, 8], 0), "`blk.1.attn_q.weight`, which this model does not have"),
        (
            pair(adapter(), "blk.0.attn_q.weight", &[16, 4], &[4, 9], 0),
            "sizes [16, 4] and [4, 9] for `blk.0.attn_q.weight`, which has [16, 8]",
        ),
        (pair(adapter(), "blk.0.attn_q.weight", &[16, 4], &[3, 8], 0), "sizes [16, 4] and [3, 8]"),
        (pair(adapter(), "token_embd.weight", &[16, 4], &[4, 40], 0), "for `token_embd.weight`, which has [16, 40]"),
        (pair(adapter(), "blk.0.ffn_up_exps.weight", &[16, 4, 3], &[4, 8, 2], 0), "sizes [16, 4, 3]"),
        (pair(adapter(), "blk.0.attn_q.weight", &[16, 4], &[4, 8], 26), "numbers of a type that no weights have"),
    ] {
        let error = checked(made).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}

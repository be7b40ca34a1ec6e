//! What a GGUF file says about itself: its header, read without trusting it and without a model
//! being loaded. Damaged, shortened and foreign files end here with words a person can act on.

mod error;
mod read;
pub mod recode;
#[cfg(test)]
mod tests;
mod types;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

pub use error::GgufError;
pub use types::{TensorInfo, TensorType, Value, ValueType};

/// Architectures whose models turn text into vectors and cannot write an answer.
const EMBEDDING_ARCHITECTURES: [&str; 11] = [
    "bert",
    "modern-bert",
    "nomic-bert",
    "nomic-bert-moe",
    "neo-bert",
    "jina-bert-v2",
    "jina-bert-v3",
    "eurobert",
    "gemma-embedding",
    "llama-embed",
    "t5encoder",
];

/// The bytes that are read first; the headers of most models are smaller.
const FIRST_PIECE: u64 = 16 << 20;

/// The most bytes of a header: what bounds the memory that a file can make its reader take.
const LONGEST_HEADER: u64 = 64 << 20;

/// The header of one GGUF file: everything before the weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The file that was read.
    pub path: PathBuf,
    /// The file's size in bytes.
    pub file_bytes: u64,
    /// The version of the format, 2 or 3.
    pub version: u32,
    /// How many tensors the file holds.
    pub tensor_count: u64,
    /// The metadata by key. Arrays keep only their element type and length.
    pub metadata: BTreeMap<String, Value>,
    /// The tensors in the order of the file.
    pub tensors: Vec<TensorInfo>,
    /// The byte where the tensors' descriptions begin.
    pub tensors_start: u64,
    /// What the weights are aligned to, in bytes.
    pub alignment: u64,
    /// The byte where the weights begin.
    pub data_start: u64,
}

/// Reads the header of the file at `path`.
///
/// Only the header is read, so this is quick for a file of any size. The sizes of the tensors are
/// compared with the size of the file: one whose download stopped early is an error here, not a
/// crash later.
///
/// # Errors
/// [`GgufError`] says what the file is instead, and what to do.
pub fn read(path: &Path) -> Result<Header, GgufError> {
    let io = |source| GgufError::Read { path: path.to_owned(), source };
    // Asked before opening: opening a named pipe would wait for a writer.
    let about = fs::metadata(path).map_err(io)?;
    if !about.is_file() {
        return Err(GgufError::NotAFile { path: path.to_owned(), directory: about.is_dir() });
    }
    if about.len() == 0 {
        return Err(error::not_gguf(path, &[]));
    }
    let mut file = File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    let mut wanted = FIRST_PIECE;
    loop {
        let more = wanted.saturating_sub(bytes.len() as u64);
        file.by_ref().take(more).read_to_end(&mut bytes).map_err(io)?;
        // A file that was shortened meanwhile is as long as what could be read.
        let length = if (bytes.len() as u64) < wanted { bytes.len() as u64 } else { about.len() };
        match read::parse(path, &bytes, length) {
            Err(read::Stopped::NeedsMore) if wanted < LONGEST_HEADER => wanted *= 4,
            Err(read::Stopped::NeedsMore) => return Err(GgufError::LongHeader { path: path.to_owned(), most: LONGEST_HEADER }),
            Err(read::Stopped::Error(error)) => return Err(error),
            Ok(header) => return Ok(header),
        }
    }
}

impl Header {
    /// The architecture, such as `qwen2` or `llama`.
    pub fn architecture(&self) -> Option<&str> {
        self.metadata.get("general.architecture")?.as_str()
    }

    /// The model's own name for itself.
    pub fn name(&self) -> Option<&str> {
        self.metadata.get("general.name")?.as_str()
    }

    /// The licence the file names, if it names one.
    pub fn licence(&self) -> Option<&str> {
        self.metadata.get("general.license")?.as_str()
    }

    /// The number of tokens of context the model was trained for.
    pub fn context_length(&self) -> Option<u64> {
        self.of_architecture("context_length")
    }

    /// The number of layers.
    pub fn block_count(&self) -> Option<u64> {
        self.of_architecture("block_count")
    }

    /// The width of the model.
    pub fn embedding_length(&self) -> Option<u64> {
        self.of_architecture("embedding_length")
    }

    /// The number of attention heads; `None` where it differs between layers.
    pub fn head_count(&self) -> Option<u64> {
        self.of_architecture("attention.head_count")
    }

    /// The number of key and value heads; `None` where it differs between layers. A file that does
    /// not say has as many as attention heads.
    pub fn kv_head_count(&self) -> Option<u64> {
        match self.architecture_value("attention.head_count_kv") {
            Some(value) => value.as_u64(),
            None => self.head_count(),
        }
    }

    /// The numbers of a key, for each head; `None` where the width is shared out among the heads.
    pub fn key_length(&self) -> Option<u64> {
        self.of_architecture("attention.key_length")
    }

    /// The numbers of a value, for each head; `None` where the width is shared out among the heads.
    pub fn value_length(&self) -> Option<u64> {
        self.of_architecture("attention.value_length")
    }

    /// The inner width of the feed-forward layers; `None` where it differs between layers.
    pub fn feed_forward_length(&self) -> Option<u64> {
        self.of_architecture("feed_forward_length")
    }

    /// The number of tokens in the vocabulary.
    pub fn vocab_size(&self) -> Option<u64> {
        match self.metadata.get("tokenizer.ggml.tokens")? {
            Value::Array { count, .. } => Some(*count),
            _ => None,
        }
    }

    /// The template by which a chat becomes text, in the Jinja language.
    pub fn chat_template(&self) -> Option<&str> {
        self.metadata.get("tokenizer.chat_template")?.as_str()
    }

    /// The number of weights, over all tensors.
    pub fn parameter_count(&self) -> u64 {
        self.tensors.iter().fold(0, |sum: u64, tensor| sum.saturating_add(tensor.elements()))
    }

    /// The name of the quantization, such as `Q4_K_M`: what the file says, else the type that
    /// holds most of the weights.
    pub fn quantization(&self) -> Option<&'static str> {
        let said = self.metadata.get("general.file_type").and_then(Value::as_u64).and_then(types::file_type_name);
        said.or_else(|| self.commonest_type()?.name())
    }

    /// Whether the model makes vectors rather than text.
    pub fn is_embedding_model(&self) -> bool {
        // A pooling of 0 is the format's way to say that there is none.
        let pools = self.of_architecture("pooling_type").is_some_and(|kind| kind != 0);
        pools || self.architecture().is_some_and(|name| EMBEDDING_ARCHITECTURES.contains(&name))
    }

    /// Whether keys and values of its attention are one (DeepSeek and its like), which the cache then stores as one type.
    pub fn has_latent_attention(&self) -> bool {
        self.of_architecture("attention.key_length_mla").is_some_and(|length| length > 0)
            || self.architecture() == Some("deepseek4")
    }

    /// Whether the weights lie in several files, of which this is one.
    pub fn is_split(&self) -> bool {
        self.metadata.get("split.count").and_then(Value::as_u64).is_some_and(|parts| parts > 1)
    }

    /// Whether a number of it is one that no model has and llama.cpp ends the process at (`llama_model_base::load_hparams`).
    pub fn is_out_of_bounds(&self) -> bool {
        let number = |key: &str| self.of_architecture(key).unwrap_or(0);
        let blocks = self.block_count().unwrap_or(512);
        let (experts, used) = (number("expert_count"), number("expert_used_count"));
        !(1..=512).contains(&blocks) || number("nextn_predict_layers") > blocks || experts > 1024 || used > experts
    }

    /// The type that holds most weights; the lower code where two hold the same.
    fn commonest_type(&self) -> Option<TensorType> {
        let mut weights: BTreeMap<TensorType, u64> = BTreeMap::new();
        for tensor in &self.tensors {
            let sum = weights.entry(tensor.kind).or_default();
            *sum = sum.saturating_add(tensor.elements());
        }
        let most = weights.iter().rev().max_by_key(|(_, sum)| **sum)?;
        Some(*most.0)
    }

    fn of_architecture(&self, key: &str) -> Option<u64> {
        self.architecture_value(key)?.as_u64()
    }

    fn architecture_value(&self, key: &str) -> Option<&Value> {
        let architecture = self.architecture()?;
        self.metadata.get(&format!("{architecture}.{key}"))
    }
}

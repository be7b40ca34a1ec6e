//! The settings of the llama.cpp engine: model files, threads, batch sizes, memory; and the names under which the fingerprint of
//! a run has what was chosen for each model.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[cfg(feature = "llama")]
use super::error::EngineError;
use super::memory::CacheType;

/// The number of likeliest tokens that sampling draws from, before `top_p` is applied. It is llama.cpp's default.
pub const TOP_K: i32 = 40;

/// The value at [`weights_key`] for a model that was loaded from a recoded copy.
pub const RECODED: &str = "recoded";

/// Returns the fingerprint's name for the number of layers that a model had on a GPU.
#[must_use]
pub fn layers_key(model: &str) -> String {
    format!("model.{model}.layers_on_gpu")
}

/// Returns the fingerprint's name for the tokens of a model's context.
#[must_use]
pub fn context_key(model: &str) -> String {
    format!("model.{model}.context")
}

/// Returns the fingerprint's name for the number type of a model's KV cache.
#[must_use]
pub fn cache_key(model: &str) -> String {
    format!("model.{model}.cache")
}

/// Returns the fingerprint's name for the kind of file that a model's weights were loaded from.
#[must_use]
pub fn weights_key(model: &str) -> String {
    format!("model.{model}.weights")
}

/// Returns the fingerprint's name for the threads that a model was run with.
#[must_use]
pub(crate) fn threads_key(model: &str) -> String {
    format!("model.{model}.threads")
}

/// Returns the fingerprint's name for the most tokens of a model's batches.
#[must_use]
pub(crate) fn chunk_key(model: &str) -> String {
    format!("model.{model}.chunk")
}

/// How many layers of a model are put on the GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GpuLayers {
    /// As many as fit if the build has a GPU back end and finds a device; otherwise none.
    Auto,
    /// All layers. Without a GPU this is an error.
    All,
    /// This number of layers. Without a GPU, any number but 0 is an error.
    Count(u32),
    /// The number that the resumed run had, whatever memory is free now; none if there is no GPU any more.
    Recorded(u32),
}

/// Returns the fingerprint's name for the SHA-256 of a model's adapter.
#[cfg(feature = "llama")]
pub(crate) fn lora_key(model: &str) -> String {
    format!("model.{model}.lora.sha256")
}

/// An adapter (LoRA), which changes the weights of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    /// The GGUF file.
    pub path: PathBuf,
    /// The number that its changes are multiplied with.
    pub scale: f32,
}

/// The file of one model of the plan, and how it is to be loaded.
#[derive(Debug, Clone)]
pub struct ModelFile {
    /// The model's name in the task file.
    pub name: String,
    /// The GGUF file.
    pub path: PathBuf,
    /// The SHA-256 that the file must have, in lower-case hexadecimal. If it is None, any file is accepted.
    pub expected_sha256: Option<String>,
    /// How many layers are put on the GPU.
    pub gpu_layers: GpuLayers,
    /// The context in tokens. If it is None, it is the context that the model was trained on, at most 8192, and less if memory is
    /// short.
    pub context: Option<usize>,
    /// The number type of the KV cache. If it is None, it is 16-bit floats unless memory is short.
    pub cache: Option<CacheType>,
    /// The most tokens of reasoning before each answer. At 0 the model answers without reasoning.
    pub thinking: u32,
    /// The adapter. If it is None, the weights are those of the file.
    pub lora: Option<Adapter>,
    /// The threads and batch size of the resumed run. If they are None, they are measured when the model is first used on this
    /// machine.
    pub tuning: Option<Tuning>,
    /// Whether the resumed run loaded a recoded copy. If it is None, a recoded copy is loaded where it is faster.
    pub recoded: Option<bool>,
}

impl ModelFile {
    /// Creates an error about this file.
    #[cfg(feature = "llama")]
    pub(crate) fn error(&self, cause: String) -> EngineError {
        EngineError::Model { name: self.name.clone(), path: self.path.clone(), cause }
    }
}

/// A step of preparing a model that may take long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preparation {
    /// The file is read from end to end, for its SHA-256.
    Hashing,
    /// A recoded copy of the file is written, for which this CPU has faster kernels.
    Recoding,
    /// The weights are loaded.
    Loading,
    /// Threads and batch sizes are timed, because the model is new on this machine.
    Measuring,
}

/// What [`OnLoadProgress`] is called with while models are prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadProgress<'a> {
    /// A step begins.
    Started {
        /// The step.
        step: Preparation,
        /// The model's name in the task file.
        model: &'a str,
        /// The size of the model's file, or of its weights once the file was read, in bytes.
        bytes: u64,
    },
    /// The step that began last still runs. This comes every fraction of a second.
    Running,
}

/// A function that is called while models are prepared. The preparation is interrupted if it returns [`ControlFlow::Break`].
pub type OnLoadProgress<'a> = dyn FnMut(LoadProgress<'_>) -> ControlFlow<()> + 'a;

/// The settings that all models share. They are part of the plan because answers depend on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Threads of llama.cpp. If it is None, the number is measured when a model is first used on this machine.
    pub threads: Option<usize>,
    /// Requests that are decoded together, from 1 to [`Settings::MOST_SEQUENCES`].
    pub sequences: usize,
    /// The most tokens in a batch, at least `sequences`. If it is None, the number is measured as for `threads`.
    pub chunk: Option<usize>,
    /// Bytes of memory that the models may take. If it is None, they may take seven eighths of the machine's memory.
    pub memory: Option<u64>,
    /// Whether the next tokens of an answer are guessed from its prompt and verified together, while few answers are decoded.
    /// On a CPU this changes the speed and not the answers.
    pub drafts: bool,
    /// The folder for measured tunings and recoded copies of model files. If it is None, tunings are measured anew at each start
    /// and no copy is made.
    pub cache_folder: Option<PathBuf>,
}

impl Settings {
    /// The default of `sequences`.
    pub const SEQUENCES: usize = 32;

    /// The largest value of `sequences`: llama.cpp has 256 sequences, and the engine needs one for a node of the prefix tree, one
    /// for padding and one for retired cells.
    pub const MOST_SEQUENCES: usize = 253;

    /// The most tokens of a batch if `chunk` is None. An interrupt takes effect after one batch, so this bounds its delay.
    pub const CHUNK: usize = 256;

    /// Returns the most tokens that a batch may have, before anything was measured.
    #[cfg(feature = "llama")]
    pub(crate) fn most_chunk(&self) -> usize {
        self.chunk.unwrap_or(Self::CHUNK)
    }
}

/// A device that llama.cpp can compute on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The device's name and description, as llama.cpp gives them.
    pub name: String,
    /// The device's memory in bytes.
    pub memory: u64,
}

/// The threads and the batch size of one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tuning {
    /// Threads of llama.cpp.
    pub threads: usize,
    /// The most tokens in a batch.
    pub chunk: usize,
}

impl Tuning {
    /// Returns the tuning that the run of a fingerprint used for a model. None if the fingerprint has no valid one.
    #[must_use]
    pub fn from_fingerprint(fingerprint: &BTreeMap<String, String>, model: &str) -> Option<Self> {
        let number = |key: String| fingerprint.get(&key)?.parse().ok();
        let tuning = Self { threads: number(threads_key(model))?, chunk: number(chunk_key(model))? };
        tuning.is_valid().then_some(tuning)
    }

    /// Returns whether llama.cpp can run with these numbers. A file that someone edited may have others.
    pub(crate) fn is_valid(self) -> bool {
        (1..=1024).contains(&self.threads) && (1..=4096).contains(&self.chunk)
    }
}

/// A tuning that was measured while the engine was opened.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredTuning {
    /// The model's name in the task file.
    pub model: String,
    /// The tuning that was chosen: the default one, or another one that was clearly faster.
    pub tuning: Tuning,
    /// How long the measurement took, in seconds.
    pub seconds: f64,
    /// Whether the tuning was stored in the cache folder, so that the next start need not measure it.
    pub is_kept: bool,
    /// Whether the measurement came to its end within its limit of seconds. Otherwise the default tuning was chosen.
    pub is_complete: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tuning_is_read_from_a_fingerprint() {
        let pairs = [(threads_key("task"), "3".to_owned()), (chunk_key("task"), "64".to_owned())];
        let fingerprint = BTreeMap::from(pairs);
        assert_eq!(Tuning::from_fingerprint(&fingerprint, "task"), Some(Tuning { threads: 3, chunk: 64 }));
        assert_eq!(Tuning::from_fingerprint(&fingerprint, "teacher"), None);
    }
}

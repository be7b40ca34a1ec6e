//! What is set for an engine before it runs: model files, threads, batches, memory; and the keys under which a run's
//! fingerprint keeps what was found for them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::memory::CacheType;

/// Tokens that a sampled (not greedy) answer draws from, before `top_p`: llama.cpp's own default.
pub const TOP_K: i32 = 40;

/// How many layers go to the GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GpuLayers {
    /// As many as fit where the build has a GPU back end and finds a device, else none.
    Auto,
    /// All of them.
    All,
    /// So many.
    Count(u32),
    /// As many as a run that goes on had, whatever is free now; none where there is no GPU any more.
    Kept(u32),
}

/// Where a run's fingerprint has the layers that the model called `name` had on a GPU.
#[must_use]
pub fn layers_key(name: &str) -> String {
    format!("model.{name}.layers_on_gpu")
}

/// Where it has the tokens of its context.
#[must_use]
pub fn context_key(name: &str) -> String {
    format!("model.{name}.context")
}

/// Where it has what its cache was stored as.
#[must_use]
pub fn cache_key(name: &str) -> String {
    format!("model.{name}.cache")
}

/// Where it has what its weights were loaded from.
#[must_use]
pub fn weights_key(name: &str) -> String {
    format!("model.{name}.weights")
}

/// What stands there for a recoded copy.
pub const RECODED: &str = "recoded";

/// One model of the plan.
#[derive(Debug, Clone)]
pub struct ModelFile {
    /// The name in the task file.
    pub name: String,
    /// The GGUF file.
    pub path: PathBuf,
    /// Layers to offload.
    pub gpu_layers: GpuLayers,
    /// Tokens of context; the default is what it was trained on, at most 8192, and less where memory is short.
    pub context: Option<usize>,
    /// What its cache is stored as; the default is 16-bit floats, unless memory is short.
    pub cache: Option<CacheType>,
    /// Tokens of reasoning before each answer, at most; 0: it answers at once.
    pub thinking: u32,
    /// Threads and batches that it was run with before, for a run that goes on; the default is what was found fastest here.
    pub tuning: Option<Tuning>,
    /// Whether it was a recoded copy that was run before, for a run that goes on; the default is one where it is faster.
    pub recoded: Option<bool>,
}

impl ModelFile {
    /// An error about this file.
    #[cfg(feature = "llama")]
    pub(crate) fn error(&self, cause: String) -> EngineError {
        EngineError::Model { name: self.name.clone(), path: self.path.clone(), cause }
    }
}

/// What is done before a model can answer, where it may take long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Preparation {
    /// Its file is read from end to end, for its SHA-256.
    Hashing,
    /// A copy of it is written, of which this CPU is faster.
    Recoding,
    /// Its weights are loaded.
    Loading,
    /// It is new on this machine: what threads and batches suit it is found out.
    Measuring,
}

/// Hears what is begun, of which model, and how many bytes its file has; and None now and then while that goes on. It is broken
/// off where this says so.
pub type Hears<'a> = dyn FnMut(Option<(Preparation, &str, u64)>) -> ControlFlow<()> + 'a;

/// The shape of all work; part of the plan, because answers depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Threads of llama.cpp; the default is what a measurement finds at a model's first use on a machine.
    pub threads: Option<usize>,
    /// Requests decoded together, 1 to 253.
    pub sequences: usize,
    /// Tokens in a batch, at least `sequences`; the default is measured like `threads`.
    pub chunk: Option<usize>,
    /// Bytes of memory that models may take; the default is seven eighths of the machine's.
    pub memory: Option<u64>,
    /// Whether a lone answer's next tokens are guessed from its prompt and verified together. On a CPU this changes its speed alone.
    pub drafts: bool,
}

impl Settings {
    /// Requests decoded together, unless the plan says otherwise.
    pub const SEQUENCES: usize = 32;

    /// The most tokens in a batch, unless the plan says otherwise: on a CPU, an interrupt is felt within one.
    pub const CHUNK: usize = 256;

    /// The most tokens that a batch may have.
    #[cfg(feature = "llama")]
    pub(crate) fn most_chunk(self) -> usize {
        self.chunk.unwrap_or(Self::CHUNK)
    }
}

/// A device that llama.cpp can compute on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// What llama.cpp calls it.
    pub name: String,
    /// Bytes of its memory.
    pub memory: u64,
}

/// Threads and batches of one model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tuning {
    /// Threads of llama.cpp.
    pub threads: usize,
    /// The most tokens in a batch.
    pub chunk: usize,
}

impl Tuning {
    /// What the run with this fingerprint used for the model called `name`.
    #[must_use]
    pub fn of_run(fingerprint: &BTreeMap<String, String>, name: &str) -> Option<Self> {
        let number = |key: String| fingerprint.get(&key)?.parse().ok();
        Some(Self { threads: number(threads_key(name))?, chunk: number(chunk_key(name))? })
    }
}

pub(crate) fn threads_key(name: &str) -> String {
    format!("model.{name}.threads")
}

pub(crate) fn chunk_key(name: &str) -> String {
    format!("model.{name}.chunk")
}

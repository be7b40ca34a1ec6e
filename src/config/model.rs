//! `[model.NAME]`: the models of a task, and how other parts of the plan refer to them.

use std::path::PathBuf;

use serde::Serialize;

use super::fingerprint::Keys;
use super::servers::ServersPlan;
use crate::engine::ModelId;
use crate::engine::memory::CacheType;

/// `[model.NAME]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelPlan {
    /// The name of the table.
    #[serde(skip)]
    pub name: String,
    /// Where the answers come from.
    #[serde(flatten)]
    pub source: ModelSource,
}

/// Where the answers of a model come from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "engine", rename_all = "lowercase")]
pub enum ModelSource {
    /// llama.cpp, with a GGUF file.
    Llama {
        /// A model of `gepard models list`, the path of a GGUF file, relative to the task file, or a name as Ollama has them
        /// (`hf.co/user/repo:tag`).
        gguf: String,
        /// The number of layers on the GPU: a number, `"all"`, or `"auto"` for as many as fit.
        gpu_layers: GpuLayersPlan,
        /// The most tokens of prompt and answer together; None: the context that the model was trained with, but at most 8192,
        /// and less if memory is short.
        #[serde(skip_serializing_if = "Option::is_none")]
        context: Option<usize>,
        /// The number format of the KV cache; None: 16-bit floats, or `"q8_0"` if memory is short.
        #[serde(skip_serializing_if = "Option::is_none")]
        cache: Option<CacheType>,
        /// The most tokens of reasoning before each answer. Only for models whose chat template has marks for reasoning;
        /// None: the model answers at once.
        #[serde(skip_serializing_if = "Option::is_none")]
        thinking: Option<u32>,
        /// The GGUF file of an adapter (LoRA) for this model. Two names for one `gguf` may differ in it and share the weights;
        /// None: no adapter.
        #[serde(skip_serializing_if = "Option::is_none")]
        lora: Option<PathBuf>,
        /// The number that the changes of `lora` are multiplied with; None: 1.
        #[serde(skip_serializing_if = "Option::is_none")]
        lora_scale: Option<f64>,
    },
    /// Inference servers in the user's own network. Needs the cargo feature `remote`.
    Openai(ServersPlan),
    /// The scripted engine.
    Scripted {
        /// The file of the rules that it answers by.
        script: PathBuf,
    },
}

/// The model files are outside: the run adds hashes of their content. So are the servers: the run adds what they run.
pub(super) static KEYS: Keys = Keys {
    inside: "engine gpu_layers context cache thinking lora_scale model",
    outside: "gguf script lora urls api_key_env timeout concurrency tokenizer ca proxy",
    ..Keys::NONE
};

/// The number of layers that are computed on a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GpuLayersPlan {
    /// As many as fit into the memory of the GPU. None if there is no GPU.
    Auto,
    /// All layers.
    All,
    /// This many layers.
    Count(u32),
}

impl Serialize for GpuLayersPlan {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::All => serializer.serialize_str("all"),
            Self::Count(count) => serializer.serialize_u32(*count),
        }
    }
}

/// A model that another part of the task file names. In TOML it is the name alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRef {
    /// The name of the model's table.
    pub name: String,
    /// The index of the model in the plan's list of models.
    pub id: ModelId,
}

impl Serialize for ModelRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

//! The header of a GGUF file: everything before the weights.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::types::{TensorInfo, TensorType, Value, file_type_name};

/// The header of one GGUF file: its metadata and the descriptions of its tensors, without the weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The path of the file.
    pub path: PathBuf,
    /// The size of the file in bytes.
    pub file_bytes: u64,
    /// The version of the format, 2 or 3.
    pub version: u32,
    /// The number of tensors in the file.
    pub tensor_count: u64,
    /// The metadata by key. Of an array, only its element type, length and position are kept.
    pub metadata: BTreeMap<String, Value>,
    /// The descriptions of the tensors, in the order of the file.
    pub tensors: Vec<TensorInfo>,
    /// The position of the first tensor description, in bytes from the start of the file.
    pub tensors_start: u64,
    /// The number of bytes to whose multiples the positions of tensors are rounded up.
    pub alignment: u64,
    /// The position of the first weight, in bytes from the start of the file.
    pub data_start: u64,
}

impl Header {
    /// Returns the architecture, such as `qwen2` or `llama`, if the file names one.
    pub fn architecture(&self) -> Option<&str> {
        self.metadata.get("general.architecture")?.as_str()
    }

    /// Returns the name of the model, if the file has one.
    pub fn name(&self) -> Option<&str> {
        self.metadata.get("general.name")?.as_str()
    }

    /// Returns the licence of the weights, if the file names one.
    pub fn licence(&self) -> Option<&str> {
        self.metadata.get("general.license")?.as_str()
    }

    /// Returns the number of tokens of context that the model was trained for.
    pub fn context_length(&self) -> Option<u64> {
        self.architecture_number("context_length")
    }

    /// Returns the number of layers.
    pub fn block_count(&self) -> Option<u64> {
        self.architecture_number("block_count")
    }

    /// Returns the width of the model's hidden state.
    pub fn embedding_length(&self) -> Option<u64> {
        self.architecture_number("embedding_length")
    }

    /// Returns the number of attention heads; `None` where it differs between layers.
    pub fn head_count(&self) -> Option<u64> {
        self.architecture_number("attention.head_count")
    }

    /// Returns the number of key and value heads; `None` where it differs between layers. Without an entry of the file, it is
    /// the number of attention heads.
    pub fn kv_head_count(&self) -> Option<u64> {
        match self.architecture_value("attention.head_count_kv") {
            Some(value) => value.as_u64(),
            None => self.head_count(),
        }
    }

    /// Returns the numbers in the key of one head; `None` where it is the model's width divided by the heads.
    pub fn key_length(&self) -> Option<u64> {
        self.architecture_number("attention.key_length")
    }

    /// Returns the numbers in the value of one head; `None` where it is the model's width divided by the heads.
    pub fn value_length(&self) -> Option<u64> {
        self.architecture_number("attention.value_length")
    }

    /// Returns the inner width of the feed-forward layers; `None` where it differs between layers.
    pub fn feed_forward_length(&self) -> Option<u64> {
        self.architecture_number("feed_forward_length")
    }

    /// Returns the bytes of a sequence's recurrent state if all layers had one; 0 for a model without such layers. Formulas:
    /// llama.cpp's `llama_hparams::n_embd_r` and `n_embd_s` for Mamba and for short convolutions, as 32-bit floats.
    pub fn recurrent_state_bytes(&self) -> u64 {
        let ssm = |key: &str| self.architecture_number(&format!("ssm.{key}")).unwrap_or(0);
        let (inner, state) = (ssm("inner_size"), ssm("state_size"));
        let channels = inner.saturating_add(ssm("group_count").saturating_mul(state).saturating_mul(2));
        let convolution = ssm("conv_kernel").saturating_sub(1).saturating_mul(channels);
        let short = self.architecture_number("shortconv.l_cache").unwrap_or(0).saturating_sub(1);
        let short = short.saturating_mul(self.embedding_length().unwrap_or(0));
        let floats = state.saturating_mul(inner).saturating_add(convolution).saturating_add(short);
        floats.saturating_mul(self.block_count().unwrap_or(1)).saturating_mul(4)
    }

    /// Returns the number of tokens in the vocabulary.
    pub fn vocab_size(&self) -> Option<u64> {
        match self.metadata.get("tokenizer.ggml.tokens")? {
            Value::Array { count, .. } => Some(*count),
            _ => None,
        }
    }

    /// Returns the Jinja template that renders a chat as text. If a file has only templates with names
    /// (`tokenizer.chat_template.NAME`), it is the one that is named `default`, else the first in the order of their names that is
    /// not for calls of tools or for documents (`tool_use`, `rag`).
    pub fn chat_template(&self) -> Option<&str> {
        if let Some(template) = self.metadata.get("tokenizer.chat_template") {
            return template.as_str();
        }
        let rank = |name: &str| match name {
            "default" => 0,
            "tool_use" | "rag" => 2,
            _ => 1,
        };
        let templates = self.metadata.iter().filter_map(|(key, template)| {
            let name = key.strip_prefix("tokenizer.chat_template.")?;
            Some((rank(name), name, template.as_str()?))
        });
        templates.min().map(|(_, _, template)| template)
    }

    /// Returns the number of weights of all tensors together; `u64::MAX` where it does not fit.
    pub fn parameter_count(&self) -> u64 {
        self.tensors.iter().fold(0, |sum: u64, tensor| sum.saturating_add(tensor.elements()))
    }

    /// Returns the name of the quantization, such as `Q4_K_M`: the one in `general.file_type`, or else the type that stores
    /// most weights.
    pub fn quantization(&self) -> Option<&'static str> {
        let stated = self.metadata.get("general.file_type").and_then(Value::as_u64).and_then(file_type_name);
        stated.or_else(|| self.commonest_type()?.name())
    }

    /// Returns whether keys and values of the attention are one compressed vector (multi-head latent attention, as in
    /// DeepSeek), which llama.cpp's KV cache stores with a single type.
    pub fn has_latent_attention(&self) -> bool {
        self.architecture_number("attention.key_length_mla").is_some_and(|length| length > 0)
            || self.architecture() == Some("deepseek4")
    }

    /// Returns whether the weights are divided among several files, of which this is one.
    pub fn is_split(&self) -> bool {
        self.part().is_some()
    }

    /// Returns which part of a divided model this file is, from 1, and the number of parts. None for a whole model.
    pub fn part(&self) -> Option<(u64, u64)> {
        let number = |key: &str| self.metadata.get(key).and_then(Value::as_u64);
        let count = number("split.count").filter(|count| *count > 1)?;
        Some((number("split.no").unwrap_or(0).saturating_add(1), count))
    }

    /// Returns whether the numbers of layers or experts are beyond the limits at which llama.cpp aborts the process
    /// (`llama_model_base::load_hparams`).
    pub fn is_out_of_bounds(&self) -> bool {
        let number = |key: &str| self.architecture_number(key).unwrap_or(0);
        let blocks = self.block_count().unwrap_or(512);
        let (experts, used) = (number("expert_count"), number("expert_used_count"));
        !(1..=512).contains(&blocks) || number("nextn_predict_layers") > blocks || experts > 1024 || used > experts
    }

    /// Returns the type that stores most weights; of two that store equally many, the one with the lower code.
    fn commonest_type(&self) -> Option<TensorType> {
        let mut weights: BTreeMap<TensorType, u64> = BTreeMap::new();
        for tensor in &self.tensors {
            let sum = weights.entry(tensor.kind).or_default();
            *sum = sum.saturating_add(tensor.elements());
        }
        let most = weights.iter().rev().max_by_key(|(_, sum)| **sum)?;
        Some(*most.0)
    }

    /// Returns the number under `ARCHITECTURE.key`.
    pub(super) fn architecture_number(&self, key: &str) -> Option<u64> {
        self.architecture_value(key)?.as_u64()
    }

    /// Returns the value under `ARCHITECTURE.key`.
    fn architecture_value(&self, key: &str) -> Option<&Value> {
        let architecture = self.architecture()?;
        self.metadata.get(&format!("{architecture}.{key}"))
    }
}

//! Adapters (LoRA): checked against the header of their model, loaded beside its weights, and chosen for each list of requests.
//!
//! Models of the plan that differ in nothing but the adapter share one loaded model. What its KV cache holds was computed with one
//! adapter, so nothing is carried from one to another.

use std::path::PathBuf;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::model::{LlamaLoraAdapter, LlamaModel};

use super::file_hash::sha256;
use crate::engine::error::EngineError;
use crate::engine::settings::{Adapter, ModelFile, OnLoadProgress};
use crate::gguf::{self, Header};

/// An adapter that fits its model.
pub(super) struct CheckedAdapter {
    /// The canonical path, so that different spellings name the same file.
    pub(super) path: PathBuf,
    pub(super) scale: f32,
    /// The SHA-256 of the file, in lower-case hexadecimal.
    pub(super) sha256: String,
    pub(super) header: Header,
}

impl CheckedAdapter {
    /// Reads the header of an adapter and computes its SHA-256. `model` is the header of the model of `file`.
    ///
    /// # Errors
    /// [`EngineError::Model`] if it cannot be read or does not fit, and [`EngineError::Interrupted`] if `on_progress` breaks off.
    pub(super) fn open(
        file: &ModelFile,
        adapter: &Adapter,
        model: &Header,
        on_progress: &mut OnLoadProgress<'_>,
    ) -> Result<Self, EngineError> {
        let header = gguf::read(&adapter.path).map_err(|e| file.error(format!("its adapter: {e}")))?;
        let unfit = |cause: String| file.error(format!("its adapter {} {cause}", adapter.path.display()));
        header.check_adapter_of(model).map_err(unfit)?;
        let sha256 = sha256(file, &header, None, on_progress)?;
        let path = std::fs::canonicalize(&adapter.path).unwrap_or_else(|_| adapter.path.clone());
        Ok(Self { path, scale: adapter.scale, sha256, header })
    }

    /// Returns the bytes of its weights.
    pub(super) fn bytes(&self) -> u64 {
        self.header.file_bytes.saturating_sub(self.header.data_start)
    }
}

/// The adapters of a loaded model, which live as long as the model.
pub(super) struct Adapters {
    loaded: Vec<(LlamaLoraAdapter, f32)>,
    /// The index of the adapter of the context. None if it has none.
    current: Option<usize>,
}

impl Adapters {
    /// Loads the adapters of a model, which must have no context yet. `file` is its file, for errors.
    ///
    /// # Errors
    /// [`EngineError::Model`] if llama.cpp cannot load one.
    pub(super) fn load(checked: &[CheckedAdapter], file: &ModelFile, model: &mut LlamaModel) -> Result<Self, EngineError> {
        let mut loaded = Vec::new();
        for CheckedAdapter { path, scale, .. } in checked {
            let adapter = model
                .lora_adapter_init(path)
                .map_err(|e| file.error(format!("llama.cpp cannot load its adapter {} ({e})", path.display())))?;
            loaded.push((adapter, *scale));
        }
        Ok(Self { loaded, current: None })
    }

    /// Gives the context the adapter at an index, or none. Returns whether it had another before; what its cache holds is of no use
    /// then.
    ///
    /// # Errors
    /// [`EngineError::Backend`] if llama.cpp refuses it.
    pub(super) fn select(&mut self, context: &mut LlamaContext<'_>, wanted: Option<usize>) -> Result<bool, EngineError> {
        if self.current == wanted {
            return Ok(false);
        }
        let failed = |cause: String| EngineError::Backend { doing: "changing the adapter", cause };
        if let Some(current) = self.current.take()
            && let Some((adapter, _)) = self.loaded.get_mut(current)
        {
            context.lora_adapter_remove(adapter).map_err(|e| failed(e.to_string()))?;
        }
        if let Some(index) = wanted {
            let (adapter, scale) = self.loaded.get_mut(index).ok_or_else(|| failed("there is no such adapter".into()))?;
            context.lora_adapter_set(adapter, *scale).map_err(|e| failed(e.to_string()))?;
        }
        self.current = wanted;
        Ok(true)
    }
}

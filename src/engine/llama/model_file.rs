//! Checks a model file before anything is loaded: its header, its SHA-256, and what it needs of the memory.

use std::ops::ControlFlow;
use std::path::PathBuf;

use llama_cpp_2::llama_backend::LlamaBackend;

use super::adapter::CheckedAdapter;
use super::file_hash::sha256;
use super::recoded::recoded_copy;
use crate::engine::error::EngineError;
use crate::engine::memory::{CacheType, Need};
use crate::engine::settings::{GpuLayers, LoadProgress, ModelFile, OnLoadProgress, Settings, Tuning};
use crate::gguf::{self, Header};

/// The longest context that is set up if the task file sets none, in tokens.
const DEFAULT_CONTEXT: usize = 8192;

/// The longest context that can be set up, in tokens. llama.cpp's positions are 32-bit numbers; the rows that pad a batch have
/// some of them.
const MAX_CONTEXT: usize = i32::MAX as usize / 2;

/// What two models of the plan must have in common to share one loaded model.
#[derive(PartialEq, Eq)]
pub(super) struct SharingKey {
    /// The canonical path, so that different spellings name the same file.
    path: PathBuf,
    gpu_layers: GpuLayers,
    context: Option<usize>,
    cache: Option<CacheType>,
    tuning: Option<Tuning>,
}

impl SharingKey {
    pub(super) fn new(file: &ModelFile) -> Self {
        let &ModelFile { gpu_layers, context, cache, tuning, .. } = file;
        let path = std::fs::canonicalize(&file.path).unwrap_or_else(|_| file.path.clone());
        Self { path, gpu_layers, context, cache, tuning }
    }
}

/// A model file that passed all checks.
pub(super) struct CheckedFile {
    /// The file and its settings.
    pub(super) file: ModelFile,
    /// The file that the weights are loaded from: the model file itself or its recoded copy.
    pub(super) weights: PathBuf,
    pub(super) header: Header,
    /// The SHA-256 of the model file, in lower-case hexadecimal.
    pub(super) sha256: String,
    /// What the model needs of the memory.
    pub(super) need: Need,
    /// The adapters of the models of the plan that share this one.
    pub(super) adapters: Vec<CheckedAdapter>,
}

impl CheckedFile {
    /// Reads the header, computes the SHA-256, and finds or writes the recoded copy if one is faster on this machine.
    ///
    /// # Errors
    /// [`EngineError::Model`] if the file cannot be used, and [`EngineError::Interrupted`] if `on_progress` breaks off.
    pub(super) fn open(
        backend: &LlamaBackend,
        file: &ModelFile,
        settings: &Settings,
        on_progress: &mut OnLoadProgress<'_>,
    ) -> Result<Self, EngineError> {
        let error = |cause: String| file.error(cause);
        let header = gguf::read(&file.path).map_err(|e| error(e.to_string()))?;
        check_kind(file, &header)?;
        let context = context(file, &header)?;
        let gpu_layers = gpu_layers(file, backend.supports_gpu_offload())?;

        // After it broke off, the function is not called again.
        let mut flow = ControlFlow::Continue(());
        let mut report = |progress: LoadProgress<'_>| {
            if flow.is_continue() {
                flow = on_progress(progress);
            }
            flow
        };
        let sha256 = sha256(file, &header, file.expected_sha256.as_deref(), &mut report)?;
        let folder = settings.cache_folder.as_deref().filter(|_| gpu_layers == Some(0) && file.recoded != Some(false));
        let copy = folder.and_then(|folder| recoded_copy(&file.name, &header, &sha256, folder, &mut report));
        if flow.is_break() {
            return Err(EngineError::Interrupted);
        }

        let of_header = Need::from_header(&file.name, &header, settings.most_chunk(), context);
        if file.cache == Some(CacheType::Q8) && of_header.cache.is_some() {
            return Err(error("`cache = \"q8_0\"` needs attention heads of a multiple of 32 numbers; leave it out".into()));
        }
        let cache = file.cache.or(of_header.cache);
        let mut need = Need { may_shrink: file.context.is_none(), cache, gpu_layers, ..of_header };
        if let Some(copy) = copy.as_ref().and_then(|copy| gguf::read(copy).ok()) {
            need.weights = copy.file_bytes.saturating_sub(copy.data_start);
        }
        let weights = copy.unwrap_or_else(|| file.path.clone());
        Ok(Self { file: file.clone(), weights, header, sha256, need, adapters: Vec::new() })
    }

    /// Checks the adapter of `file`, a model of the plan that shares this one, and adds it to what is loaded. Returns its index; None if
    /// it has none.
    ///
    /// # Errors
    /// Those of [`CheckedAdapter::open`].
    pub(super) fn add_adapter(
        &mut self,
        file: &ModelFile,
        on_progress: &mut OnLoadProgress<'_>,
    ) -> Result<Option<usize>, EngineError> {
        let Some(adapter) = &file.lora else { return Ok(None) };
        let checked = CheckedAdapter::open(file, adapter, &self.header, on_progress)?;
        let same = |other: &CheckedAdapter| other.path == checked.path && other.scale == checked.scale;
        if let Some(index) = self.adapters.iter().position(same) {
            return Ok(Some(index));
        }
        self.need.weights = self.need.weights.saturating_add(checked.bytes());
        self.adapters.push(checked);
        Ok(Some(self.adapters.len() - 1))
    }
}

/// Checks that the file is one whole model that can answer prompts.
fn check_kind(file: &ModelFile, header: &Header) -> Result<(), EngineError> {
    let error = |cause: &str| Err(file.error(cause.to_owned()));
    if let Some(kind) = header.other_kind() {
        return error(&format!("it {kind}"));
    }
    if header.is_split() {
        return error(
            "it is one of the several parts of a model; join them with `llama-gguf-split --merge FIRST.gguf JOINED.gguf`",
        );
    }
    if header.is_out_of_bounds() {
        return error("its header has numbers that no model has; download it again");
    }
    Ok(())
}

/// Returns the tokens of context that are wanted for a model.
fn context(file: &ModelFile, header: &Header) -> Result<usize, EngineError> {
    let trained = header.context_length().and_then(|n| usize::try_from(n).ok()).unwrap_or(DEFAULT_CONTEXT);
    match file.context {
        Some(set) if set > trained => {
            Err(file.error(format!("`context = {set}` exceeds the {trained} tokens it was trained on; lower it")))
        }
        Some(set) if set > MAX_CONTEXT => {
            Err(file.error(format!("`context = {set}` exceeds the {MAX_CONTEXT} tokens that llama.cpp can have; lower it")))
        }
        Some(set) => Ok(set),
        None => Ok(trained.min(DEFAULT_CONTEXT)),
    }
}

/// Returns the layers that must be put on the GPU. None puts as many there as fit.
fn gpu_layers(file: &ModelFile, has_gpu: bool) -> Result<Option<u32>, EngineError> {
    let layers = match file.gpu_layers {
        GpuLayers::Count(layers) => Some(layers),
        GpuLayers::All => Some(u32::MAX),
        GpuLayers::Auto if has_gpu => None,
        GpuLayers::Recorded(layers) if has_gpu => Some(layers),
        GpuLayers::Auto | GpuLayers::Recorded(_) => Some(0),
    };
    if layers != Some(0) && !has_gpu {
        return Err(file.error(
            "`gpu_layers` asks for a GPU, but this build has no GPU back end or finds no device; \
             build with --features cuda, vulkan, metal or rocm, or set gpu_layers = \"auto\""
                .into(),
        ));
    }
    Ok(layers)
}

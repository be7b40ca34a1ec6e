//! A model file before anything is loaded: its header, its hash, what it needs of memory.

use std::path::PathBuf;

use llama_cpp_2::llama_backend::LlamaBackend;

use super::recoded;
use crate::engine::EngineError;
use crate::engine::memory::{CacheType, Need};
use crate::engine::settings::{GpuLayers, Hears, ModelFile, Preparation};
use crate::gguf::Header;
use crate::{gguf, models};

/// The longest context that is set up unless the task file asks for more, in tokens.
const DEFAULT_CONTEXT: usize = 8192;

pub(super) struct Found {
    pub(super) file: ModelFile,
    /// The file that is loaded: itself, or its recoded copy.
    pub(super) weights: PathBuf,
    pub(super) header: Header,
    pub(super) sha256: String,
    pub(super) need: Need,
}

impl Found {
    /// Reads the header, hashes the file, and finds the copy that is faster here.
    pub(super) fn open(
        backend: &LlamaBackend,
        file: &ModelFile,
        chunk: usize,
        hears: &mut Hears<'_>,
    ) -> Result<Self, EngineError> {
        let error = |cause: String| file.error(cause);
        let header = gguf::read(&file.path).map_err(|e| error(e.to_string()))?;
        if header.is_embedding_model() {
            return Err(error("it makes vectors of texts and cannot answer a prompt; take an instruction-tuned model".into()));
        }
        if header.is_split() {
            let remedy = "join them with `llama-gguf-split --merge FIRST.gguf JOINED.gguf`";
            return Err(error(format!("it is one of the several parts of a model; {remedy}")));
        }
        if header.is_out_of_bounds() {
            return Err(error("its header has numbers that no model has; download it again".into()));
        }
        let trained = header.context_length().and_then(|n| usize::try_from(n).ok()).unwrap_or(DEFAULT_CONTEXT);
        let context = match file.context {
            Some(asked) if asked > trained => {
                return Err(error(format!("`context = {asked}` exceeds the {trained} tokens it was trained on")));
            }
            Some(asked) => asked,
            None => trained.min(DEFAULT_CONTEXT),
        };
        let has_gpu = backend.supports_gpu_offload();
        let gpu_layers = match file.gpu_layers {
            GpuLayers::Count(n) => Some(n),
            GpuLayers::All => Some(u32::MAX),
            GpuLayers::Auto if has_gpu => None,
            GpuLayers::Kept(n) if has_gpu => Some(n),
            GpuLayers::Auto | GpuLayers::Kept(_) => Some(0),
        };
        if gpu_layers != Some(0) && !has_gpu {
            return Err(error(
                "`gpu_layers` asks for a GPU, but this build has no GPU back end or finds no device; \
                 build with --features cuda, vulkan, metal or rocm, or set gpu_layers = \"auto\""
                    .into(),
            ));
        }
        let tell = |begun| (begun, &*file.name, header.file_bytes);
        let mut goes_on = hears(Some(tell(Preparation::Hashing)));
        let hashed = models::sha256_while(&file.path, &mut || {
            goes_on = if goes_on.is_break() { goes_on } else { hears(None) };
            goes_on
        });
        let Some(sha256) = hashed.map_err(|e| error(e.to_string()))? else { return Err(EngineError::Interrupted) };
        if let Some(pinned) = models::pinned(&file.path).filter(|pinned| *pinned != sha256) {
            return Err(error(format!(
                "its SHA-256 is {sha256}, and should be {pinned}: it was damaged or changed; remove it and fetch or add it again"
            )));
        }
        let mut writes = |begins: bool| {
            goes_on = if goes_on.is_break() { goes_on } else { hears(begins.then(|| tell(Preparation::Recoding))) };
            goes_on
        };
        let copy = if gpu_layers == Some(0) && file.recoded != Some(false) {
            recoded::copy(&header, &sha256, &mut writes)
        } else {
            None
        };
        if goes_on.is_break() {
            return Err(EngineError::Interrupted);
        }
        let of_header = Need::of(&file.name, &header, chunk, context);
        if file.cache == Some(CacheType::Q8) && of_header.cache.is_some() {
            return Err(error("`cache = \"q8_0\"` needs attention heads of a multiple of 32 numbers; leave it out".into()));
        }
        let cache = file.cache.or(of_header.cache);
        let mut need = Need { may_shrink: file.context.is_none(), cache, gpu_layers, ..of_header };
        if let Some(copy) = copy.as_ref().and_then(|copy| gguf::read(copy).ok()) {
            need.weights = copy.file_bytes.saturating_sub(copy.data_start);
        }
        let weights = copy.unwrap_or_else(|| file.path.clone());
        Ok(Self { file: file.clone(), weights, header, sha256, need })
    }
}

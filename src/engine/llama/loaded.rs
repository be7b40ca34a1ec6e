//! One model file in memory: weights, vocabulary, chat template.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;
use llguidance::{Matcher, ParserFactory};

use super::chat::ChatTemplate;
use super::{GpuLayers, ModelFile, recoded};
use crate::engine::{EngineError, Grammar};
use crate::{catalog, gguf};

/// The longest context that is set up unless the task file asks for more, in tokens.
const DEFAULT_CONTEXT: usize = 8192;

/// Layers that no model has: all of them go to the GPU.
const ALL_LAYERS: u32 = 9999;

pub(super) struct Loaded {
    pub(super) model: LlamaModel,
    pub(super) template: ChatTemplate,
    /// Tokens a request may have, prompt and answer together.
    pub(super) context: usize,
    pub(super) sha256: String,
    /// Layers offloaded, of however many it has.
    pub(super) gpu_layers: u32,
    /// Whether a recoded copy of the weights was loaded.
    pub(super) recoded: bool,
    name: String,
    path: PathBuf,
    bos: String,
    /// Makes what enforces grammars on its tokens; its vocabulary is read when the first one comes.
    parsers: OnceLock<Result<ParserFactory, String>>,
}

impl Loaded {
    /// Checks the file, reads its header, hashes it and loads it.
    pub(super) fn open(backend: &LlamaBackend, file: &ModelFile) -> Result<Self, EngineError> {
        let error = |cause: String| model_error(&file.name, &file.path, cause);
        let header = gguf::read(&file.path).map_err(|e| error(e.to_string()))?;
        let source = header
            .chat_template()
            .ok_or_else(|| error("it has no chat template, so it is a base model; take the instruction-tuned one".into()))?;
        let trained = header.context_length().and_then(|n| usize::try_from(n).ok()).unwrap_or(DEFAULT_CONTEXT);
        let context = match file.context {
            Some(asked) if asked > trained => {
                return Err(error(format!("`context = {asked}` exceeds the {trained} tokens it was trained on")));
            }
            Some(asked) => asked,
            None => trained.min(DEFAULT_CONTEXT),
        };
        let sha256 = catalog::sha256(&file.path).map_err(|e| error(e.to_string()))?;
        let layers = match file.gpu_layers {
            GpuLayers::Count(n) => n,
            GpuLayers::All => ALL_LAYERS,
            GpuLayers::Auto if backend.supports_gpu_offload() => ALL_LAYERS,
            GpuLayers::Auto => 0,
        };
        if layers > 0 && !backend.supports_gpu_offload() {
            return Err(error(
                "`gpu_layers` asks for a GPU, but this build has no GPU back end or finds no device; \
                 build with --features cuda, vulkan, metal or rocm, or set gpu_layers = \"auto\""
                    .into(),
            ));
        }
        let params = LlamaModelParams::default().with_n_gpu_layers(layers);
        let copy = if layers == 0 { recoded::copy(&header, &sha256) } else { None };
        let model = LlamaModel::load_from_file(backend, copy.as_deref().unwrap_or(&file.path), &params)
            .map_err(|e| error(format!("llama.cpp cannot load it ({e}); its architecture may be newer than this build")))?;
        if model.is_recurrent() || model.is_hybrid() {
            return Err(error("it is a recurrent or hybrid model, whose cache cannot be shared; take a transformer".into()));
        }
        let vocab = model.vocab();
        let (bos, eos) = (special(&vocab, vocab.bos()), special(&vocab, vocab.eos()));
        let template = ChatTemplate::new(source, &bos, &eos).map_err(|e| error(e.to_string()))?;
        let (name, path, recoded) = (file.name.clone(), file.path.clone(), copy.is_some());
        Ok(Self { model, template, context, sha256, gpu_layers: layers, recoded, name, path, bos, parsers: OnceLock::new() })
    }

    /// Tokens of a rendered chat: special tokens are read as such, and the beginning-of-text token
    /// is added where the model wants one and the template has not written it.
    pub(super) fn tokenize_prompt(&self, text: &str) -> Vec<LlamaToken> {
        let written = !self.bos.is_empty() && text.starts_with(&self.bos);
        self.model.vocab().tokenize(text.as_bytes(), !written, true)
    }

    /// What enforces a grammar on the answers of this model.
    pub(super) fn matcher(&self, grammar: &Grammar) -> Result<Matcher, String> {
        let parsers = self.parsers.get_or_init(|| {
            let mut parsers =
                ParserFactory::new_simple(&LlamaSampler::llguidance_tok_env(&self.model)).map_err(|e| e.to_string())?;
            parsers.quiet();
            Ok(parsers)
        });
        grammar.matcher(parsers.as_ref().map_err(Clone::clone)?)
    }

    pub(super) fn error(&self, cause: String) -> EngineError {
        model_error(&self.name, &self.path, cause)
    }
}

fn model_error(name: &str, path: &Path, cause: String) -> EngineError {
    EngineError::Model { name: name.to_owned(), path: path.to_owned(), cause }
}

/// The text of a special token; empty where the model has none.
fn special(vocab: &LlamaVocab<'_>, token: LlamaToken) -> String {
    if token.0 < 0 {
        return String::new();
    }
    String::from_utf8_lossy(&vocab.token_to_piece(token, true, None)).into_owned()
}

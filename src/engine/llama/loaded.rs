//! What is known of a model file without its weights: vocabulary, chat template, how it is to be loaded.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::model::params::LlamaModelParams;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;
use llguidance::{Matcher, ParserFactory};

use super::found::Found;
use super::rows::Rows;
use crate::engine::chat::ChatTemplate;
use crate::engine::memory::{CacheType, Share};
use crate::engine::settings::{ModelFile, Tuning};
use crate::engine::{EngineError, Grammar, reasoning};

pub(super) struct Loaded {
    /// The model without weights: llama.cpp's own tokenizer, for whoever counts tokens while the weights are elsewhere.
    vocabulary: LlamaModel,
    pub(super) template: ChatTemplate,
    /// Tokens a request may have, prompt and answer together.
    pub(super) context: usize,
    pub(super) cache: CacheType,
    pub(super) sha256: String,
    /// Layers offloaded.
    pub(super) gpu_layers: u32,
    /// What batches are filled up to, so that a row's arithmetic is its own; None on a GPU, whose kernels promise nothing.
    pub(super) rows: Option<Rows>,
    /// Whether a recoded copy of the weights is loaded.
    pub(super) recoded: bool,
    /// Bytes of its weights.
    pub(super) size: u64,
    /// Threads and batches; known once the weights were loaded.
    pub(super) tuning: OnceLock<Tuning>,
    /// Whether these were measured just now, and how many seconds that took.
    pub(super) measured: OnceLock<f64>,
    pub(super) file: ModelFile,
    weights: PathBuf,
    bos: String,
    /// The special tokens that models mark their reasoning with, where this one has any.
    marks: Vec<LlamaToken>,
    /// Tokens that lead from reasoning to an answer at most, but for what the answer begins with; 0 where the template marks none.
    pub(super) lead: usize,
    /// Whether keys and values of its attention are one.
    pub(super) is_latent: bool,
    /// Makes what enforces grammars on its tokens; its vocabulary is read when the first one comes.
    parsers: OnceLock<Result<ParserFactory, String>>,
}

/// Who closes its reasoning alone may break lines otherwise, and so may what joins it to its surroundings: so many tokens more.
const SPARE: usize = 8;

impl Loaded {
    /// Reads vocabulary and chat template of a file.
    pub(super) fn open(backend: &LlamaBackend, found: Found, share: &Share) -> Result<Self, EngineError> {
        let error = |cause: String| found.file.error(cause);
        let source = found
            .header
            .chat_template()
            .ok_or_else(|| error("it has no chat template, so it is a base model; take the instruction-tuned one".into()))?;
        // Before llama.cpp reads on: what is wrong with the template is told as that.
        ChatTemplate::new(source, "", "").map_err(|e| error(e.to_string()))?;
        let params = LlamaModelParams::default().with_vocab_only(true);
        let vocabulary = LlamaModel::load_from_file(backend, &found.file.path, &params)
            .map_err(|e| error(format!("llama.cpp cannot read it ({e}); its architecture may be newer than this build")))?;
        if vocabulary.is_recurrent() || vocabulary.is_hybrid() {
            return Err(error("it is a recurrent or hybrid model, whose cache cannot be shared; take a transformer".into()));
        }
        let vocab = vocabulary.vocab();
        let (bos, eos) = (special(&vocab, vocab.bos()), special(&vocab, vocab.eos()));
        let template = ChatTemplate::new(source, &bos, &eos).map_err(|e| error(e.to_string()))?;
        let marks = reasoning::MARKS.iter().filter_map(|mark| match vocab.tokenize(mark.as_bytes(), false, true).as_slice() {
            &[mark] => Some(mark),
            _ => None,
        });
        let marks = marks.collect();
        let lead = template.tags().map_or(0, |tags| vocab.tokenize(tags.closing("").as_bytes(), false, true).len() + SPARE);
        Ok(Self {
            vocabulary,
            template,
            context: share.context,
            cache: share.cache,
            sha256: found.sha256,
            gpu_layers: share.gpu_layers,
            rows: (share.gpu_layers == 0).then(|| Rows::of(&found.header)),
            recoded: found.weights != found.file.path,
            size: share.weights.max(1),
            tuning: OnceLock::new(),
            measured: OnceLock::new(),
            file: found.file,
            weights: found.weights,
            bos,
            marks,
            lead,
            is_latent: found.header.has_latent_attention(),
            parsers: OnceLock::new(),
        })
    }

    /// Loads the weights, unless `cancelled` meanwhile.
    pub(super) fn weights(&self, backend: &LlamaBackend, cancelled: &Arc<AtomicBool>) -> Result<LlamaModel, EngineError> {
        let stop = Arc::clone(cancelled);
        let params = LlamaModelParams::default()
            .with_n_gpu_layers(self.gpu_layers)
            .with_progress_callback(move |_| !stop.load(Ordering::Relaxed));
        LlamaModel::load_from_file(backend, &self.weights, &params).map_err(|e| {
            if cancelled.load(Ordering::Relaxed) {
                return EngineError::Interrupted;
            }
            let room = match self.gpu_layers {
                0 => String::new(),
                layers => format!(", or the GPU has no room for {layers} of its layers"),
            };
            self.error(format!("llama.cpp cannot load it ({e}); its architecture may be newer than this build{room}"))
        })
    }

    pub(super) fn vocab(&self) -> LlamaVocab<'_> {
        self.vocabulary.vocab()
    }

    pub(super) fn spelling(&self) -> Spelling<'_> {
        Spelling { vocab: self.vocab(), marks: &self.marks }
    }

    /// Tokens of a rendered chat: special tokens are read as such, and the beginning-of-text token
    /// is added where the model wants one and the template has not written it.
    pub(super) fn tokenize_prompt(&self, text: &str) -> Vec<LlamaToken> {
        let written = !self.bos.is_empty() && text.starts_with(&self.bos);
        self.vocab().tokenize(text.as_bytes(), !written, true)
    }

    /// What enforces a grammar on the answers of this model.
    pub(super) fn matcher(&self, grammar: &Grammar) -> Result<Matcher, String> {
        let parsers = self.parsers.get_or_init(|| {
            let mut parsers =
                ParserFactory::new_simple(&LlamaSampler::llguidance_tok_env(&self.vocabulary)).map_err(|e| e.to_string())?;
            parsers.quiet();
            Ok(parsers)
        });
        grammar.matcher(parsers.as_ref().map_err(Clone::clone)?)
    }

    pub(super) fn error(&self, cause: String) -> EngineError {
        self.file.error(cause)
    }
}

/// How answers are spelled.
pub(super) struct Spelling<'m> {
    pub(super) vocab: LlamaVocab<'m>,
    marks: &'m [LlamaToken],
}

impl Spelling<'_> {
    /// Adds the bytes of a token. Special tokens have none, but for those that mark reasoning.
    pub(super) fn append(&self, token: LlamaToken, bytes: &mut Vec<u8>) {
        self.vocab.token_to_piece_into(token, bytes, self.marks.contains(&token), None);
    }
}

/// The text of a special token; empty where the model has none.
fn special(vocab: &LlamaVocab<'_>, token: LlamaToken) -> String {
    if token.0 < 0 {
        return String::new();
    }
    String::from_utf8_lossy(&vocab.token_to_piece(token, true, None)).into_owned()
}

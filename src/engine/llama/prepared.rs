//! A model without its weights: vocabulary, chat template, and how the weights are to be loaded.

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

use super::adapter::CheckedAdapter;
use super::model_file::CheckedFile;
use super::padding::RowPadding;
use super::tokenizer::Tokenizer;
use super::tune::Measured;
use super::vocabulary::{checked_tokenizer, tokenize};
use crate::engine::chat::ChatTemplate;
use crate::engine::error::EngineError;
use crate::engine::grammar::Grammar;
use crate::engine::memory::{CacheType, Share};
use crate::engine::reasoning;
use crate::engine::request::Message;
use crate::engine::settings::{ModelFile, Tuning};
use crate::gguf::Header;
use crate::tokenizer;

/// A checked model file with its share of the memory and its vocabulary. The caller's side and the model's thread share it.
pub(super) struct PreparedModel {
    /// The model without weights: llama.cpp's tokenizer, which tokenizes prompts while the weights are not loaded.
    vocabulary: LlamaModel,
    pub(super) template: ChatTemplate,
    /// The most tokens of a request, prompt and answer together.
    pub(super) context: usize,
    /// The number type of the KV cache.
    pub(super) cache: CacheType,
    /// The SHA-256 of the model file, in lower-case hexadecimal.
    pub(super) sha256: String,
    /// Layers on the GPU.
    pub(super) gpu_layers: u32,
    /// How batches are padded, so that a row's arithmetic does not depend on the others. None on a GPU, whose kernels do not
    /// guarantee that anyway.
    pub(super) padding: Option<RowPadding>,
    /// Whether the weights are loaded from a recoded copy.
    pub(super) is_recoded: bool,
    /// Bytes of the weights, at least 1.
    pub(super) weight_bytes: u64,
    /// The threads and the batch size. They are set once the weights were loaded.
    pub(super) tuning: OnceLock<Tuning>,
    /// The measurement of `tuning`. It is not set if `tuning` was known before.
    pub(super) measured: OnceLock<Measured>,
    /// The model file and its settings.
    pub(super) file: ModelFile,
    /// The adapters of the models of the plan that share this one.
    pub(super) adapters: Vec<CheckedAdapter>,
    /// The file that the weights are loaded from.
    weights: PathBuf,
    /// The text of the token for the beginning of text. It is empty if the model has none.
    bos: String,
    /// The special tokens of the vocabulary of which reasoning tags consist.
    tag_tokens: Vec<LlamaToken>,
    /// The most tokens between reasoning and answer. The beginning of the answer is not counted. It is 0 if the template marks no
    /// reasoning.
    pub(super) closing_tokens: usize,
    /// Whether the attention keeps keys and values in the same cells.
    pub(super) has_latent_attention: bool,
    /// Whether it is a recurrent or hybrid model: a sequence has a state beside its cells, which can be copied but not cut back.
    pub(super) has_state: bool,
    /// Creates matchers of grammars. It is built from the vocabulary at the first grammar.
    parsers: OnceLock<Result<ParserFactory, String>>,
    /// The header of the model file.
    header: Header,
    /// The tokenizer that counts tokens, or the reason why llama.cpp's has to. It is built at the first count.
    counter: OnceLock<Result<tokenizer::Tokenizer, String>>,
}

/// Extra tokens reserved because the closing tag may tokenize differently.
const SPARE_CLOSING_TOKENS: usize = 8;

impl PreparedModel {
    /// Reads the vocabulary and the chat template of a file.
    ///
    /// # Errors
    /// [`EngineError::Model`] if the file has no usable chat template, or llama.cpp cannot use it.
    pub(super) fn open(backend: &LlamaBackend, checked: CheckedFile, share: &Share) -> Result<Self, EngineError> {
        let error = |cause: String| checked.file.error(cause);
        let source = checked
            .header
            .chat_template()
            .ok_or_else(|| error("it has no chat template, so it is a base model; take the instruction-tuned one".into()))?;
        // The template is checked before llama.cpp reads the file, so that its error is the one that is reported.
        ChatTemplate::new(source, "", "").map_err(|e| error(e.to_string()))?;
        let params = LlamaModelParams::default().with_vocab_only(true);
        let vocabulary = LlamaModel::load_from_file(backend, &checked.file.path, &params)
            .map_err(|e| error(format!("llama.cpp cannot read it ({e}); its architecture may be newer than this build")))?;
        let has_state = vocabulary.is_recurrent() || vocabulary.is_hybrid();
        let vocab = vocabulary.vocab();
        let (bos, eos) = (special_text(&vocab, vocab.bos()), special_text(&vocab, vocab.eos()));
        let template = ChatTemplate::new(source, &bos, &eos).map_err(|e| error(e.to_string()))?;
        // A template that cannot render a plain chat would refuse every rollout.
        template.render_for_answer(&[Message::user("Hello.")], false).map_err(|e| error(e.to_string()))?;
        let tag_tokens =
            reasoning::TAG_TOKENS.iter().filter_map(|text| match vocab.tokenize(text.as_bytes(), false, true).as_slice() {
                &[token] => Some(token),
                _ => None,
            });
        let tag_tokens = tag_tokens.collect();
        let closing = template.tags().map(|tags| vocab.tokenize(tags.closing("").as_bytes(), false, true).len());
        Ok(Self {
            vocabulary,
            template,
            context: share.context,
            cache: share.cache,
            sha256: checked.sha256,
            gpu_layers: share.gpu_layers,
            padding: (share.gpu_layers == 0).then(|| {
                let adapters = checked.adapters.iter().map(|adapter| &adapter.header);
                RowPadding::for_weights(adapters.chain([&checked.header]))
            }),
            is_recoded: checked.weights != checked.file.path,
            weight_bytes: share.weights.max(1),
            tuning: OnceLock::new(),
            measured: OnceLock::new(),
            file: checked.file,
            adapters: checked.adapters,
            weights: checked.weights,
            bos,
            tag_tokens,
            closing_tokens: closing.map_or(0, |tokens| tokens + SPARE_CLOSING_TOKENS),
            has_latent_attention: checked.header.has_latent_attention(),
            has_state,
            parsers: OnceLock::new(),
            header: checked.header,
            counter: OnceLock::new(),
        })
    }

    /// Checks that the model can reason as much as the settings of `file`, which share it, ask for.
    ///
    /// # Errors
    /// [`EngineError::Model`] with what to change.
    pub(super) fn check_thinking(&self, file: &ModelFile) -> Result<(), EngineError> {
        if self.template.tags().is_none() {
            return Err(file.error("`thinking` is set, but its chat template marks no reasoning; leave it out".into()));
        }
        let (thinking, context) = (file.thinking, self.context);
        if thinking as usize + self.closing_tokens >= context {
            return Err(
                file.error(format!("`thinking = {thinking}` leaves nothing of the context of {context} tokens; lower it"))
            );
        }
        Ok(())
    }

    /// Loads the weights, unless `cancelled` is set meanwhile.
    ///
    /// # Errors
    /// [`EngineError::Model`] if llama.cpp cannot load them, and [`EngineError::Interrupted`] if `cancelled` was set.
    pub(super) fn load_weights(&self, backend: &LlamaBackend, cancelled: &Arc<AtomicBool>) -> Result<LlamaModel, EngineError> {
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

    /// Returns the model's tokenizer.
    pub(super) fn tokenizer(&self) -> Tokenizer<'_> {
        Tokenizer::new(self.vocabulary.vocab(), &self.tag_tokens)
    }

    /// Returns the number of tokens of a text, in which the spelling of a special token is that token.
    pub(super) fn count_tokens(&self, text: &str) -> usize {
        let reference = |text: &str| tokenize(&self.vocabulary, text);
        match self.counter.get_or_init(|| checked_tokenizer(&self.header, &reference)) {
            Ok(tokenizer) => tokenizer.count(text),
            Err(_) => reference(text).len(),
        }
    }

    /// Returns the tokens of a rendered chat. The token for the beginning of text is added if the model uses one and the template
    /// has not written it.
    pub(super) fn tokenize_prompt(&self, text: &str) -> Vec<LlamaToken> {
        let has_bos = !self.bos.is_empty() && text.starts_with(&self.bos);
        self.vocabulary.vocab().tokenize(text.as_bytes(), !has_bos, true)
    }

    /// Creates the matcher of a grammar for this model's tokens.
    ///
    /// # Errors
    /// What is wrong with the grammar or the vocabulary.
    pub(super) fn matcher(&self, grammar: &Grammar) -> Result<Matcher, String> {
        let parsers = self.parsers.get_or_init(|| {
            let mut parsers =
                ParserFactory::new_simple(&LlamaSampler::llguidance_tok_env(&self.vocabulary)).map_err(|e| e.to_string())?;
            parsers.quiet();
            Ok(parsers)
        });
        grammar.matcher(parsers.as_ref().map_err(Clone::clone)?)
    }

    /// Creates an error about the model's file.
    pub(super) fn error(&self, cause: String) -> EngineError {
        self.file.error(cause)
    }
}

/// Returns the text of a special token. It is empty if the model has no such token.
fn special_text(vocab: &LlamaVocab<'_>, token: LlamaToken) -> String {
    if token.0 < 0 {
        return String::new();
    }
    String::from_utf8_lossy(&vocab.token_to_piece(token, true, None)).into_owned()
}

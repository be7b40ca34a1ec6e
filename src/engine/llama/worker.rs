//! A thread that owns the weights and the context of one model, and answers one list of requests after another.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::{KvCacheType, LlamaContextParams};
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use llguidance::Matcher;

use super::loaded::Loaded;
use super::prompt::{Prompt, Thinking};
use super::rows::Rows;
use super::tune;
use super::wave::{Carried, Shape, Wave};
use crate::engine::chat::Rendered;
use crate::engine::memory::CacheType;
use crate::engine::settings::{Preparation, Settings, Tuning};
use crate::engine::{Completion, Ended, EngineError, EngineProgress, Grammar, Message, Request, Usage};

/// The caller is asked so often whether to go on loading.
const WHILE_LOADING: Duration = Duration::from_millis(250);

/// The caller hears at least so often how far the work is, and can break it off: an interrupt is felt within the step under way.
const SIGN_OF_LIFE: Duration = Duration::from_millis(500);

/// Bytes of stack for whoever tokenizes; only what is touched takes memory.
pub(super) const TOKENIZER_STACK: usize = 256 << 20;

/// A list of requests and where to send what becomes of it.
struct Job {
    requests: Vec<Asked>,
    updates: Sender<Update>,
}

/// A request and how it is to be answered by its role.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) request: Request,
    /// Tokens of reasoning before the answer, at most.
    pub(super) thinking: u32,
}

/// What the thread tells before it works on jobs.
enum Sign {
    Begun(Preparation),
    Ready(Result<(), EngineError>),
}

/// What hears it.
pub(super) type HearsLoading<'a> = dyn FnMut(Option<Preparation>) -> ControlFlow<()> + 'a;

/// What the thread tells while it works on a job.
enum Update {
    Progress(EngineProgress),
    Done(Result<Vec<Completion>, EngineError>),
}

/// The thread of one model. It ends, and its memory is free, when this is dropped.
pub(super) struct Worker {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    cancelled: Arc<AtomicBool>,
}

impl Worker {
    /// Starts the thread and waits until the weights are loaded. `hears` hears what else takes long, and None now and then; the
    /// loading ends where it breaks.
    pub(super) fn start(
        backend: &'static LlamaBackend,
        loaded: &Arc<Loaded>,
        settings: Settings,
        hears: &mut HearsLoading<'_>,
    ) -> Result<Self, EngineError> {
        let cancelled = Arc::new(AtomicBool::new(false));
        let (jobs, inbox) = channel();
        let (ready, is_ready) = channel();
        let thread = std::thread::Builder::new()
            .name("llama".into())
            // llama.cpp's tokenizers of some vocabularies recurse at each character (`std::regex`).
            .stack_size(TOKENIZER_STACK)
            .spawn({
                let (loaded, cancelled) = (Arc::clone(loaded), Arc::clone(&cancelled));
                move || work(backend, &loaded, settings, &cancelled, &ready, &inbox)
            })
            .map_err(|e| EngineError::Backend { doing: "starting a thread", cause: e.to_string() })?;
        let worker = Self { jobs: Some(jobs), thread: Some(thread), cancelled };
        loop {
            let begun = match is_ready.recv_timeout(WHILE_LOADING) {
                Ok(Sign::Ready(ready)) => return ready.map(|()| worker),
                Ok(Sign::Begun(begun)) => Some(begun),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Err(EngineError::Gone),
            };
            if hears(begun).is_break() {
                worker.cancelled.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Answers a list of requests to this model.
    pub(super) fn answer(
        &self,
        requests: Vec<Asked>,
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<Vec<Completion>, EngineError> {
        self.cancelled.store(false, Ordering::Relaxed);
        let (updates, inbox) = channel();
        let job = Job { requests, updates };
        self.jobs.as_ref().ok_or(EngineError::Gone)?.send(job).map_err(|_| EngineError::Gone)?;
        let mut last = EngineProgress::default();
        loop {
            match inbox.recv_timeout(SIGN_OF_LIFE) {
                Ok(Update::Done(result)) => return result,
                Ok(Update::Progress(done)) => last = done,
                // Nothing new is news as well: a listener can tell that nothing moves.
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(EngineError::Gone),
            }
            if progress(last).is_break() {
                self.cancelled.store(true, Ordering::Relaxed);
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Loads, says so, and works until the other end of `jobs` is dropped.
fn work(
    backend: &LlamaBackend,
    loaded: &Loaded,
    settings: Settings,
    cancelled: &Arc<AtomicBool>,
    ready: &Sender<Sign>,
    jobs: &Receiver<Job>,
) {
    let model = match loaded.weights(backend, cancelled) {
        Ok(model) => model,
        Err(error) => return drop(ready.send(Sign::Ready(Err(error)))),
    };
    let measures = &|| drop(ready.send(Sign::Begun(Preparation::Measuring)));
    let tuning = *loaded.tuning.get_or_init(|| tune::find(backend, &model, loaded, settings, measures, cancelled));
    if cancelled.load(Ordering::Relaxed) {
        return drop(ready.send(Sign::Ready(Err(EngineError::Interrupted))));
    }
    let mut context = match open_context(backend, &model, loaded, settings, tuning) {
        Ok(context) => context,
        Err(error) => return drop(ready.send(Sign::Ready(Err(error)))),
    };
    drop(ready.send(Sign::Ready(Ok(()))));
    let mut carried = Carried::default();
    while let Ok(job) = jobs.recv() {
        let mut tell = |done: EngineProgress| {
            // The listener may be gone; then the job is as good as cancelled.
            if job.updates.send(Update::Progress(done)).is_err() || cancelled.load(Ordering::Relaxed) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let shape = Shape {
            sequences: settings.sequences,
            nodes: nodes(settings.sequences),
            chunk: tuning.chunk,
            cells: loaded.context,
            rows: loaded.rows,
            drafts: settings.drafts,
        };
        let result = answer(loaded, shape, &mut context, &mut carried, &job.requests, &mut tell);
        drop(job.updates.send(Update::Done(result)));
    }
}

/// Answers one list.
fn answer<'m>(
    loaded: &'m Loaded,
    shape: Shape,
    context: &mut LlamaContext<'m>,
    carried: &mut Carried,
    requests: &[Asked],
    tell: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
) -> Result<Vec<Completion>, EngineError> {
    let mut matchers = BTreeMap::new();
    let (mut prompts, mut completions) = (Vec::new(), Vec::new());
    for request in requests {
        let refused = match to_prompt(loaded, request, &mut matchers) {
            Ok(prompt) => {
                prompts.push(prompt);
                None
            }
            Err(reason) => {
                let ended = Ended::Refused(reason);
                Some(Completion { text: String::new(), reasoning: None, ended, usage: Usage::default() })
            }
        };
        completions.push(refused);
    }
    let mut answers = Wave::new(context, carried, loaded.spelling(), shape).run(&prompts, tell)?.into_iter();
    let missing = || EngineError::Backend { doing: "ordering answers", cause: "a request was not answered".into() };
    completions.into_iter().map(|refused| refused.or_else(|| answers.next()).ok_or_else(missing)).collect()
}

/// Sequences beside those of requests and nodes: for rows that nobody reads, and for cells that nobody needs.
const EXTRA_SEQUENCES: usize = 2;

/// Sequences for nodes of the prefix tree, beside those for requests: llama.cpp has 256 in all.
fn nodes(sequences: usize) -> usize {
    sequences.min((256 - EXTRA_SEQUENCES).saturating_sub(sequences)).max(1)
}

/// What keys and values are stored as. On a CPU, 16-bit keys have values of another 16-bit type: where both are the same, the
/// kernel of attention, and with it the order in which its sums are rounded, depends on how many rows a batch has
/// (`ggml_compute_forward_flash_attn_ext_f16`); else each row goes over its own cells, in their order. Latent attention has keys
/// and values in one, so of one type.
pub(super) fn stored_as(cache: CacheType, gpu_layers: u32, is_latent: bool) -> (KvCacheType, KvCacheType) {
    match cache {
        CacheType::Q8 => (KvCacheType::Q8_0, KvCacheType::Q8_0),
        CacheType::F16 if gpu_layers == 0 && !is_latent => (KvCacheType::F16, KvCacheType::BF16),
        CacheType::F16 => (KvCacheType::F16, KvCacheType::F16),
    }
}

fn open_context<'m>(
    backend: &LlamaBackend,
    model: &'m LlamaModel,
    loaded: &Loaded,
    settings: Settings,
    tuning: Tuning,
) -> Result<LlamaContext<'m>, EngineError> {
    let sequences = settings.sequences + nodes(settings.sequences) + EXTRA_SEQUENCES;
    let stored = stored_as(loaded.cache, loaded.gpu_layers, loaded.is_latent);
    let params = context_params(loaded.context, sequences, stored, tuning).with_op_offload(loaded.gpu_layers > 0);
    model.new_context(backend, params).map_err(|e| {
        loaded.error(format!("cannot make room for a context of {} tokens ({e}); set a smaller `context` for it", loaded.context))
    })
}

/// A unified cache of `cells`, shared by `sequences`, beside those of rows that fill a batch up. llama.cpp aborts where it has more
/// sequences than a batch may have rows that are read (`llama_context::output_reserve`).
pub(super) fn context_params(
    cells: usize,
    sequences: usize,
    (keys, values): (KvCacheType, KvCacheType),
    tuning: Tuning,
) -> LlamaContextParams {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let threads = i32::try_from(tuning.threads).unwrap_or(i32::MAX);
    LlamaContextParams::default()
        .with_n_ctx(NonZeroU32::new(number((cells + Rows::MOST_ADDED).max(sequences))))
        .with_n_batch(number((tuning.chunk + Rows::MOST_ADDED).max(sequences)))
        .with_n_ubatch(number(tuning.chunk + Rows::MOST_ADDED))
        .with_n_seq_max(number(sequences))
        .with_n_threads(threads)
        .with_n_threads_batch(threads)
        .with_type_k(keys)
        .with_type_v(values)
        .with_kv_unified(true)
}

/// A chat under the model's template, and its tokens.
pub(super) fn read(loaded: &Loaded, messages: &[Message], thinks: bool) -> Result<(Rendered, Vec<LlamaToken>), String> {
    let rendered = loaded.template.answering(messages, thinks).map_err(|e| e.to_string())?;
    let tokens = loaded.tokenize_prompt(&rendered.text);
    Ok((rendered, tokens))
}

/// The request as tokens, or why it is refused. `matchers` has those of the wave's grammars.
fn to_prompt<'r>(
    loaded: &Loaded,
    Asked { request, thinking }: &'r Asked,
    matchers: &mut BTreeMap<&'r Grammar, Result<Rc<Matcher>, String>>,
) -> Result<Prompt, String> {
    let (Rendered { text, opened, then }, tokens) = read(loaded, &request.messages, *thinking > 0)?;
    let thinking = loaded.template.tags().filter(|_| *thinking > 0).map(|tags| {
        let most_forced = loaded.lead + loaded.vocab().tokenize(then.as_bytes(), false, true).len();
        Thinking { budget: *thinking, tags, then, most_forced }
    });
    let before = thinking.as_ref().map_or(0, Thinking::work);
    let needed = tokens.len() + before + request.decoding.max_tokens as usize;
    if needed > loaded.context {
        let reasoning = if before > 0 { format!(" and {before} for reasoning before it") } else { String::new() };
        return Err(format!(
            "the prompt has {} tokens; with {} for the answer{reasoning} it exceeds the context of {}",
            tokens.len(),
            request.decoding.max_tokens,
            loaded.context
        ));
    }
    if tokens.is_empty() {
        return Err("the prompt is empty".into());
    }
    let breakpoints = token_breakpoints(loaded, request, &text, &tokens);
    let decoding = request.decoding.clone();
    // Requests of a wave often have the same grammar: it is compiled once.
    let matcher = match &request.decoding.grammar {
        Some(grammar) => match matchers.entry(grammar).or_insert_with(|| loaded.matcher(grammar).map(Rc::new)) {
            Ok(matcher) => Some(Rc::clone(matcher)),
            Err(cause) => return Err(format!("its grammar cannot be enforced: {cause}")),
        },
        None => None,
    };
    Ok(Prompt { tokens, breakpoints, opened: opened.to_owned(), thinking, decoding, seed: request.seed, matcher })
}

/// The request's breakpoints in tokens: how many tokens end before each. None where the tokens do
/// not spell the rendered text: some vocabularies add spaces to it. A breakpoint in content that a
/// template rewrites is left out: less is shared then.
fn token_breakpoints(loaded: &Loaded, request: &Request, text: &str, tokens: &[LlamaToken]) -> Option<Vec<usize>> {
    let mut in_text = Vec::new();
    let (mut content_start, mut searched) = (0, 0);
    for message in &request.messages {
        let content = message.content.trim();
        let lead = message.content.len() - message.content.trim_start().len();
        let content_end = content_start + message.content.len();
        if let Some(found) = text[searched..].find(content) {
            let at = searched + found;
            let inside = request.breakpoints.iter().filter(|&&b| b > content_start && b <= content_end);
            in_text.extend(inside.map(|&b| at + (b - content_start).saturating_sub(lead).min(content.len())));
            searched = at + content.len();
        }
        content_start = content_end;
    }
    let mut ends = Vec::with_capacity(tokens.len());
    let mut bytes = Vec::new();
    let vocab = loaded.vocab();
    for &token in tokens {
        vocab.token_to_piece_into(token, &mut bytes, true, None);
        ends.push(bytes.len());
    }
    // A beginning-of-text token may stand before the text.
    let before = bytes.strip_suffix(text.as_bytes())?.len();
    Some(in_text.into_iter().map(|at| ends.partition_point(|&end| end <= before + at)).collect())
}

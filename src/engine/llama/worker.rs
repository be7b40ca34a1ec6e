//! The thread of one model. It owns the weights and the context, and answers one list of requests after another.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;

use super::adapter::Adapters;
use super::cache::Sequences;
use super::context::{CacheTypes, ContextSize};
use super::deep_stack::STACK_BYTES;
use super::job::{Job, JobUpdate, List, WaveState};
use super::prepared::PreparedModel;
use super::prompt::{Matchers, ModelRequest, Prompt};
use super::scoring::ScorePrompt;
use super::tune::{self, ChosenTuning, TunedModel};
use super::wave::{CarriedNode, Shape};
use crate::engine::completion::Completion;
use crate::engine::error::EngineError;
use crate::engine::interface::EngineProgress;
use crate::engine::scoring::{ScoreAnswer, ScoreRequest};
use crate::engine::settings::{LoadProgress, OnLoadProgress, Preparation, Settings, Tuning};

/// The longest time between two calls of the progress function while a model is loaded.
const LOADING_INTERVAL: Duration = Duration::from_millis(250);

/// The longest time between two calls of the progress function while requests are answered.
const ANSWERING_INTERVAL: Duration = Duration::from_millis(500);

/// What the thread sends while it loads the model.
enum LoadUpdate {
    /// A step began.
    Started(Preparation),
    /// The model can answer, or cannot be used.
    Finished(Result<(), EngineError>),
}

/// The handle of a model's thread. When it is dropped, the thread ends and the model's memory is freed.
pub(super) struct Worker {
    /// None once the worker is being dropped.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    /// Tells the thread to stop loading, or to stop the current job.
    cancelled: Arc<AtomicBool>,
}

impl Worker {
    /// Starts the thread and waits until it has loaded the weights and created the context.
    ///
    /// # Errors
    /// [`EngineError::Interrupted`] if `on_progress` breaks off, and the error with which the loading failed.
    pub(super) fn start(
        backend: &'static LlamaBackend,
        prepared: &Arc<PreparedModel>,
        settings: &Settings,
        on_progress: &mut OnLoadProgress<'_>,
    ) -> Result<Self, EngineError> {
        let sequences = match prepared.has_state {
            true => Sequences::with_states(settings.sequences)?,
            false => Sequences::new(settings.sequences)?,
        };
        let cancelled = Arc::new(AtomicBool::new(false));
        let (jobs, job_inbox) = channel();
        let (updates, update_inbox) = channel();
        let thread = {
            let (prepared, settings, cancelled) = (Arc::clone(prepared), settings.clone(), Arc::clone(&cancelled));
            let thread = std::thread::Builder::new().name("llama".into()).stack_size(STACK_BYTES);
            thread
                .spawn(move || {
                    let model = ThreadModel { backend, prepared: &prepared, settings: &settings, sequences };
                    model.load_and_answer(&cancelled, &updates, &job_inbox);
                })
                .map_err(|e| EngineError::Backend { doing: "starting a thread", cause: e.to_string() })?
        };
        let worker = Self { jobs: Some(jobs), thread: Some(thread), cancelled };
        loop {
            let progress = match update_inbox.recv_timeout(LOADING_INTERVAL) {
                Ok(LoadUpdate::Finished(result)) => return result.map(|()| worker),
                Ok(LoadUpdate::Started(step)) => {
                    LoadProgress::Started { step, model: &prepared.file.name, bytes: prepared.weight_bytes }
                }
                Err(RecvTimeoutError::Timeout) => LoadProgress::Running,
                Err(RecvTimeoutError::Disconnected) => return Err(EngineError::Gone),
            };
            if on_progress(progress).is_break() {
                worker.cancelled.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Answers a list of requests to this model with an adapter. The completions stand in the order of the requests.
    ///
    /// # Errors
    /// [`EngineError::Interrupted`] if `progress` breaks off, [`EngineError::Gone`] if the thread has ended, and
    /// [`EngineError::Backend`] if llama.cpp fails.
    pub(super) fn answer(
        &self,
        requests: Vec<ModelRequest>,
        adapter: Option<usize>,
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<Vec<Completion>, EngineError> {
        self.run(requests, adapter, Job::Answer, progress)
    }

    /// Scores a list of requests to this model with an adapter. The answers stand in the order of the requests.
    ///
    /// # Errors
    /// Those of [`Worker::answer`].
    pub(super) fn score(
        &self,
        requests: Vec<ScoreRequest>,
        adapter: Option<usize>,
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<Vec<ScoreAnswer>, EngineError> {
        self.run(requests, adapter, Job::Score, progress)
    }

    /// Sends a list of requests to the thread, and waits for the answers.
    fn run<Q, A>(
        &self,
        requests: Vec<Q>,
        adapter: Option<usize>,
        job: impl Fn(List<Q, A>) -> Job,
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<Vec<A>, EngineError> {
        self.cancelled.store(false, Ordering::Relaxed);
        let (updates, inbox) = channel();
        let job = job(List { requests, adapter, updates });
        self.jobs.as_ref().ok_or(EngineError::Gone)?.send(job).map_err(|_| EngineError::Gone)?;
        let mut latest = EngineProgress::default();
        loop {
            match inbox.recv_timeout(ANSWERING_INTERVAL) {
                Ok(JobUpdate::Finished(result)) => return result,
                Ok(JobUpdate::Progress(done)) => latest = done,
                // The same progress is reported again, so that the caller can interrupt a long step.
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(EngineError::Gone),
            }
            if progress(latest).is_break() {
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

/// A model on its thread.
struct ThreadModel<'a> {
    backend: &'a LlamaBackend,
    prepared: &'a PreparedModel,
    settings: &'a Settings,
    sequences: Sequences,
}

impl ThreadModel<'_> {
    /// Loads the model, reports that, and answers jobs until the other end of `jobs` is dropped.
    fn load_and_answer(&self, cancelled: &Arc<AtomicBool>, updates: &Sender<LoadUpdate>, jobs: &Receiver<Job>) {
        let finished = |result| drop(updates.send(LoadUpdate::Finished(result)));
        let mut model = match self.prepared.load_weights(self.backend, cancelled) {
            Ok(model) => model,
            Err(error) => return finished(Err(error)),
        };
        let adapters = match Adapters::load(&self.prepared.adapters, &self.prepared.file, &mut model) {
            Ok(adapters) => adapters,
            Err(error) => return finished(Err(error)),
        };
        let tuning = *self.prepared.tuning.get_or_init(|| self.choose_tuning(&model, cancelled, updates));
        if cancelled.load(Ordering::Relaxed) {
            return finished(Err(EngineError::Interrupted));
        }
        let context = match self.new_context(&model, tuning) {
            Ok(context) => context,
            Err(error) => return finished(Err(error)),
        };
        finished(Ok(()));

        let shape = Shape {
            sequences: self.sequences,
            chunk: tuning.chunk,
            cells: self.prepared.context,
            padding: self.prepared.padding,
            has_state: self.prepared.has_state,
            // Wrong drafts would have to be cut off.
            drafts: self.settings.drafts && !self.prepared.has_state,
        };
        let mut state = WaveState { prepared: self.prepared, shape, context, carried: CarriedNode::default(), adapters };
        while let Ok(job) = jobs.recv() {
            match job {
                Job::Answer(List { requests, adapter, updates }) => {
                    let mut matchers = Matchers::new();
                    let prompts = requests.iter().map(|request| Prompt::new(self.prepared, request, &mut matchers));
                    state.serve(prompts.collect(), adapter, &updates, cancelled);
                }
                Job::Score(List { requests, adapter, updates }) => {
                    let prompts = requests.iter().map(|request| ScorePrompt::new(self.prepared, request));
                    state.serve(prompts.collect(), adapter, &updates, cancelled);
                }
            }
        }
    }

    /// Chooses the tuning. If it is measured, the measurement is stored in the prepared model.
    fn choose_tuning(&self, model: &LlamaModel, cancelled: &AtomicBool, updates: &Sender<LoadUpdate>) -> Tuning {
        let tuned = TunedModel {
            backend: self.backend,
            model,
            sha256: &self.prepared.sha256,
            is_recoded: self.prepared.is_recoded,
            gpu_layers: self.prepared.gpu_layers,
            has_latent_attention: self.prepared.has_latent_attention,
            recorded: self.prepared.file.tuning,
        };
        let on_measure = || drop(updates.send(LoadUpdate::Started(Preparation::Measuring)));
        let ChosenTuning { tuning, measured } = tune::choose(&tuned, self.settings, &on_measure, cancelled);
        if let Some(measured) = measured {
            let _ = self.prepared.measured.set(measured);
        }
        tuning
    }

    fn new_context<'m>(&self, model: &'m LlamaModel, tuning: Tuning) -> Result<LlamaContext<'m>, EngineError> {
        let &PreparedModel { context: cells, cache, gpu_layers, has_latent_attention, .. } = self.prepared;
        let failed = |cause: &dyn std::fmt::Display| {
            let cause = format!("cannot make room for a context of {cells} tokens ({cause}); set a smaller `context` for it");
            self.prepared.error(cause)
        };
        let size = ContextSize { cells, sequences: self.sequences.count(), tuning };
        let types = CacheTypes::new(cache, gpu_layers, has_latent_attention);
        let params = size.params(types, gpu_layers).map_err(|e| failed(&e))?;
        model.new_context(self.backend, params).map_err(|e| failed(&e))
    }
}

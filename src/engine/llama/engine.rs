//! The engine over llama.cpp: loads the models of a plan, and hands each list of requests to their threads.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::backend::{self, backend, build_features, devices};
use super::cache::Sequences;
use super::chat_tokens::render_and_tokenize;
use super::deep_stack::on_deep_stack;
use super::model_file::{CheckedFile, SharingKey};
use super::model_jobs::{ModelJob, Target, divide};
use super::prepared::PreparedModel;
use super::prompt::ModelRequest;
use super::tune::Measured;
use super::worker::Worker;
use crate::engine::completion::Completion;
use crate::engine::error::EngineError;
use crate::engine::interface::{Engine, EngineProgress};
use crate::engine::memory::{self, Machine, MemoryPlan, Need};
use crate::engine::request::{Message, ModelId, Request};
use crate::engine::scoring::{ScoreAnswer, ScoreRequest};
use crate::engine::settings::{
    LoadProgress, MeasuredTuning, ModelFile, OnLoadProgress, Preparation, RECODED, Settings, Tuning, cache_key, chunk_key,
    context_key, layers_key, lora_key, threads_key, weights_key,
};

/// The engine over llama.cpp.
pub struct Llama {
    /// The models of the plan, in its order.
    plan_models: Vec<PlanModel>,
    /// The models that are loaded. Several models of the plan may share one.
    models: Vec<SharedModel>,
    settings: Settings,
    memory: MemoryPlan,
    machine: Machine,
}

/// The function that is called while requests are answered.
type OnProgress<'a> = dyn FnMut(EngineProgress) -> ControlFlow<()> + 'a;

/// The function of a model's thread that answers a list of requests.
type AnswerList<Q, A> = for<'p> fn(&Worker, Vec<Q>, Option<usize>, &'p mut OnProgress<'p>) -> Result<Vec<A>, EngineError>;

/// A model of the plan.
struct PlanModel {
    /// The name in the task file.
    name: String,
    /// The model in [`Llama::models`], and its adapter.
    target: Target,
    /// The most tokens of reasoning before an answer.
    thinking: u32,
}

/// A model that is loaded, or, if models take turns, was or will be.
struct SharedModel {
    prepared: Arc<PreparedModel>,
    /// The model's thread. None if it is not loaded now.
    worker: Option<Worker>,
}

impl Llama {
    /// Opens the models of a plan without reporting progress. See [`Llama::open_with_progress`].
    ///
    /// # Errors
    /// Those of [`Llama::open_with_progress`].
    pub fn open(files: &[ModelFile], settings: Settings) -> Result<Self, EngineError> {
        Self::open_with_progress(files, settings, &mut |_| ControlFlow::Continue(()))
    }

    /// Checks all files, plans how they share the memory, and loads them. If models take turns, each is loaded once, so that a
    /// model that cannot be loaded is an error now; the first one stays loaded.
    ///
    /// # Errors
    /// [`EngineError::Model`] if a file cannot be used, [`EngineError::Memory`] if a model does not fit the memory,
    /// [`EngineError::Setting`] if a setting is out of range, and [`EngineError::Interrupted`] if `on_progress` breaks off.
    pub fn open_with_progress(
        files: &[ModelFile],
        settings: Settings,
        on_progress: &mut OnLoadProgress<'_>,
    ) -> Result<Self, EngineError> {
        check_settings(&settings)?;
        let backend = backend()?;
        let mut keys: Vec<SharingKey> = Vec::new();
        let mut checked: Vec<CheckedFile> = Vec::new();
        let mut plan_models = Vec::new();
        for file in files {
            let key = SharingKey::new(file);
            let shared = match keys.iter().position(|other| *other == key) {
                Some(shared) => shared,
                None => {
                    checked.push(CheckedFile::open(backend, file, &settings, on_progress)?);
                    keys.push(key);
                    keys.len() - 1
                }
            };
            let adapter = checked[shared].add_adapter(file, on_progress)?;
            plan_models.push(PlanModel { name: file.name.clone(), target: Target { shared, adapter }, thinking: file.thinking });
        }

        let needs: Vec<Need> = checked.iter().map(|checked| checked.need.clone()).collect();
        let machine = backend::machine(backend, settings.memory);
        let memory = memory::plan(&needs, &machine)?;
        let mut models = Vec::new();
        for (checked, share) in checked.into_iter().zip(&memory.shares) {
            let prepared = Arc::new(PreparedModel::open(backend, checked, share)?);
            models.push(SharedModel { prepared, worker: None });
        }
        for (file, model) in files.iter().zip(&plan_models).filter(|(file, _)| file.thinking > 0) {
            models[model.target.shared].prepared.check_thinking(file)?;
        }

        let mut llama = Self { plan_models, models, settings, memory, machine };
        for index in (0..llama.models.len()).rev() {
            let prepared = Arc::clone(&llama.models[index].prepared);
            let (model, bytes) = (&*prepared.file.name, prepared.weight_bytes);
            if on_progress(LoadProgress::Started { step: Preparation::Loading, model, bytes }).is_break() {
                return Err(EngineError::Interrupted);
            }
            llama.worker(index, on_progress)?;
        }
        Ok(llama)
    }

    /// Returns how the models share this machine's memory, and the memory that they may take.
    #[must_use]
    pub fn memory(&self) -> (&MemoryPlan, &Machine) {
        (&self.memory, &self.machine)
    }

    /// Returns the tunings that were measured while this engine was opened.
    #[must_use]
    pub fn measured(&self) -> Vec<MeasuredTuning> {
        let measured = |SharedModel { prepared, .. }: &SharedModel| {
            let (&tuning, &measured) = prepared.tuning.get().zip(prepared.measured.get())?;
            let Measured { seconds, is_kept, is_complete } = measured;
            Some(MeasuredTuning { model: prepared.file.name.clone(), tuning, seconds, is_kept, is_complete })
        };
        self.models.iter().filter_map(measured).collect()
    }

    /// Returns the ids of the tokens of a chat's prompt, up to where the answer begins.
    ///
    /// # Errors
    /// Why the model's chat template refuses the chat.
    ///
    /// # Panics
    /// If `model` is not a model of the plan.
    pub fn prompt_tokens(&self, model: ModelId, messages: &[Message]) -> Result<Vec<i32>, String> {
        let thinking = self.plan_models[model.0].thinking > 0;
        let bytes = messages.iter().map(|message| message.content.len()).sum();
        let prepared = self.prepared(model);
        let (_, tokens) = on_deep_stack(bytes, || render_and_tokenize(prepared, messages, thinking))?;
        Ok(tokens.into_iter().map(|token| token.0).collect())
    }

    /// Returns a model of the plan.
    ///
    /// # Errors
    /// [`EngineError::Backend`] if the plan has no such model.
    fn plan_model(&self, model: ModelId) -> Result<&PlanModel, EngineError> {
        self.plan_models.get(model.0).ok_or_else(|| disordered("a request names no model of the plan"))
    }

    /// Answers the requests of a call by `answer`, those to each loaded model together. Each has its target. The
    /// answers stand in the order of the requests.
    fn answer_by_model<Q, A>(
        &mut self,
        requests: Vec<(Target, Q)>,
        answer: AnswerList<Q, A>,
        progress: &mut OnProgress<'_>,
    ) -> Result<Vec<A>, EngineError> {
        let mut all: Vec<Option<A>> = requests.iter().map(|_| None).collect();
        let mut before = EngineProgress::default();
        for ModelJob { target: Target { shared, adapter }, indices, requests } in divide(requests) {
            // If models take turns, this may load gigabytes.
            let worker = self.worker(shared, &mut |_| progress(before))?;
            let mut latest = before;
            let answers = answer(worker, requests, adapter, &mut |done| {
                latest = before + done;
                progress(latest)
            })?;
            before = latest;
            for (index, answer) in indices.into_iter().zip(answers) {
                all[index] = Some(answer);
            }
        }
        all.into_iter().map(|answer| answer.ok_or_else(|| disordered("a request was not answered"))).collect()
    }

    /// Returns the prepared model of a model of the plan.
    fn prepared(&self, model: ModelId) -> &PreparedModel {
        &self.models[self.plan_models[model.0].target.shared].prepared
    }

    /// Returns the thread of a model, which is loaded now if it was not. If models take turns, the others are unloaded.
    fn worker(&mut self, index: usize, on_progress: &mut OnLoadProgress<'_>) -> Result<&Worker, EngineError> {
        if self.memory.in_turns {
            let others = self.models.iter_mut().enumerate().filter(|(other, _)| *other != index);
            others.for_each(|(_, model)| model.worker = None);
        }
        let SharedModel { prepared, worker } = &mut self.models[index];
        Ok(match worker {
            Some(worker) => worker,
            empty => empty.insert(Worker::start(backend()?, prepared, &self.settings, on_progress)?),
        })
    }
}

/// Creates the error for requests and answers that do not belong together.
fn disordered(cause: &str) -> EngineError {
    EngineError::Backend { doing: "ordering requests", cause: cause.to_owned() }
}

/// Checks the settings that a plan checks as well, for callers of the library that make their own.
fn check_settings(settings: &Settings) -> Result<(), EngineError> {
    Sequences::new(settings.sequences)?;
    let error = |key, cause| Err(EngineError::Setting { key, cause });
    if settings.threads == Some(0) {
        return error("threads", "is 0; set at least 1".into());
    }
    match settings.chunk {
        Some(chunk) if chunk < settings.sequences => {
            error("chunk", format!("is {chunk}; set at least the {} of `sequences`", settings.sequences))
        }
        _ => Ok(()),
    }
}

impl Engine for Llama {
    /// Answers the requests to each model together. The models are used in the order of their first requests.
    fn generate(
        &mut self,
        requests: &[Request],
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<Vec<Completion>, EngineError> {
        let to_model = |request: &Request| {
            let &PlanModel { target, thinking, .. } = self.plan_model(request.model)?;
            Ok((target, ModelRequest { request: request.clone(), thinking }))
        };
        let requests = requests.iter().map(to_model).collect::<Result<_, EngineError>>()?;
        self.answer_by_model(requests, Worker::answer, progress)
    }

    /// Scores the requests to each model together, as [`Llama::generate`] answers them.
    fn score(
        &mut self,
        requests: &[ScoreRequest],
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<Vec<ScoreAnswer>, EngineError> {
        let to_model = |request: &ScoreRequest| Ok((self.plan_model(request.model)?.target, request.clone()));
        let requests = requests.iter().map(to_model).collect::<Result<_, EngineError>>()?;
        self.answer_by_model(requests, Worker::score, progress)
    }

    fn count_tokens(&self, model: ModelId, text: &str) -> usize {
        self.prepared(model).count_tokens(text)
    }

    fn weight_bytes(&self, model: ModelId) -> u64 {
        self.prepared(model).weight_bytes
    }

    fn context_length(&self, model: ModelId) -> usize {
        let prepared = self.prepared(model);
        match self.plan_models[model.0].thinking {
            0 => prepared.context,
            thinking => prepared.context.saturating_sub(thinking as usize + prepared.closing_tokens),
        }
    }

    fn fingerprint(&self) -> Vec<(String, String)> {
        let mut pairs = vec![
            ("engine.build".to_owned(), build_features()),
            ("engine.devices".to_owned(), devices().into_iter().map(|device| device.name).collect::<Vec<_>>().join(", ")),
            ("engine.sequences".to_owned(), self.settings.sequences.to_string()),
        ];
        for PlanModel { name, target, .. } in &self.plan_models {
            let prepared = &self.models[target.shared].prepared;
            pairs.push((format!("model.{name}.sha256"), prepared.sha256.clone()));
            if let Some(adapter) = target.adapter.and_then(|index| prepared.adapters.get(index)) {
                pairs.push((lora_key(name), adapter.sha256.clone()));
            }
            let weights = if prepared.is_recoded { RECODED } else { "as stored" };
            pairs.push((weights_key(name), weights.to_owned()));
            pairs.push((context_key(name), prepared.context.to_string()));
            pairs.push((cache_key(name), prepared.cache.to_string()));
            let padding = prepared.padding.map_or("any".to_owned(), |padding| padding.to_string());
            pairs.push((format!("model.{name}.rows"), padding));
            pairs.push((layers_key(name), prepared.gpu_layers.to_string()));
            if let Some(Tuning { threads, chunk }) = prepared.tuning.get() {
                pairs.push((threads_key(name), threads.to_string()));
                pairs.push((chunk_key(name), chunk.to_string()));
            }
        }
        pairs
    }
}

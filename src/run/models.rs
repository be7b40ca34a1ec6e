//! The models of a plan, loaded.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::catalog;
use crate::config::{EnginePlan, GpuLayersPlan, ModelSource, Plan};
use crate::engine::Engine;
use crate::engine::llama::{
    GpuLayers, Llama, ModelFile, Preparation, RECODED, Settings, Tuning, cache_key, context_key, layers_key, weights_key,
};
use crate::engine::memory::{CacheType, Machine, MemoryPlan};
use crate::engine::scripted::Scripted;
use crate::error::RunError;
use crate::event::Event;

/// The files of a plan's models; none where they are scripted. `run` is the fingerprint of the run that goes on, empty for none.
fn llama_models(plan: &Plan, run: &BTreeMap<String, String>) -> Result<Vec<ModelFile>, RunError> {
    let mut models = Vec::new();
    for model in &plan.models {
        if let ModelSource::Llama { gguf, gpu_layers, context, cache, thinking } = &model.source {
            models.push(ModelFile {
                name: model.name.clone(),
                path: catalog::resolve(gguf, Path::new(""))?,
                gpu_layers: match gpu_layers {
                    // What is free on a GPU changes, and answers depend on it.
                    GpuLayersPlan::Auto => match run.get(&layers_key(&model.name)).and_then(|layers| layers.parse().ok()) {
                        Some(layers) => GpuLayers::Kept(layers),
                        None => GpuLayers::Auto,
                    },
                    GpuLayersPlan::All => GpuLayers::All,
                    GpuLayersPlan::Count(n) => GpuLayers::Count(*n),
                },
                // So does what they leave room for.
                context: context.or_else(|| run.get(&context_key(&model.name))?.parse().ok()),
                cache: cache.or_else(|| CacheType::of(run.get(&cache_key(&model.name))?)),
                thinking: thinking.unwrap_or(0),
                tuning: Tuning::of_run(run, &model.name),
                recoded: run.get(&weights_key(&model.name)).map(|weights| weights == RECODED),
            });
        }
    }
    Ok(models)
}

/// The shape of the engine's work.
fn settings(plan: &Plan) -> Settings {
    let EnginePlan { threads, sequences, chunk, memory } = plan.engine;
    Settings { threads, sequences, chunk, memory: memory.map(|megabytes| megabytes * 1_000_000), drafts: true }
}

/// Loads the models of a plan, unless `interrupted` meanwhile. `run` is the fingerprint of the run that goes on with them, empty
/// for none: what was measured for it stays.
///
/// # Errors
/// [`RunError::ModelFile`] and [`RunError::Engine`]
pub fn open_engine(
    plan: &Plan,
    run: &BTreeMap<String, String>,
    interrupted: &AtomicBool,
    listener: &mut dyn FnMut(&Event),
) -> Result<Box<dyn Engine>, RunError> {
    Ok(open_with_memory(plan, run, interrupted, listener)?.0)
}

/// An engine, and how its models share the machine's memory; None where they are scripted.
type Opened = (Box<dyn Engine>, Option<(MemoryPlan, Machine)>);

/// The same, and the memory plan.
pub(super) fn open_with_memory(
    plan: &Plan,
    run: &BTreeMap<String, String>,
    interrupted: &AtomicBool,
    listener: &mut dyn FnMut(&Event),
) -> Result<Opened, RunError> {
    let started = Instant::now();
    let models = llama_models(plan, run)?;
    if !models.is_empty() {
        let mut hears = |begun: Option<(Preparation, &str, u64)>| {
            if let Some((what, model, bytes)) = begun {
                listener(&Event::Preparing { what, model: model.to_owned(), bytes });
            }
            if interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let llama = Llama::open_and_tell(&models, settings(plan), &mut hears)?;
        for (model, Tuning { threads, chunk }, seconds) in llama.measured() {
            listener(&Event::ModelMeasured { model, threads, chunk, seconds });
        }
        let memory = llama.memory();
        let memory = (memory.0.clone(), memory.1.clone());
        listener(&Event::ModelsLoaded { seconds: started.elapsed().as_secs_f64() });
        return Ok((Box::new(llama), Some(memory)));
    }
    let scripts = plan.models.iter().filter_map(|model| match &model.source {
        ModelSource::Scripted { script } => Some(script.clone()),
        ModelSource::Llama { .. } => None,
    });
    let scripted = Scripted::from_files(&scripts.collect::<Vec<_>>())?;
    listener(&Event::ModelsLoaded { seconds: started.elapsed().as_secs_f64() });
    Ok((Box::new(scripted), None))
}

//! Opens the llama.cpp engine of a plan that names model files.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::engine::Opened;
use crate::config::{EnginePlan, GpuLayersPlan, ModelSource, Plan};
use crate::engine::llama::Llama;
use crate::engine::memory::CacheType;
use crate::engine::settings::{
    GpuLayers, ModelFile, Preparation, RECODED, Settings, Tuning, cache_key, context_key, layers_key, weights_key,
};
use crate::error::RunError;
use crate::event::Event;
use crate::models;

/// The model files of a plan. `recorded` is the fingerprint of the run that is resumed; it is empty for a new run.
fn model_files(plan: &Plan, recorded: &BTreeMap<String, String>) -> Result<Vec<ModelFile>, RunError> {
    let mut files = Vec::new();
    for model in &plan.models {
        if let ModelSource::Llama { gguf, gpu_layers, context, cache, thinking } = &model.source {
            files.push(ModelFile {
                name: model.name.clone(),
                path: models::resolve(gguf, Path::new(""))?,
                gpu_layers: match gpu_layers {
                    // The free memory of a GPU changes, and answers depend on the number of layers on it.
                    GpuLayersPlan::Auto => match recorded.get(&layers_key(&model.name)).and_then(|layers| layers.parse().ok()) {
                        Some(layers) => GpuLayers::Kept(layers),
                        None => GpuLayers::Auto,
                    },
                    GpuLayersPlan::All => GpuLayers::All,
                    GpuLayersPlan::Count(n) => GpuLayers::Count(*n),
                },
                // Answers depend on these two as well.
                context: context.or_else(|| recorded.get(&context_key(&model.name))?.parse().ok()),
                cache: cache.or_else(|| CacheType::of(recorded.get(&cache_key(&model.name))?)),
                thinking: thinking.unwrap_or(0),
                tuning: Tuning::of_run(recorded, &model.name),
                recoded: recorded.get(&weights_key(&model.name)).map(|weights| weights == RECODED),
            });
        }
    }
    Ok(files)
}

/// The shape of the engine's work.
fn settings(plan: &Plan) -> Settings {
    let EnginePlan { threads, sequences, chunk, memory } = plan.engine;
    Settings { threads, sequences, chunk, memory: memory.map(|megabytes| megabytes * 1_000_000), drafts: true }
}

/// Loads the model files of a plan.
///
/// # Errors
/// [`RunError::ModelFile`] and [`RunError::Engine`]; [`RunError::Interrupted`] where `interrupted` was set meanwhile.
pub(super) fn open(
    plan: &Plan,
    recorded: &BTreeMap<String, String>,
    interrupted: &AtomicBool,
    listener: &mut dyn FnMut(&Event),
) -> Result<Opened, RunError> {
    let files = model_files(plan, recorded)?;
    let mut hears = |begun: Option<(Preparation, &str, u64)>| {
        if let Some((what, model, bytes)) = begun {
            listener(&Event::Preparing { what, model: model.to_owned(), bytes });
        }
        if interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let llama = Llama::open_and_tell(&files, settings(plan), &mut hears)?;
    for (model, Tuning { threads, chunk }, seconds) in llama.measured() {
        listener(&Event::ModelMeasured { model, threads, chunk, seconds });
    }
    let (memory, machine) = llama.memory();
    let memory = Some((memory.clone(), machine.clone()));
    Ok(Opened { engine: Box::new(llama), memory })
}

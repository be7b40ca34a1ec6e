//! Opens the llama.cpp engine of a plan that names model files.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::config::{EnginePlan, GpuLayersPlan, ModelSource, Plan};
use crate::engine::llama::Llama;
use crate::engine::memory::CacheType;
use crate::engine::settings::{
    Adapter, GpuLayers, LoadProgress, MeasuredTuning, ModelFile, RECODED, Settings, Tuning, cache_key, context_key, layers_key,
    weights_key,
};
use crate::error::RunError;
use crate::event::{Event, Lifecycle};
use crate::models;

/// Returns the model files of a plan, in its order. `recorded` is the fingerprint of the run that is resumed; it is empty for a new
/// run. What answers depend on is taken from it, so that a resumed run gives the same answers.
fn model_files(plan: &Plan, recorded: &BTreeMap<String, String>) -> Result<Vec<ModelFile>, RunError> {
    let mut files = Vec::new();
    for model in plan.models.iter().filter(|model| !matches!(model.source, ModelSource::Openai(_))) {
        let ModelSource::Llama { gguf, gpu_layers, context, cache, thinking, lora, lora_scale } = &model.source else {
            return Err(RunError::Plan(format!("model `{}` is scripted, but others are not: all must be, or none", model.name)));
        };
        let path = models::resolve(gguf, Path::new(""))?;
        files.push(ModelFile {
            name: model.name.clone(),
            expected_sha256: models::pinned(&path),
            path,
            gpu_layers: match gpu_layers {
                // The free memory of a GPU changes between runs.
                GpuLayersPlan::Auto => match recorded.get(&layers_key(&model.name)).and_then(|layers| layers.parse().ok()) {
                    Some(layers) => GpuLayers::Recorded(layers),
                    None => GpuLayers::Auto,
                },
                GpuLayersPlan::All => GpuLayers::All,
                GpuLayersPlan::Count(layers) => GpuLayers::Count(*layers),
            },
            context: context.or_else(|| recorded.get(&context_key(&model.name))?.parse().ok()),
            cache: cache.or_else(|| CacheType::from_name(recorded.get(&cache_key(&model.name))?)),
            thinking: thinking.unwrap_or(0),
            lora: lora.clone().map(|path| Adapter { path, scale: lora_scale.unwrap_or(1.0) as f32 }),
            tuning: Tuning::from_fingerprint(recorded, &model.name),
            recoded: recorded.get(&weights_key(&model.name)).map(|weights| weights == RECODED),
        });
    }
    Ok(files)
}

/// Returns the settings of the engine. If there is no cache folder, it keeps neither tunings nor recoded copies.
fn settings(plan: &Plan) -> Settings {
    let EnginePlan { threads, sequences, chunk, memory } = plan.engine;
    let memory = memory.map(|megabytes| megabytes * 1_000_000);
    Settings { threads, sequences, chunk, memory, drafts: true, cache_folder: models::cache_dir().ok() }
}

/// Loads the model files of a plan.
///
/// # Errors
/// [`RunError::ModelFile`] or [`RunError::Engine`] if a model cannot be used, and [`RunError::Interrupted`] if `interrupted` is set.
pub(super) fn open(
    plan: &Plan,
    recorded: &BTreeMap<String, String>,
    interrupted: &AtomicBool,
    listener: &mut dyn FnMut(&Event),
) -> Result<Llama, RunError> {
    let files = model_files(plan, recorded)?;
    let mut on_progress = |progress: LoadProgress<'_>| {
        if let LoadProgress::Started { step, model, bytes } = progress {
            listener(&Lifecycle::Preparing { what: step, model: model.to_owned(), bytes }.into());
        }
        if interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let llama = Llama::open_with_progress(&files, settings(plan), &mut on_progress)?;
    for MeasuredTuning { model, tuning: Tuning { threads, chunk }, seconds, is_kept, is_complete } in llama.measured() {
        listener(&Lifecycle::ModelMeasured { model, threads, chunk, seconds, is_kept, is_complete }.into());
    }
    Ok(llama)
}

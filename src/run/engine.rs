//! Opens the engine of a plan: the one over llama.cpp if the plan names model files, or the scripted one if it names scripts.
//!
//! Outside of `engine/`, only this file and [`super::llama`] know which engines there are.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use crate::config::{ModelSource, Plan};
use crate::engine::Engine;
use crate::engine::memory::{Machine, MemoryPlan};
use crate::engine::scripted::Scripted;
use crate::error::RunError;
use crate::event::{Event, Lifecycle};

/// Loads the models of a plan. `recorded` is the fingerprint of the run that is resumed: what was measured for that run is
/// used again. It is empty for a new run.
///
/// # Errors
/// [`RunError::ModelFile`] or [`RunError::Engine`] if a model cannot be used, and [`RunError::Interrupted`] if `interrupted` is set.
pub fn open_engine(
    plan: &Plan,
    recorded: &BTreeMap<String, String>,
    interrupted: &AtomicBool,
    listener: &mut dyn FnMut(&Event),
) -> Result<Box<dyn Engine>, RunError> {
    Ok(open_with_memory(plan, recorded, interrupted, listener)?.engine)
}

/// An engine with its models loaded.
pub(super) struct Opened {
    pub(super) engine: Box<dyn Engine>,
    /// How the models share the machine's memory, and the memory that they may take. None for the scripted engine.
    pub(super) memory: Option<(MemoryPlan, Machine)>,
}

/// Does what [`open_engine`] does, and returns the memory plan as well.
pub(super) fn open_with_memory(
    plan: &Plan,
    recorded: &BTreeMap<String, String>,
    interrupted: &AtomicBool,
    listener: &mut dyn FnMut(&Event),
) -> Result<Opened, RunError> {
    let started = Instant::now();
    let has_files = plan.models.iter().any(|model| matches!(model.source, ModelSource::Llama { .. }));
    let opened = if has_files {
        #[cfg(feature = "llama")]
        let opened = {
            let llama = super::llama::open(plan, recorded, interrupted, listener)?;
            let (memory, machine) = llama.memory();
            let memory = Some((memory.clone(), machine.clone()));
            Opened { engine: Box::new(llama), memory }
        };
        #[cfg(not(feature = "llama"))]
        let opened = without_llama(plan, recorded, interrupted)?;
        opened
    } else {
        let scripts = plan.models.iter().filter_map(|model| match &model.source {
            ModelSource::Scripted { script } => Some(script.clone()),
            ModelSource::Llama { .. } => None,
        });
        let scripted = Scripted::from_files(&scripts.collect::<Vec<_>>())?;
        Opened { engine: Box::new(scripted), memory: None }
    };
    listener(&Lifecycle::ModelsLoaded { seconds: started.elapsed().as_secs_f64() }.into());
    Ok(opened)
}

/// Returns the error of a plan that names model files: this build has no llama.cpp. A file that does not exist is reported first.
#[cfg(not(feature = "llama"))]
fn without_llama(plan: &Plan, _: &BTreeMap<String, String>, _: &AtomicBool) -> Result<Opened, RunError> {
    for model in &plan.models {
        if let ModelSource::Llama { gguf, .. } = &model.source {
            crate::models::resolve(gguf, std::path::Path::new(""))?;
        }
    }
    Err(RunError::Plan(
        "this build has no llama.cpp, so it cannot run GGUF files; build with `--features llama`, or set engine = \"scripted\" \
         in every [model.NAME]"
            .into(),
    ))
}

/// Returns the versions of llama.cpp and the instruction sets and back ends of this build, or "without llama.cpp".
#[must_use]
pub fn build_features() -> String {
    #[cfg(feature = "llama")]
    return crate::engine::llama::build_features();
    #[cfg(not(feature = "llama"))]
    return "without llama.cpp".to_owned();
}

/// Returns the devices that llama.cpp finds. It is empty if this build has no llama.cpp.
#[must_use]
pub fn devices() -> Vec<crate::engine::settings::Device> {
    #[cfg(feature = "llama")]
    return crate::engine::llama::devices();
    #[cfg(not(feature = "llama"))]
    return Vec::new();
}

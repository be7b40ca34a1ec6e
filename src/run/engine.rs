//! Opens the engine of a plan: the one over llama.cpp if the plan names model files, the scripted one if it names scripts,
//! or the one over servers.
//!
//! Outside of `engine/`, only this file, [`super::llama`] and `super::remote` know which engines there are.

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
    let has = |wanted: fn(&ModelSource) -> bool| plan.models.iter().any(|model| wanted(&model.source));
    let opened = if has(|source| matches!(source, ModelSource::Openai(_))) {
        open_with_servers(plan, recorded, interrupted, listener)?
    } else {
        open_local(plan, recorded, interrupted, listener)?
    };
    listener(&Lifecycle::ModelsLoaded { seconds: started.elapsed().as_secs_f64() }.into());
    Ok(opened)
}

/// Opens the engine of the models of a plan that run in this process.
fn open_local(
    plan: &Plan,
    recorded: &BTreeMap<String, String>,
    interrupted: &AtomicBool,
    listener: &mut dyn FnMut(&Event),
) -> Result<Opened, RunError> {
    if plan.models.iter().any(|model| matches!(model.source, ModelSource::Llama { .. })) {
        #[cfg(feature = "llama")]
        let opened = {
            let llama = super::llama::open(plan, recorded, interrupted, listener)?;
            let (memory, machine) = llama.memory();
            let memory = Some((memory.clone(), machine.clone()));
            Opened { engine: Box::new(llama), memory }
        };
        #[cfg(not(feature = "llama"))]
        let opened = {
            let _ = (recorded, interrupted, listener);
            without_llama(plan)?
        };
        return Ok(opened);
    }
    let scripts = plan.models.iter().filter_map(|model| match &model.source {
        ModelSource::Scripted { script } => Some(script.clone()),
        ModelSource::Llama { .. } | ModelSource::Openai(_) => None,
    });
    let scripted = Scripted::from_files(&scripts.collect::<Vec<_>>())?;
    Ok(Opened { engine: Box::new(scripted), memory: None })
}

/// Opens the engine of a plan with models on servers. Other models of it run in this process.
#[cfg(feature = "remote")]
fn open_with_servers(
    plan: &Plan,
    recorded: &BTreeMap<String, String>,
    interrupted: &AtomicBool,
    listener: &mut dyn FnMut(&Event),
) -> Result<Opened, RunError> {
    let engine_of: Vec<usize> =
        plan.models.iter().map(|model| usize::from(!matches!(model.source, ModelSource::Openai(_)))).collect();
    let remote = Box::new(super::remote::open(plan, interrupted, listener)?);
    if engine_of.iter().all(|engine| *engine == 0) {
        return Ok(Opened { engine: remote, memory: None });
    }
    let Opened { engine: local, memory } = open_local(plan, recorded, interrupted, listener)?;
    Ok(Opened { engine: Box::new(crate::engine::Mixed::new(vec![remote, local], &engine_of)), memory })
}

/// Returns the error of a plan with models on servers: this build has no network.
#[cfg(not(feature = "remote"))]
fn open_with_servers(
    _: &Plan,
    _: &BTreeMap<String, String>,
    _: &AtomicBool,
    _: &mut dyn FnMut(&Event),
) -> Result<Opened, RunError> {
    Err(RunError::Plan(
        "this build has no network, so it cannot run models on servers; build with `cargo build --release --features remote`, or \
         name a model file in every [model.NAME]"
            .into(),
    ))
}

/// Returns the error of a plan that names model files: this build has no llama.cpp. A file that does not exist is reported first.
#[cfg(not(feature = "llama"))]
fn without_llama(plan: &Plan) -> Result<Opened, RunError> {
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

//! The test model's file and settings of the engine.

use std::ops::ControlFlow;
use std::path::PathBuf;

use crate::support::model;
use gepard::engine::llama::Llama;
use gepard::engine::settings::{GpuLayers, ModelFile, Settings};
use gepard::engine::{Completion, Engine, Request};

pub const SETTINGS: Settings =
    Settings { threads: Some(2), sequences: 4, chunk: Some(64), memory: None, drafts: true, cache_folder: None };

/// The test model under a name, with a context of so many tokens.
pub fn test_model(name: &str, context: usize) -> ModelFile {
    ModelFile { context: Some(context), ..model_file(name, model()) }
}

/// A model file with the default settings.
pub fn model_file(name: &str, path: PathBuf) -> ModelFile {
    ModelFile {
        name: name.into(),
        path,
        expected_sha256: None,
        gpu_layers: GpuLayers::Auto,
        context: None,
        cache: None,
        thinking: 0,
        lora: None,
        tuning: None,
        recoded: None,
    }
}

/// Answers requests, without an interrupt.
pub fn answer(engine: &mut Llama, requests: &[Request]) -> Vec<Completion> {
    engine.generate(requests, &mut |_| ControlFlow::Continue(())).unwrap()
}

/// The texts of completions.
pub fn texts(completions: &[Completion]) -> Vec<String> {
    completions.iter().map(|completion| completion.text.clone()).collect()
}

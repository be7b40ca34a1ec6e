//! Reads `[model.NAME]`, and the names by which other tables refer to models.

use std::path::{Path, PathBuf};

use super::section::Section;
use super::servers;
use super::suggestion::suggestion;
use crate::config::model::{GpuLayersPlan, ModelPlan, ModelRef, ModelSource};
use crate::engine::ModelId;
use crate::models;

/// Reads all models, in the order of the file.
pub(super) fn read_all(root: &Section<'_>, folder: &Path) -> Vec<ModelPlan> {
    let mut models = Vec::new();
    for (name, section) in root.named_tables("model") {
        let engine = section.text("engine").unwrap_or_else(|| "llama".into());
        let source = match engine.as_str() {
            "scripted" => ModelSource::Scripted { script: read_script(&section, folder) },
            "openai" => ModelSource::Openai(servers::read(&section, folder)),
            other => {
                if other != "llama" {
                    let known = suggestion(other, &["llama", "openai", "scripted"]);
                    section.problem("engine", format!("there is no engine `{other}`; {known}"));
                }
                ModelSource::Llama {
                    gguf: read_gguf(&section, folder),
                    gpu_layers: read_gpu_layers(&section),
                    context: section.integer("context", 128..=10_000_000),
                    cache: section.choice("cache"),
                    thinking: section.integer("thinking", 1..=1_000_000),
                    lora: section.path("lora", folder),
                    lora_scale: read_lora_scale(&section),
                }
            }
        };
        section.report_unknown_keys();
        models.push(ModelPlan { name, source });
    }
    if models.is_empty() {
        root.problem("model", "is missing; name a GGUF file: [model.task] gguf = \"…\"");
    }
    let has = |wanted: fn(&ModelSource) -> bool| models.iter().any(|model| wanted(&model.source));
    if has(|source| matches!(source, ModelSource::Scripted { .. })) && has(|source| matches!(source, ModelSource::Llama { .. })) {
        root.problem("model", "scripted models and model files cannot stand in one task");
    }
    models
}

fn read_script(section: &Section<'_>, folder: &Path) -> PathBuf {
    if !section.has("script") {
        section.problem("script", "is missing; the scripted engine answers by the rules of a JSONL file");
    }
    section.path("script", folder).unwrap_or_default()
}

/// Reads the name or path of a model file. A path is made absolute, so that the plan can be read in another folder. A name of the
/// catalog and a path in the user's home folder stay as they are.
fn read_gguf(section: &Section<'_>, folder: &Path) -> String {
    let gguf = section.required_text("gguf");
    if !models::is_path(&gguf) || gguf.starts_with("~/") {
        return gguf;
    }
    section.path("gguf", folder).unwrap_or_default().to_string_lossy().into_owned()
}

fn read_lora_scale(section: &Section<'_>) -> Option<f64> {
    let scale = section.number("lora_scale", -100.0..=100.0);
    if section.has("lora_scale") && !section.has("lora") {
        section.problem("lora_scale", "needs `lora`, the file of an adapter");
    }
    scale
}

fn read_gpu_layers(section: &Section<'_>) -> GpuLayersPlan {
    match section.text_or_number("gpu_layers").as_deref() {
        None | Some("auto") => GpuLayersPlan::Auto,
        Some("all") => GpuLayersPlan::All,
        Some(number) => match number.parse() {
            Ok(count) => GpuLayersPlan::Count(count),
            Err(_) => {
                section.problem("gpu_layers", "must be \"auto\", \"all\" or a number of layers");
                GpuLayersPlan::Auto
            }
        },
    }
}

/// Finds the model called `name` among the `names` of all models. An unknown name is a problem with `key`.
pub(super) fn find(section: &Section<'_>, key: &str, name: String, names: &[&str]) -> ModelRef {
    let id = ModelId(names.iter().position(|other| *other == name).unwrap_or_else(|| {
        section.problem(key, format!("there is no [model.{name}]; {}", suggestion(&name, names)));
        0
    }));
    ModelRef { name, id }
}

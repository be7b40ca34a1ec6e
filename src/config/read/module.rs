//! Reads `[[module]]`.

use std::path::Path;

use super::condition::read_condition;
use super::located::Located;
use super::section::{Section, TextOrFile};
use super::{demonstrations, model, output};
use crate::config::module::{ModulePlan, OutputPlan};
use crate::engine::Shape;

/// The model of a module that names none.
pub(super) const DEFAULT_MODEL: &str = "task";

/// The default of `max_tokens`.
const DEFAULT_MAX_TOKENS: u32 = 256;

const INSTRUCTION: TextOrFile = TextOrFile {
    key: "instruction",
    file_key: "instruction_file",
    if_missing: "give `instruction` or `instruction_file`",
    if_empty: "a plain sentence is enough to begin with",
};

/// Reads all modules, in the order of the file. `models` are the names of all models.
pub(super) fn read_all(root: &Section<'_>, folder: &Path, models: &[&str]) -> Vec<Located<ModulePlan>> {
    let sections = root.list_of_tables("module");
    if sections.is_empty() {
        root.problem("module", "is missing; a program has at least one [[module]]");
    }
    let train = root.table("data").and_then(|data| data.path("train", folder));
    let mut modules: Vec<Located<ModulePlan>> = Vec::new();
    for section in &sections {
        let mut module = read(section, folder, models);
        module.demonstrations = demonstrations::read(section, &module, folder, train.as_deref());
        if modules.iter().any(|other| other.plan.name == module.name) {
            section.problem("name", format!("two modules are called `{}`", module.name));
        }
        modules.push(Located { line: section.line(), plan: module });
    }
    if !modules.is_empty() && modules.iter().all(|module| module.plan.frozen) {
        root.problem("module", "all modules are frozen, so there is nothing to evolve");
    }
    sections.into_iter().for_each(Section::report_unknown_keys);
    modules
}

/// Reads one module, without its demonstrations.
fn read(section: &Section<'_>, folder: &Path, models: &[&str]) -> ModulePlan {
    let name = section.required_text("name");
    if section.has("name") && (name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))) {
        section.problem("name", "must be letters, digits, `_` and `-`: it names a file");
    }
    let inputs = section.texts("inputs").unwrap_or_default();
    check_names(section, "inputs", &inputs.iter().map(String::as_str).collect::<Vec<_>>());
    let outputs: Vec<OutputPlan> = section
        .texts_or_tables("outputs")
        .into_iter()
        .map(|output| match output {
            Ok(name) => OutputPlan { name, shape: Shape::Text },
            Err(section) => output::read(section, folder),
        })
        .collect();
    check_names(section, "outputs", &outputs.iter().map(|output| output.name.as_str()).collect::<Vec<_>>());
    let reasoning = section.flag("reasoning").unwrap_or(false);
    output::check_labels(section, &outputs, reasoning);
    let instruction = section.text_or_file(&INSTRUCTION, folder);
    let model = section.text("model").unwrap_or_else(|| DEFAULT_MODEL.into());
    let model = model::find(section, "model", model, models);
    let keep = section.texts("keep").unwrap_or_default();
    if let Some(absent) = keep.iter().find(|sentence| sentence.trim().is_empty() || !instruction.contains(sentence.trim())) {
        section.problem("keep", format!("`{absent}` does not stand in the instruction"));
    }
    ModulePlan {
        frozen: section.flag("frozen").unwrap_or(false),
        keep: keep.iter().map(|sentence| sentence.trim().to_owned()).collect(),
        name,
        inputs,
        outputs,
        instruction,
        max_tokens: section.integer("max_tokens", 1..=1_000_000).unwrap_or(DEFAULT_MAX_TOKENS),
        temperature: section.number("temperature", 0.0..=2.0).unwrap_or(0.0) as f32,
        top_p: section.number("top_p", 0.01..=1.0).unwrap_or(1.0) as f32,
        reasoning,
        when: read_condition(section, "when"),
        model,
        demonstrations: Vec::new(),
    }
}

/// Checks that there are names, and that each can stand before a colon in a line of a prompt.
fn check_names(section: &Section<'_>, key: &str, names: &[&str]) {
    if names.is_empty() {
        section.problem(key, "must name at least one field");
    }
    if let Some(bad) = names.iter().find(|name| name.is_empty() || name.trim() != **name || name.contains([':', '\n'])) {
        let rule = "no colon, no line break, no space at its ends, not empty";
        section.problem(key, format!("{bad:?} cannot be a field's name: {rule}"));
    }
}

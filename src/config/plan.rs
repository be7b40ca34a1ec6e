//! The plan of a run: everything in a task file, with all defaults filled in and all paths absolute.

use std::collections::BTreeMap;

use serde::Serialize;

use super::data::{self, DataPlan};
use super::engine::EnginePlan;
use super::fingerprint::{self, Keys};
use super::metric::{self, MetricPlan};
use super::model::{self, ModelPlan, ModelRef};
use super::module::{self, DemonstrationPlan, ModulePlan};
use super::optimize::{self, Method, OptimizePlan};
use super::program::{LOOP_KEYS, LoopPlan, PROGRAM_KEYS, ProgramPlan};
use super::step::{self, StepPlan};
use crate::engine::Shape;
use crate::program::layout::REASONING;
use crate::program::render;
use crate::program::{Candidate, Demonstration, Layout, Module, ModuleText};

/// The plan of a run. Written as TOML, it is a task file again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Where the examples are.
    pub data: DataPlan,
    /// The modules, in the order of the task file.
    #[serde(rename = "module")]
    pub modules: Vec<ModulePlan>,
    /// The order in which modules and steps run.
    pub program: ProgramPlan,
    /// The steps that ask no model, in the order of the task file.
    #[serde(rename = "step", skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepPlan>,
    /// The loops over modules and steps.
    #[serde(rename = "loop", skip_serializing_if = "Vec::is_empty")]
    pub loops: Vec<LoopPlan>,
    /// Where instruction, fields and demonstrations stand in a chat.
    pub layout: Layout,
    /// How answers are judged.
    pub metric: MetricPlan,
    /// The models that are asked by modules, reflectors or judges, in the order of the task file. A
    /// [`ModelId`](crate::engine::ModelId) is an index in this list.
    #[serde(rename = "model", serialize_with = "by_name")]
    pub models: Vec<ModelPlan>,
    /// How a better candidate is searched for.
    pub optimize: OptimizePlan,
    /// How llama.cpp is run.
    pub engine: EnginePlan,
}

static KEYS: Keys = Keys {
    inside: "layout",
    outside: "engine",
    tables: &[
        ("data", &data::KEYS),
        ("module", &module::KEYS),
        ("program", &PROGRAM_KEYS),
        ("step", &step::KEYS),
        ("loop", &LOOP_KEYS),
        ("metric", &metric::KEYS),
        ("optimize", &optimize::KEYS),
    ],
    named_tables: &[("model", &model::KEYS)],
    ..Keys::NONE
};

fn by_name<S: serde::Serializer>(models: &[ModelPlan], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(models.iter().map(|model| (&model.name, model)))
}

impl Plan {
    /// Returns the modules of the program, in the order of the task file.
    pub fn program_modules(&self) -> impl Iterator<Item = Module> {
        self.modules.iter().map(|plan| self.program_module(plan))
    }

    fn program_module(&self, plan: &ModulePlan) -> Module {
        let shapes = plan.outputs.iter().filter(|output| output.shape != Shape::Text);
        Module {
            name: plan.name.clone(),
            inputs: plan.inputs.clone(),
            outputs: plan.outputs.iter().map(|output| output.name.clone()).collect(),
            shapes: shapes.map(|output| (output.name.clone(), output.shape.clone())).collect(),
            max_tokens: plan.max_tokens,
            temperature: plan.temperature,
            top_p: plan.top_p,
            model: plan.model.id,
            layout: self.layout,
            frozen: plan.frozen,
            keep: plan.keep.clone(),
            labels: self.metric.labels(),
        }
    }

    /// Returns the seed: the candidate with the texts of the task file.
    #[must_use]
    pub fn seed_candidate(&self) -> Candidate {
        let text = |plan: &ModulePlan| ModuleText {
            reasoning: plan.reasoning,
            demonstrations: plan.demonstrations.iter().map(|shown| demonstration(shown, plan)).collect(),
            ..ModuleText::new(&plan.instruction)
        };
        Candidate(self.modules.iter().map(text).collect())
    }

    /// Returns everything in the plan that a run must have in common with the run that it resumes, by dotted keys. The caller adds
    /// hashes of the files.
    #[must_use]
    pub fn fingerprint(&self) -> BTreeMap<String, String> {
        let mut pairs = serde_json::to_value(self).map(|plan| fingerprint::pairs(&plan, &KEYS)).unwrap_or_default();
        let other_tables =
            Method::ALL.iter().filter_map(|method| method.table()).filter(|name| Some(*name) != self.optimize.optimizer.table());
        let other_tables: Vec<String> = other_tables.map(|name| format!("optimize.{name}.")).collect();
        // The numbers of the optimizers that are not used may change.
        pairs.retain(|key, _| !other_tables.iter().any(|table| key.starts_with(table)));
        let names = |names: Vec<&str>| names.join(", ");
        pairs.insert("modules".into(), names(self.modules.iter().map(|module| module.name.as_str()).collect()));
        pairs.insert("models".into(), names(self.models.iter().map(|model| model.name.as_str()).collect()));
        pairs
    }

    /// Returns all references to models, to be changed.
    pub(super) fn model_refs_mut(&mut self) -> impl Iterator<Item = &mut ModelRef> {
        let modules = self.modules.iter_mut().map(|module| &mut module.model);
        let judges = self.metric.judges_mut().into_iter().map(|judge| &mut judge.model);
        modules.chain(self.optimize.reflectors.iter_mut()).chain(judges)
    }
}

/// Returns a demonstration in the form in which the module's chat shows it.
fn demonstration(shown: &DemonstrationPlan, module: &ModulePlan) -> Demonstration {
    let named = |name: &String| (name.clone(), shown.field(name).to_owned());
    let outputs: Vec<(String, String)> = module.outputs.iter().map(|output| named(&output.name)).collect();
    Demonstration {
        id: shown.id.clone(),
        inputs: module.inputs.iter().map(named).collect(),
        answer: render::worked_answer(module.reasoning.then(|| shown.field(REASONING)), &outputs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::error::ConfigError;
    use crate::config::fingerprint::Part;
    use crate::config::load::load;

    /// A task file with every key and every kind of step and metric, for llama.cpp.
    const ALL_KEYS: &str = include_str!("tests/all_keys.toml");
    /// A task file for the scripted engine, with the keys that cannot stand in the other file.
    const SCRIPTED: &str = include_str!("tests/scripted.toml");

    #[test]
    fn the_fingerprint_is_as_recorded() {
        for (source, recorded) in
            [(ALL_KEYS, include_str!("tests/all_keys.fingerprint")), (SCRIPTED, include_str!("tests/scripted.fingerprint"))]
        {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("gepard.toml");
            std::fs::write(&path, source).unwrap();
            let pairs = load(&path, &[]).unwrap().fingerprint();
            let folder = folder.path().to_string_lossy().into_owned();
            let line = |(key, value): (&String, &String)| format!("{key} = {}\n", value.replace(&folder, "FOLDER"));
            assert_eq!(pairs.iter().map(line).collect::<String>(), recorded);
        }
    }

    /// The reader lists all keys of a table when it meets an unknown one, so a new key cannot be forgotten here.
    #[test]
    fn every_key_is_marked_as_inside_or_outside_of_the_fingerprint() {
        const UNKNOWN: &str = "qqqqqqqqqqqqqqqqqqqqqqqq";
        /// Keys that are read into another key.
        const ALIASES: [&str; 3] = ["instruction_file", "rubric_file", "language"];
        let mut tables = 0;
        for source in [ALL_KEYS, SCRIPTED] {
            let insert =
                |line: &str| if line.starts_with('[') { format!("{line}\n{UNKNOWN} = 1\n") } else { format!("{line}\n") };
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("gepard.toml");
            std::fs::write(&path, source.lines().map(insert).collect::<String>()).unwrap();
            let Err(ConfigError::Invalid { problems, .. }) = load(&path, &[]) else { panic!("there is no unknown key") };
            for problem in &problems {
                let Some(table) = problem.key.strip_suffix(UNKNOWN) else { continue };
                let Some((_, known)) = problem.message.split_once("known are ") else { continue };
                let Some(keys) = keys_of(table) else { continue };
                tables += 1;
                for key in known.split(", ").map(|key| key.trim_matches('`')).filter(|key| !ALIASES.contains(key)) {
                    assert!(keys.part(key).is_some(), "`{table}{key}` is not marked");
                }
            }
        }
        assert!(tables > 25, "{tables} tables");
    }

    /// The keys of the table with a dotted path, like `metric.part.`. None for a table that is inside or outside as a whole.
    fn keys_of(path: &str) -> Option<&'static Keys> {
        let mut keys = &KEYS;
        let mut names = path.split_terminator('.');
        while let Some(name) = names.next() {
            match keys.part(name).unwrap_or_else(|| panic!("`{path}` is not marked")) {
                Part::Table(inner) => keys = inner,
                Part::NamedTables(inner) => {
                    names.next();
                    keys = inner;
                }
                Part::Inside | Part::Outside => return None,
            }
        }
        Some(keys)
    }
}

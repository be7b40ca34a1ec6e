//! What a run will do, fully resolved: every choice has its value, every path is absolute.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::demonstrations::DemonstrationPlan;
use super::metric_plan::MetricPlan;
use super::optimize::OptimizePlan;
use super::order::{self, LoopPlan, ProgramPlan};
use super::output::OutputPlan;
use super::steps::StepPlan;
use crate::data::split::Split;
use crate::engine::memory::CacheType;
use crate::engine::{ModelId, Shape};
use crate::program::{Candidate, Condition, Layout, Module, ModuleText, Program, Tool};

/// A whole task. Serialized, it is a task file again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Where the examples are.
    pub data: DataPlan,
    /// The modules, in the order in which they run.
    #[serde(rename = "module")]
    pub modules: Vec<ModulePlan>,
    /// What runs in which order.
    pub program: ProgramPlan,
    /// The steps that ask no model.
    #[serde(rename = "step", skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepPlan>,
    /// What runs again and again.
    #[serde(rename = "loop", skip_serializing_if = "Vec::is_empty")]
    pub loops: Vec<LoopPlan>,
    /// What stands where in a chat.
    pub layout: Layout,
    /// How answers are judged.
    pub metric: MetricPlan,
    /// The models, in the order of the task file: [`ModelId`] counts them.
    #[serde(rename = "model", serialize_with = "by_name")]
    pub models: Vec<ModelPlan>,
    /// How to look for a better candidate.
    pub optimize: OptimizePlan,
    /// The shape of the engine's work.
    pub engine: EnginePlan,
}

/// `[data]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DataPlan {
    /// Training rows, JSONL (a JSON object a line) or CSV (`.csv`, `.tsv`; the first row names the fields, all values are
    /// text), with an `id` if they have one: what a reflecting model may read. 20 to 100 are plenty. Paths are relative to
    /// the task file.
    pub train: PathBuf,
    /// Validation rows: what candidates are compared on; None: half of train, at most 100, by a hash of the ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub val: Option<PathBuf>,
    /// Test rows: nothing sees them before the end; None: there is no test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    /// Whether test rows may also stand in the other files: an error otherwise, for the test score would flatter.
    pub allow_overlap: bool,
}

impl DataPlan {
    /// The file that a split's rows are in: that of the training rows where it has none of its own.
    #[must_use]
    pub fn file(&self, split: Split) -> &Path {
        let own = match split {
            Split::Train => None,
            Split::Val => self.val.as_deref(),
            Split::Test => self.test.as_deref(),
        };
        own.unwrap_or(&self.train)
    }
}

/// `[[module]]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModulePlan {
    /// Letters, digits, `_`, `-`; it names a file of `best/`.
    pub name: String,
    /// Fields of a row, or outputs of what ran before.
    pub inputs: Vec<String>,
    /// What it writes: names, or tables with `name` and one of `values`, `kind` (`"number"`, `"flag"`, `"list"`, `"text"`),
    /// `schema`.
    pub outputs: Vec<OutputPlan>,
    /// The prompt to begin with, here or in a file of its own.
    pub instruction: String,
    /// Whether its instruction stays as it is.
    pub frozen: bool,
    /// Sentences of the instruction that stay, word for word; left out: none.
    pub keep: Vec<String>,
    /// The most tokens of an answer.
    pub max_tokens: u32,
    /// 0 is greedy.
    pub temperature: f32,
    /// Nucleus mass, 0.01 to 1; without effect on a greedy answer.
    pub top_p: f32,
    /// Whether it reasons before it answers, from the seed on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reasoning: bool,
    /// It runs only where a field is so: `{ field = "kind", equals = "long" }`, or `contains`, `empty`; `not = true` turns
    /// it around; None: always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// Which `[model.NAME]` answers.
    pub model: String,
    /// Worked examples to begin with: a file of rows, or a list of rows and of ids of training rows; left out: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub demonstrations: Vec<DemonstrationPlan>,
}

impl ModulePlan {
    /// Whether one of its outputs is called `name`.
    #[must_use]
    pub fn writes(&self, name: &str) -> bool {
        self.outputs.iter().any(|output| output.name == name)
    }
}

/// `[model.NAME]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelPlan {
    /// Its name.
    #[serde(skip)]
    pub name: String,
    /// What answers.
    #[serde(flatten)]
    pub source: ModelSource,
}

/// What stands behind a model's name.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "engine", rename_all = "lowercase")]
pub enum ModelSource {
    /// A GGUF file through llama.cpp.
    Llama {
        /// A name from `gepard models list`, or a path, relative to the task file.
        gguf: String,
        /// `"auto"`: as many as fit; `"all"`; or a number.
        gpu_layers: GpuLayersPlan,
        /// Tokens of prompt and answer together; None: what it was trained on, at most 8192; less where memory is short.
        #[serde(skip_serializing_if = "Option::is_none")]
        context: Option<usize>,
        /// What its KV cache is stored as; None: 16-bit floats, unless memory is short.
        #[serde(skip_serializing_if = "Option::is_none")]
        cache: Option<CacheType>,
        /// The model reasons before each answer, in at most so many tokens; then its answer is asked for. For models whose
        /// chat template marks reasoning; None: it answers at once.
        #[serde(skip_serializing_if = "Option::is_none")]
        thinking: Option<u32>,
    },
    /// The deterministic double.
    Scripted {
        /// Its rules.
        script: PathBuf,
    },
}

/// How many layers go to a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GpuLayersPlan {
    /// As many as fit where there is a GPU, else none.
    Auto,
    /// All.
    All,
    /// So many.
    Count(u32),
}

impl Serialize for GpuLayersPlan {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::All => serializer.serialize_str("all"),
            Self::Count(n) => serializer.serialize_u32(*n),
        }
    }
}

/// `[engine]`
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EnginePlan {
    /// Threads of llama.cpp; None: what is found fastest at a model's first use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// Requests decoded together; see README, "Speed".
    pub sequences: usize,
    /// Tokens in a batch; None: what is found fastest at a model's first use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunk: Option<usize>,
    /// Megabytes that models may take; None: seven eighths of the machine's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
}

fn by_name<S: serde::Serializer>(models: &[ModelPlan], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(models.iter().map(|model| (&model.name, model)))
}

impl Plan {
    /// The model called `name`.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<ModelId> {
        self.models.iter().position(|m| m.name == name).map(ModelId)
    }

    /// The module at a place of the plan.
    #[must_use]
    pub fn module(&self, place: usize) -> Option<Module> {
        self.modules.get(place).map(|plan| self.built(plan))
    }

    fn built(&self, plan: &ModulePlan) -> Module {
        Module {
            name: plan.name.clone(),
            inputs: plan.inputs.clone(),
            outputs: plan.outputs.iter().map(|output| output.name.clone()).collect(),
            shapes: plan.outputs.iter().filter(|o| o.shape != Shape::Text).map(|o| (o.name.clone(), o.shape.clone())).collect(),
            max_tokens: plan.max_tokens,
            temperature: plan.temperature,
            top_p: plan.top_p,
            model: self.model(&plan.model).unwrap_or(ModelId(0)),
            layout: self.layout,
            frozen: plan.frozen,
            keep: plan.keep.clone(),
            labels: self.metric.labels(),
        }
    }

    /// The program, without its texts; `tools` are the steps of the plan, in its order.
    #[must_use]
    pub fn program(&self, tools: Vec<Tool>) -> Program {
        let flow = order::flow(&self.program.order, &self.modules, &self.steps, &self.loops);
        Program::of_flow(self.modules.iter().map(|plan| self.built(plan)).collect(), tools, flow)
    }

    /// The candidate that the task file brings.
    #[must_use]
    pub fn seed_candidate(&self) -> Candidate {
        let text = |plan: &ModulePlan| {
            let (module, text) =
                (self.built(plan), ModuleText { reasoning: plan.reasoning, ..ModuleText::new(&plan.instruction) });
            let demonstrations = plan.demonstrations.iter().map(|shown| shown.shown(&module, &text)).collect();
            ModuleText { demonstrations, ..text }
        };
        Candidate(self.modules.iter().map(text).collect())
    }

    /// What a run must have in common with the one that it resumes, by dotted key. Stop rules and
    /// paths are left out: files count by their content, which the caller adds.
    #[must_use]
    pub fn fingerprint(&self) -> BTreeMap<String, String> {
        let mut pairs = BTreeMap::new();
        if let Ok(value) = serde_json::to_value(self) {
            flatten("", &value, &mut pairs);
        }
        let by_content = |key: &str| {
            let path = |name: &str| key == name;
            let model = key.starts_with("model.") && (key.ends_with(".gguf") || key.ends_with(".script"));
            path("data.train")
                || path("data.val")
                || path("data.test")
                || model
                || (key.starts_with("step.") && key.ends_with(".corpus"))
        };
        // What only says when to stop may change: a finished run goes on under a larger budget.
        let stops = ["budget", "max_reflections", "stop_at_score", "patience"].map(|key| format!("optimize.{key}"));
        // How many outside programs run at a time changes nothing that they say.
        let slots = |key: &str| key.ends_with(".slots") && (key.starts_with("step.") || key.starts_with("metric."));
        pairs.retain(|key, _| !by_content(key) && !key.starts_with("engine.") && !stops.contains(key) && !slots(key));
        let names = |names: Vec<&str>| names.join(", ");
        pairs.insert("modules".into(), names(self.modules.iter().map(|m| m.name.as_str()).collect()));
        pairs.insert("models".into(), names(self.models.iter().map(|m| m.name.as_str()).collect()));
        pairs
    }
}

fn flatten(path: &str, value: &serde_json::Value, pairs: &mut BTreeMap<String, String>) {
    let join = |key: &str| {
        if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
    };
    match value {
        serde_json::Value::Object(map) => map.iter().for_each(|(key, inner)| flatten(&join(key), inner, pairs)),
        serde_json::Value::Array(items) if items.iter().any(serde_json::Value::is_object) => {
            let name = |item: &serde_json::Value| item.get("name").and_then(serde_json::Value::as_str).map(str::to_owned);
            // Worked examples may all have the same name.
            let names: BTreeSet<Option<String>> = items.iter().map(name).collect();
            for (index, inner) in items.iter().enumerate() {
                let name = name(inner).filter(|_| names.len() == items.len()).unwrap_or_else(|| index.to_string());
                flatten(&join(&name), inner, pairs);
            }
        }
        other => {
            pairs.insert(path.to_owned(), crate::data::to_text(other));
        }
    }
}

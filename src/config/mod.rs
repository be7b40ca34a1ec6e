//! The task file: `gepard.toml` → [`Plan`], checked as a whole. Every problem is told, with its
//! line and key, before anything is loaded.

mod budget;
mod code;
mod command;
mod demonstrations;
mod judge;
mod layout;
mod metric;
mod metric_plan;
mod named;
mod operator;
mod optimize;
mod order;
mod output;
mod plan;
mod privacy;
mod section;
mod steps;
mod tree;

pub use budget::{Auto, Budget, Rollouts};
pub use command::CommandPlan;
pub use demonstrations::DemonstrationPlan;
pub use judge::JudgePlan;
pub use metric_plan::{ConstraintPlan, MetricPlan, PartPlan, Pattern};
pub use operator::Operator;
pub use optimize::{CandidateSelection, Frontier, Gate, Keep, Method, ModuleSelection, OptimizePlan, Parents, Preset};
pub use order::{LoopPlan, ProgramPlan};
pub use output::OutputPlan;
pub use plan::*;
pub use privacy::PrivacyPlan;
pub use section::Problem;
pub use steps::{StepKind, StepPlan};

use std::io::Read;
use std::path::{Path, PathBuf};

use self::named::Named;
use self::section::{Problems, Section, nearest};
use self::tree::Table;
use crate::engine::Shape;
use crate::engine::memory::CacheType;
use crate::engine::settings::Settings;
use crate::models;

/// Why a task file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the task file {path}: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// What is wrong in it.
    #[error("{}", list(path, problems))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// All of it.
        problems: Vec<Problem>,
    },
    /// A `--set` that cannot be applied.
    #[error("--set {setting}: {cause}")]
    Set {
        /// What was given.
        setting: String,
        /// What is wrong with it.
        cause: String,
    },
}

fn list(path: &Path, problems: &[Problem]) -> String {
    let line = |p: &Problem| {
        let at = p.line.map_or(String::new(), |line| format!(":{line}"));
        let key = match p.key.as_str() {
            "" => String::new(),
            key if goes_on(&p.message) => format!("`{key}` "),
            key => format!("`{key}`: "),
        };
        format!("{}{at}: {key}{}", path.display(), p.message)
    };
    problems.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Whether a message goes on from its key, as "is missing" does, rather than being a sentence of its own.
fn goes_on(message: &str) -> bool {
    const VERBS: [&str; 11] = ["is", "must", "has", "cannot", "names", "needs", "goes", "stands", "lies", "lacks", "draws"];
    message.split(' ').next().is_some_and(|word| VERBS.contains(&word))
}

/// Reads a task file, with `settings` (`key.path=value`) laid over it.
///
/// # Errors
/// [`ConfigError`] with everything that is wrong.
pub fn load(path: &Path, settings: &[String]) -> Result<Plan, ConfigError> {
    let source = read_source(path)?;
    let invalid = |problems| ConfigError::Invalid { path: path.to_owned(), problems };
    let source = source.strip_prefix('\u{feff}').unwrap_or(&source);
    let mut table = tree::parse(source)
        .map_err(|(line, message)| invalid(vec![Problem { line: Some(line), key: String::new(), message }]))?;
    for setting in settings {
        apply(&mut table, setting)?;
    }
    let absolute = std::path::absolute(path).map_err(|cause| ConfigError::Read { path: path.to_owned(), cause })?;
    let base = absolute.parent().unwrap_or(Path::new("/"));
    let problems = Problems::default();
    let plan = read_plan(&Reader { base, problems: &problems }, &table);
    let problems = problems.into_inner();
    if problems.is_empty() { Ok(plan) } else { Err(invalid(problems)) }
}

/// The most bytes of a task file; whatever is longer is something else.
const LONGEST_FILE: u64 = 1 << 20;

fn read_source(path: &Path) -> Result<String, ConfigError> {
    let read = |cause| ConfigError::Read { path: path.to_owned(), cause };
    let problem = |line: Option<usize>, message: &str| ConfigError::Invalid {
        path: path.to_owned(),
        problems: vec![Problem { line, key: String::new(), message: message.into() }],
    };
    let mut bytes = Vec::new();
    std::fs::File::open(path).and_then(|file| file.take(LONGEST_FILE + 1).read_to_end(&mut bytes)).map_err(read)?;
    if bytes.len() as u64 > LONGEST_FILE {
        return Err(problem(None, "has more than 1 MB, and a task file a few kilobytes: give the file that names the data"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
        problem(Some(line), "is not UTF-8; save the file as UTF-8")
    })
}

fn apply(table: &mut Table, setting: &str) -> Result<(), ConfigError> {
    let bad = |cause: String| ConfigError::Set { setting: setting.to_owned(), cause };
    let (path, value) = setting.split_once('=').ok_or_else(|| bad("must be key=value, like optimize.seed=1".into()))?;
    let parts: Vec<&str> = path.trim().split('.').collect();
    if parts.iter().any(|p| p.is_empty()) {
        return Err(bad("the key must be a dotted path, like model.task.gguf".into()));
    }
    table.set(&parts, tree::parse_value(value.trim())).map_err(bad)
}

struct Reader<'a> {
    /// The task file's folder: paths are relative to it.
    base: &'a Path,
    problems: &'a Problems,
}

fn read_plan(reader: &Reader<'_>, table: &Table) -> Plan {
    let root = Section::root(table, reader.problems);
    let models = read_models(reader, &root);
    let names: Vec<&str> = models.iter().map(|m| m.name.as_str()).collect();
    let (lines, modules) = read_modules(reader, &root, &names);
    let read = steps::read_steps(&root, reader.base);
    let mut named: Vec<(usize, String)> = read.iter().map(|(line, step)| (*line, step.name.clone())).collect();
    let steps: Vec<StepPlan> = read.into_iter().map(|(_, step)| step).collect();
    named.extend(lines.into_iter().zip(modules.iter().map(|module| module.name.clone())));
    let program = order::read(&root, &mut named);
    let loops = order::read_loops(&root, &program.order);
    order::check_fields(&root, &named, &program.order, (&modules, &steps, &loops));
    let own_model = modules.first().map_or("task", |m| m.model.as_str());
    let plan = Plan {
        data: read_data(reader, &root),
        metric: metric::read(&root, (&modules, &steps), &names, reader.base),
        layout: layout::read(&root),
        optimize: optimize::read(&root, &names, own_model),
        engine: read_engine(&root),
        program,
        modules,
        steps,
        loops: loops.into_iter().map(|(_, plan)| plan).collect(),
        models,
    };
    if plan.optimize.frontier != Frontier::Example && !plan.metric.names_objectives() {
        let message = "needs a metric that names objectives, like json, constraints or sum: leave it out";
        root.table_or_empty("optimize").problem("frontier", message);
    }
    root.finish();
    let judges = plan.metric.judges().into_iter().map(|judge| judge.model.clone()).collect();
    Plan { models: only_used(plan.models, &plan.modules, &plan.optimize, judges), ..plan }
}

/// The models that somebody asks: no other is loaded.
fn only_used(mut models: Vec<ModelPlan>, modules: &[ModulePlan], optimize: &OptimizePlan, judges: Vec<String>) -> Vec<ModelPlan> {
    let others = [&judges, &optimize.reflectors];
    models
        .retain(|model| modules.iter().any(|m| m.model == model.name) || others.iter().any(|names| names.contains(&model.name)));
    models
}

fn read_data(reader: &Reader<'_>, root: &Section<'_>) -> DataPlan {
    let Some(data) = root.table("data") else {
        root.problem("data", "is missing; give the training examples: [data] train = \"train.jsonl\"");
        return DataPlan { train: PathBuf::new(), val: None, test: None, allow_overlap: false };
    };
    let train = data.path("train", reader.base).unwrap_or_default();
    if !data.has("train") {
        data.problem("train", "is missing");
    }
    let plan = DataPlan {
        train,
        val: data.path("val", reader.base),
        test: data.path("test", reader.base),
        allow_overlap: data.flag("allow_overlap").unwrap_or(false),
    };
    data.finish();
    plan
}

/// Tokens of an answer unless the module says otherwise.
const DEFAULT_MAX_TOKENS: u32 = 256;

/// The modules, and the lines they stand in.
fn read_modules(reader: &Reader<'_>, root: &Section<'_>, models: &[&str]) -> (Vec<usize>, Vec<ModulePlan>) {
    let sections = root.list_of_tables("module");
    if sections.is_empty() {
        root.problem("module", "is missing; a program has at least one [[module]]");
    }
    let train = root.table("data").and_then(|data| data.path("train", reader.base));
    let mut modules: Vec<ModulePlan> = Vec::new();
    for section in &sections {
        let mut module = read_module(reader, section, models);
        module.demonstrations = demonstrations::read(section, &module, reader.base, train.as_deref());
        if modules.iter().any(|m| m.name == module.name) {
            section.problem("name", format!("two modules are called `{}`", module.name));
        }
        modules.push(module);
    }
    if !modules.is_empty() && modules.iter().all(|module| module.frozen) {
        root.problem("module", "all modules are frozen, so there is nothing to evolve");
    }
    let lines = sections.iter().map(Section::line).collect();
    sections.into_iter().for_each(Section::finish);
    (lines, modules)
}

fn read_module(reader: &Reader<'_>, section: &Section<'_>, models: &[&str]) -> ModulePlan {
    let name = section.required_text("name");
    if section.has("name") && (name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))) {
        section.problem("name", "must be letters, digits, `_` and `-`: it names a file");
    }
    let check = |key, fields: &[&str]| {
        if fields.is_empty() {
            section.problem(key, "must name at least one field");
        }
        if let Some(bad) = fields.iter().find(|f| f.is_empty() || f.trim() != **f || f.contains([':', '\n'])) {
            let form = "no colon, no line break, no space at its ends, not empty";
            section.problem(key, format!("{bad:?} cannot be a field's name: {form}"));
        }
    };
    let inputs = section.texts("inputs").unwrap_or_default();
    check("inputs", &inputs.iter().map(String::as_str).collect::<Vec<_>>());
    let outputs: Vec<OutputPlan> = section
        .texts_or_tables("outputs")
        .into_iter()
        .map(|output| match output {
            Ok(name) => OutputPlan { name, shape: Shape::Text },
            Err(section) => output::read(section, reader.base),
        })
        .collect();
    check("outputs", &outputs.iter().map(|output| output.name.as_str()).collect::<Vec<_>>());
    let reasoning = section.flag("reasoning").unwrap_or(false);
    output::check(section, &outputs, reasoning);
    let advice = ("give `instruction` or `instruction_file`", "a plain sentence is enough to begin with");
    let instruction = section.text_or_file(("instruction", "instruction_file"), reader.base, advice);
    let model = section.text("model").unwrap_or_else(|| "task".into());
    if !models.contains(&model.as_str()) {
        section.problem("model", format!("there is no [model.{model}]; {}", nearest(&model, models)));
    }
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
        when: steps::read_condition(section, "when"),
        model,
        demonstrations: Vec::new(),
    }
}

impl Named for CacheType {
    const NAMES: &'static [(&'static str, Self)] = &[("f16", Self::F16), ("q8_0", Self::Q8)];
}

fn read_models(reader: &Reader<'_>, root: &Section<'_>) -> Vec<ModelPlan> {
    let mut models = Vec::new();
    for (name, section) in root.named_tables("model") {
        let engine = section.text("engine").unwrap_or_else(|| "llama".into());
        let source = match engine.as_str() {
            "scripted" => ModelSource::Scripted { script: read_script(reader, &section) },
            other => {
                if other != "llama" {
                    section
                        .problem("engine", format!("there is no engine `{other}`; {}", nearest(other, &["llama", "scripted"])));
                }
                ModelSource::Llama {
                    gguf: read_gguf(reader, &section),
                    gpu_layers: read_gpu_layers(&section),
                    context: section.integer("context", 128..=10_000_000),
                    cache: named::given(&section, "cache"),
                    thinking: section.integer("thinking", 1..=1_000_000),
                }
            }
        };
        section.finish();
        models.push(ModelPlan { name, source });
    }
    if models.is_empty() {
        root.problem("model", "is missing; name a GGUF file: [model.task] gguf = \"…\"");
    }
    let scripted = models.iter().filter(|m| matches!(m.source, ModelSource::Scripted { .. })).count();
    if scripted != 0 && scripted != models.len() {
        root.problem("model", "either all models are scripted or none is");
    }
    models
}

fn read_script(reader: &Reader<'_>, section: &Section<'_>) -> PathBuf {
    if !section.has("script") {
        section.problem("script", "is missing; the scripted engine answers by the rules of a JSONL file");
    }
    section.path("script", reader.base).unwrap_or_default()
}

/// A path is made absolute, so that the plan means the same elsewhere; a catalog name stays, and so
/// does a path in the user's home folder.
fn read_gguf(reader: &Reader<'_>, section: &Section<'_>) -> String {
    let gguf = section.required_text("gguf");
    if !models::is_path(&gguf) || gguf.starts_with("~/") {
        return gguf;
    }
    section.path("gguf", reader.base).unwrap_or_default().to_string_lossy().into_owned()
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

fn read_engine(root: &Section<'_>) -> EnginePlan {
    let section = root.table_or_empty("engine");
    let plan = EnginePlan {
        threads: section.integer("threads", 1..=1024),
        sequences: section.integer("sequences", 1..=253).unwrap_or(Settings::SEQUENCES),
        chunk: section.integer("chunk", 1..=4096),
        memory: section.integer("memory", 1..=100_000_000),
    };
    if plan.chunk.is_some_and(|chunk| chunk < plan.sequences) {
        section.problem("chunk", format!("must be at least `sequences`, {}: a batch holds a token of each", plan.sequences));
    }
    section.finish();
    plan
}

#[cfg(test)]
mod tests;

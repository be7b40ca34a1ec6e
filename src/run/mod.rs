//! A run from plan to result: the library's front door.

mod agreement;
mod constant;
pub mod contest;
mod doctor;
mod eval;
mod feedback;
mod findings;
pub mod start;
mod tester;

pub use constant::Constant;
pub use doctor::{Diagnosis, diagnose};
pub use eval::{EvalRequest, EvalResult, evaluate};
pub use feedback::metric;
pub use findings::Finding;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use self::tester::Tester;
use crate::catalog;
use crate::config::{EnginePlan, GpuLayersPlan, Method, ModelSource, OptimizePlan, Plan, StepKind};
use crate::data::Corpus;
use crate::data::split::{self, Files, Splits};
use crate::engine::Engine;
use crate::engine::llama::{GpuLayers, Llama, ModelFile, Preparation, Settings, Tuning, layers_key};
use crate::engine::memory::{Machine, MemoryPlan};
use crate::engine::scripted::Scripted;
use crate::error::RunError;
use crate::event::{Event, StopReason};
use crate::journal::{self, Journal, JournalError};
use crate::metric::Metric;
use crate::optimize::evaluator::Evaluator;
use crate::optimize::failures::Failures;
use crate::optimize::{self, Session};
use crate::process::Pool;
use crate::program::tools::{Act, Command, Retrieve, Template};
use crate::program::{Program, Tool};
use crate::report::summary::{BeforeAfter, Tested};
use crate::report::tally::Tally;
use crate::report::{Summary, page, result};

/// The program of a plan, its corpora opened.
///
/// # Errors
/// [`RunError::Data`] for a corpus that cannot be used.
pub fn program(plan: &Plan) -> Result<Program, RunError> {
    program_and_tell(plan, &mut |_| {})
}

/// The same; `listener` hears which corpus is opened, since one that has no index yet takes its time.
fn program_and_tell(plan: &Plan, listener: &mut dyn FnMut(&Event)) -> Result<Program, RunError> {
    let mut tools = Vec::new();
    for step in &plan.steps {
        let does: Arc<dyn Act> = match &step.does {
            StepKind::Retrieve { corpus, output, k, indexing, show, key, .. } => {
                let folder = catalog::cache_dir()?.join("indexes");
                let bytes = std::fs::metadata(corpus).map_or(0, |file| file.len());
                listener(&Event::Indexing { corpus: corpus.clone(), bytes });
                let corpus = Arc::new(Corpus::open(corpus, indexing, &folder)?);
                Arc::new(Retrieve { corpus, k: *k, show: show.clone(), key: key.clone(), output: output.clone() })
            }
            StepKind::Template { template, output } => Arc::new(Template::new(template, output)),
            StepKind::Command { outputs, .. } => {
                let Some(process) = step.does.process() else { continue };
                Arc::new(Command { pool: Arc::new(Pool::new(process)), outputs: outputs.clone() })
            }
        };
        tools.push(Tool { name: step.name.clone(), inputs: step.inputs(), outputs: step.outputs(), does });
    }
    Ok(plan.program(tools))
}

/// The fields that every example must have.
#[must_use]
pub fn required_fields(program: &Program, metric: &dyn Metric) -> Vec<String> {
    let mut fields = program.reads.clone();
    fields.extend(metric.required_fields());
    let mut seen = std::collections::BTreeSet::new();
    fields.retain(|field| seen.insert(field.clone()));
    fields
}

/// Where a plan's examples are.
#[must_use]
pub fn files(plan: &Plan) -> Files {
    let data = &plan.data;
    Files { train: data.train.clone(), val: data.val.clone(), test: data.test.clone(), allow_overlap: data.allow_overlap }
}

/// The files of a plan's models; none where they are scripted. `run` is the fingerprint of the run that goes on, empty for none.
fn llama_models(plan: &Plan, run: &BTreeMap<String, String>) -> Result<Vec<ModelFile>, RunError> {
    let mut models = Vec::new();
    for model in &plan.models {
        if let ModelSource::Llama { gguf, gpu_layers, context, cache, thinking } = &model.source {
            models.push(ModelFile {
                name: model.name.clone(),
                path: catalog::resolve(gguf, Path::new(""))?,
                gpu_layers: match gpu_layers {
                    // What is free on a GPU changes, and answers depend on it.
                    GpuLayersPlan::Auto => match run.get(&layers_key(&model.name)).and_then(|layers| layers.parse().ok()) {
                        Some(layers) => GpuLayers::Kept(layers),
                        None => GpuLayers::Auto,
                    },
                    GpuLayersPlan::All => GpuLayers::All,
                    GpuLayersPlan::Count(n) => GpuLayers::Count(*n),
                },
                context: *context,
                cache: *cache,
                thinking: thinking.unwrap_or(0),
                tuning: Tuning::of_run(run, &model.name),
            });
        }
    }
    Ok(models)
}

/// The shape of the engine's work.
fn settings(plan: &Plan) -> Settings {
    let EnginePlan { threads, sequences, chunk, memory } = plan.engine;
    Settings { threads, sequences, chunk, memory: memory.map(|megabytes| megabytes * 1_000_000), drafts: true }
}

/// Loads the models of a plan, unless `interrupted` meanwhile. `run` is the fingerprint of the run that goes on with them, empty
/// for none: what was measured for it stays.
///
/// # Errors
/// [`RunError::ModelFile`] and [`RunError::Engine`]
pub fn open_engine(
    plan: &Plan,
    run: &BTreeMap<String, String>,
    interrupted: &AtomicBool,
    listener: &mut dyn FnMut(&Event),
) -> Result<Box<dyn Engine>, RunError> {
    Ok(open_with_memory(plan, run, interrupted, listener)?.0)
}

/// An engine, and how its models share the machine's memory; None where they are scripted.
type Opened = (Box<dyn Engine>, Option<(MemoryPlan, Machine)>);

/// The same, and the memory plan.
fn open_with_memory(
    plan: &Plan,
    run: &BTreeMap<String, String>,
    interrupted: &AtomicBool,
    listener: &mut dyn FnMut(&Event),
) -> Result<Opened, RunError> {
    let started = Instant::now();
    let opened = load(plan, run, interrupted, listener)?;
    listener(&Event::ModelsLoaded { seconds: started.elapsed().as_secs_f64() });
    Ok(opened)
}

fn load(
    plan: &Plan,
    run: &BTreeMap<String, String>,
    interrupted: &AtomicBool,
    listener: &mut dyn FnMut(&Event),
) -> Result<Opened, RunError> {
    let models = llama_models(plan, run)?;
    if !models.is_empty() {
        let mut hears = |begun: Option<(Preparation, &str, u64)>| {
            if let Some((what, model, bytes)) = begun {
                listener(&Event::Preparing { what, model: model.to_owned(), bytes });
            }
            if interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let llama = Llama::open_and_tell(&models, settings(plan), &mut hears)?;
        for (model, Tuning { threads, chunk }, seconds) in llama.measured() {
            listener(&Event::ModelMeasured { model, threads, chunk, seconds });
        }
        let memory = llama.memory();
        let memory = (memory.0.clone(), memory.1.clone());
        return Ok((Box::new(llama), Some(memory)));
    }
    let scripts = plan.models.iter().filter_map(|model| match &model.source {
        ModelSource::Scripted { script } => Some(script.clone()),
        ModelSource::Llama { .. } => None,
    });
    Ok((Box::new(Scripted::from_files(&scripts.collect::<Vec<_>>())?), None))
}

/// Runs the optimizer as `plan` says, in the run directory `folder`: begun there, resumed, or extended.
/// `interrupted` stops it after the running step.
///
/// # Errors
/// [`RunError`]; whatever was paid for until then is in the journal.
pub fn optimize(
    plan: &Plan,
    folder: &Path,
    interrupted: &AtomicBool,
    listener: &mut dyn FnMut(&Event),
) -> Result<Summary, RunError> {
    Ok(finish(plan, &program_and_tell(plan, listener)?, &*metric(plan), folder, interrupted, listener)?.summary)
}

/// The same with a program and a metric of the caller's own; the plan's modules and metric count only where `program` has them.
/// `examples/own_program.rs` shows it. A run directory cannot know that such code has changed: begin a new one then.
///
/// # Errors
/// [`RunError`]
pub fn optimize_own(
    plan: &Plan,
    program: &Program,
    metric: &dyn Metric,
    folder: &Path,
    interrupted: &AtomicBool,
    listener: &mut dyn FnMut(&Event),
) -> Result<Summary, RunError> {
    Ok(finish(plan, program, metric, folder, interrupted, listener)?.summary)
}

/// What a finished run leaves in memory.
struct Finished {
    summary: Summary,
    /// The answer's score on each validation example.
    validation: Vec<Option<f64>>,
    test: Option<BeforeAfter>,
    /// The best mean on validation so far, by the rollouts that it took: each time it rose.
    curve: Vec<(u64, f64)>,
}

fn finish(
    plan: &Plan,
    program: &Program,
    metric: &dyn Metric,
    folder: &Path,
    interrupted: &AtomicBool,
    listener: &mut dyn FnMut(&Event),
) -> Result<Finished, RunError> {
    let splits = split::load(&files(plan), &required_fields(program, metric), &program.reads)?;
    feedback::check(metric, plan, &splits)?;
    metric.prepare()?;
    check_budget(plan, &splits)?;
    let examples = [splits.train.len(), splits.val.len(), splits.test.len()];
    let most_rollouts = plan.optimize.budget.most_rollouts(program.modules.len(), splits.val.len());
    let most_seconds = plan.optimize.budget.time.map(|time| time.as_secs());
    let val_from_train = splits.val_from_train;
    listener(&Event::Started { run: folder.to_owned(), examples, val_from_train, most_rollouts, most_seconds });

    journal::check_unlocked(folder)?;
    let mut engine = open_engine(plan, &journal::recorded_fingerprint(folder), interrupted, listener)?;
    check_room(plan, &*engine)?;
    let mut journal = Journal::open(folder, &fingerprint(plan, program, &splits, &*engine))?;
    let written = toml::to_string(plan).map_err(|e| RunError::Plan(format!("the plan has no TOML form: {e}")))?;
    result::write_file(&folder.join("plan.toml"), written.as_bytes())?;

    let mut tally = Tally::default();
    let seed = plan.seed_candidate();
    let names = plan.optimize.reflectors.iter();
    let reflectors = names.filter_map(|name| Some((name.clone(), plan.model(name)?))).collect();
    let mut optimizer = optimize::of(plan.optimize.optimizer, seed.clone(), reflectors);
    let evaluator = Evaluator::new(program, metric, &mut *engine);
    let mut tell = |event: &Event| {
        tally.hear(event);
        listener(event);
    };
    let mut session = Session::new(evaluator, &splits, &plan.optimize, &mut journal, &mut tell, interrupted);
    let searched = optimizer.run(&mut session);
    let (spent, elapsed, no_room_for) = (session.spent(), session.elapsed(), session.no_room_for());
    drop(session);
    journal.sync()?;
    let pool = searched?;
    listener(&Event::Stopped { reason: pool.stopped });
    if pool.stopped == StopReason::StopFile {
        // Obeyed: the same command goes on with the search.
        let path = journal.stop_file();
        std::fs::remove_file(&path).map_err(|cause| JournalError::Io { doing: "remove", path, cause })?;
    }

    let best = pool.best();
    let mut tester = Tester {
        evaluator: Evaluator::new(program, metric, &mut *engine),
        seed: plan.optimize.seed,
        examples: &splits.test,
        journal: &mut journal,
        interrupted,
        listener,
        failures: Failures::default(),
    };
    let test = match splits.test.is_empty() {
        true => None,
        false => {
            let seed = tester.test(0, &seed)?;
            let best = if best == 0 {
                Tested { scores: seed.scores.clone(), ..Tested::default() }
            } else {
                tester.test(best, &pool.members[best].candidate)?
            };
            Some(BeforeAfter { seed, best })
        }
    };
    journal.sync()?;
    let mut summary = Summary::new(&pool, spent, tally, elapsed, test.as_ref());
    summary.notes.extend(notes(plan, &splits));
    if let Some(needs) = no_room_for.filter(|_| pool.stopped == StopReason::BudgetSpent && summary.is_untried()) {
        let holds = spent.rollouts + needs;
        summary.notes.push(format!(
            "the first iteration can take {needs} rollouts, so a budget of {holds} is the least that tries anything; the same run goes on with it"
        ));
    }
    result::write(folder, program, &pool, &summary)?;
    page::write(folder, &folder.join("report.html"))?;
    let validation = (0..splits.val.len()).map(|place| pool.members[best].scores.get(place)).collect();
    let mut curve: Vec<(u64, f64)> = Vec::new();
    for member in pool.members.iter().filter(|member| member.complete) {
        if curve.last().is_none_or(|(_, before)| member.mean() > *before) {
            curve.push((member.spent, member.mean()));
        }
    }
    Ok(Finished { summary, validation, test, curve })
}

/// Training examples beyond which more rarely help.
const ENOUGH_TRAINING: usize = 100;

/// What the plan has to no effect.
fn notes(plan: &Plan, splits: &Splits) -> Vec<String> {
    let mut notes = Vec::new();
    if splits.train.len() > ENOUGH_TRAINING {
        let count = splits.train.len();
        notes.push(format!(
            "there are {count} training examples; more than {ENOUGH_TRAINING} rarely help, and rows moved to `val` or `test` \
             would tell candidates apart more surely"
        ));
    }
    let method = plan.optimize.optimizer;
    if method != Method::Gepa {
        let defaults = OptimizePlan { optimizer: method, ..OptimizePlan::of(plan.optimize.preset) };
        let given: Vec<&str> = gepas(&plan.optimize, &defaults);
        if !given.is_empty() {
            notes.push(format!("{} of [optimize]: only GEPA goes by that, `{}` does not", given.join(", "), method.name()));
        }
        let open: Vec<&str> = plan.modules.iter().filter(|m| !m.frozen).map(|m| m.name.as_str()).collect();
        if method.is_for_one_prompt() && open.len() > 1 {
            let (name, modules) = (method.name(), open.join(", "));
            notes.push(format!("`{name}` is made for one prompt: it changed one module at a time, in turn: {modules}"));
        }
        if method == Method::Reflexion {
            notes.push("`reflexion` improves single answers, not the prompt: the best candidate is the seed".into());
        }
        return notes;
    }
    // Said to whoever has set it.
    let usual = OptimizePlan::of(plan.optimize.preset).max_merges;
    if plan.optimize.merge && plan.optimize.max_merges != usual && plan.modules.len() == 1 {
        notes.push("nothing was merged: candidates of a program with one module have nothing to cross".into());
    }
    notes
}

/// The keys that only GEPA goes by and that differ from what a task file without them has.
fn gepas(plan: &OptimizePlan, default: &OptimizePlan) -> Vec<&'static str> {
    let keys = [
        ("`candidate_selection`", plan.candidate_selection != default.candidate_selection),
        ("`module_selection`", plan.module_selection != default.module_selection),
        ("`frontier`", plan.frontier != default.frontier),
        ("`gate`", plan.gate != default.gate),
        ("`proposals`", plan.proposals != default.proposals),
        ("`operators`", plan.operators != default.operators),
        ("`merge`", plan.merge != default.merge),
        ("`max_merges`", plan.max_merges != default.max_merges),
        ("`parents`", plan.parents.is_some()),
        ("`keep`", plan.keep.is_some()),
        ("`epsilon`", plan.epsilon.is_some()),
        ("`top_k`", plan.top_k.is_some()),
        ("`minibatch`", plan.minibatch != default.minibatch && plan.optimizer != Method::Random),
    ];
    keys.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}

fn check_budget(plan: &Plan, splits: &Splits) -> Result<(), RunError> {
    let Some(most) = plan.optimize.budget.most_rollouts(plan.modules.len(), splits.val.len()) else {
        return Ok(());
    };
    let validation = splits.val.len();
    let batch = plan.optimize.minibatch.min(splits.train.len());
    if most >= validation as u64 {
        return Ok(());
    }
    Err(RunError::Plan(format!(
        "a budget of {most} rollouts cannot even score the seed on {validation} validation examples; one iteration needs up to \
         {} more: give --budget {} or larger, or a smaller `val`",
        2 * batch + validation,
        4 * (2 * batch + validation)
    )))
}

/// Tokens of a prompt without which no request makes sense.
const LEAST_PROMPT: usize = 64;

/// Answers must leave room for prompts.
fn check_room(plan: &Plan, engine: &dyn Engine) -> Result<(), RunError> {
    let modules = plan.modules.iter().map(|m| (&m.model, m.max_tokens, format!("`max_tokens` of module `{}`", m.name)));
    let tokens = plan.optimize.reflection_tokens;
    let reflectors = plan.optimize.reflectors.iter().map(|name| (name, tokens, "`optimize.reflection_tokens`".to_owned()));
    let judges =
        plan.metric.judges().into_iter().map(|judge| (&judge.model, judge.max_tokens, "`max_tokens` of the judge".to_owned()));
    for (model, tokens, key) in modules.chain(reflectors).chain(judges) {
        let Some(id) = plan.model(model) else { continue };
        let context = engine.context_length(id);
        if tokens as usize + LEAST_PROMPT > context {
            return Err(RunError::Plan(format!(
                "{key} is {tokens}, but `{model}` has a context of {context} tokens for prompt and answer together; \
                 lower it, or raise `model.{model}.context`"
            )));
        }
    }
    for (module, text) in plan.modules.iter().zip(plan.seed_candidate().0) {
        let Some(id) = plan.model(&module.model).filter(|_| !text.demonstrations.is_empty()) else { continue };
        let tokens = text.tokens(&|text| engine.count_tokens(id, text));
        let most = plan.optimize.most_instruction_tokens(engine.context_length(id));
        if tokens > most {
            return Err(RunError::Plan(format!(
                "the instruction and the `demonstrations` of module `{}` have {tokens} tokens, of which {most} are allowed; give \
                 fewer, or raise `optimize.max_instruction_tokens`",
                module.name
            )));
        }
    }
    Ok(())
}

/// Counted up whenever the same plan would give other answers or scores: another layout, another
/// reading of answers, another metric. Runs of different numbers are not to be mixed.
const BEHAVIOUR: u32 = 8;

/// All that the answers of a run depend on.
fn fingerprint(plan: &Plan, program: &Program, splits: &Splits, engine: &dyn Engine) -> BTreeMap<String, String> {
    let mut pairs = plan.fingerprint();
    pairs.extend(splits.hashes.iter().cloned());
    pairs.extend(engine.fingerprint());
    pairs.extend(program.tools.iter().filter_map(|tool| Some((format!("step.{}.sha256", tool.name), tool.does.sha256()?))));
    pairs.extend(feedback::programs(&plan.metric));
    pairs.insert("gepard".into(), format!("{} behaviour {BEHAVIOUR}", env!("CARGO_PKG_VERSION")));
    pairs
}

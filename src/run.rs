//! A run from plan to result: the library's front door.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::catalog;
use crate::config::{Budget, GpuLayersPlan, MetricPlan, ModelSource, Plan};
use crate::data::split::{Files, Split, Splits};
use crate::data::{Example, split};
use crate::engine::llama::{GpuLayers, Llama, ModelFile, Settings};
use crate::engine::scripted::Scripted;
use crate::engine::{Engine, EngineError};
use crate::error::RunError;
use crate::event::{Event, Purpose};
use crate::journal::{Journal, Record, RolloutAsk, Scored};
use crate::metric::{Json, Label, Metric};
use crate::optimize::evaluator::{Evaluator, SUB_WAVE};
use crate::optimize::gepa::Gepa;
use crate::optimize::pool::mean;
use crate::optimize::{Optimizer, Session};
use crate::program::{Candidate, Program};
use crate::report::summary::{BeforeAfter, Tested};
use crate::report::tally::Tally;
use crate::report::{Summary, result};

/// The feedback function of a plan.
#[must_use]
pub fn metric(plan: &MetricPlan) -> Box<dyn Metric> {
    match plan {
        MetricPlan::Label { field, output } => Box::new(Label::new(field, output)),
        MetricPlan::Json { field, weights } => Box::new(Json::new(field.clone(), weights.clone())),
    }
}

/// The fields that every example must have.
#[must_use]
pub fn required_fields(program: &Program, metric: &dyn Metric) -> Vec<String> {
    let mut fields = program.example_inputs();
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

/// Loads the models of a plan.
///
/// # Errors
/// [`RunError::ModelFile`] and [`RunError::Engine`]
pub fn open_engine(plan: &Plan) -> Result<Box<dyn Engine>, RunError> {
    let mut scripts = Vec::new();
    let mut models = Vec::new();
    for model in &plan.models {
        match &model.source {
            ModelSource::Scripted { script } => scripts.push(script.clone()),
            ModelSource::Llama { gguf, gpu_layers, context } => models.push(ModelFile {
                name: model.name.clone(),
                path: catalog::resolve(gguf, Path::new(""))?,
                gpu_layers: match gpu_layers {
                    GpuLayersPlan::Auto => GpuLayers::Auto,
                    GpuLayersPlan::All => GpuLayers::All,
                    GpuLayersPlan::Count(n) => GpuLayers::Count(*n),
                },
                context: *context,
            }),
        }
    }
    if models.is_empty() {
        return Ok(Box::new(Scripted::from_files(&scripts)?));
    }
    let shape = plan.engine;
    let settings = Settings { threads: shape.threads, sequences: shape.sequences, chunk: shape.chunk };
    Ok(Box::new(Llama::open(&models, settings)?))
}

/// Runs GEPA as `plan` says, in the run directory `folder`: begun there, resumed, or extended.
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
    let program = plan.program();
    let metric = metric(&plan.metric);
    let splits = split::load(&files(plan), &required_fields(&program, &*metric), &program.example_inputs())?;
    check_budget(plan, &splits)?;
    let examples = [splits.train.len(), splits.val.len(), splits.test.len()];
    let (val_from_train, budget) = (splits.val_from_train, plan.optimize.budget.to_string());
    listener(&Event::Started { run: folder.to_owned(), examples, val_from_train, budget });

    let started = Instant::now();
    let mut engine = open_engine(plan)?;
    listener(&Event::ModelsLoaded { seconds: started.elapsed().as_secs_f64() });

    let mut journal = Journal::open(folder, &fingerprint(plan, &splits, &*engine))?;
    let written = toml::to_string(plan).map_err(|e| RunError::Plan(format!("the plan has no TOML form: {e}")))?;
    result::write_file(&folder.join("plan.toml"), written.as_bytes())?;

    let mut tally = Tally::default();
    let seed = plan.seed_candidate();
    let names = plan.optimize.reflectors.iter();
    let reflectors = names.filter_map(|name| Some((name.clone(), plan.model(name)?))).collect();
    let mut gepa = Gepa::new(seed.clone(), reflectors);
    let evaluator = Evaluator { program: &program, metric: &*metric, engine: &mut *engine };
    let mut tell = |event: &Event| {
        tally.hear(event);
        listener(event);
    };
    let mut session = Session::new(evaluator, &splits, &plan.optimize, &mut journal, &mut tell, interrupted);
    let searched = gepa.run(&mut session);
    let (spent, elapsed) = (session.spent(), session.elapsed());
    drop(session);
    journal.sync()?;
    let pool = searched?;
    listener(&Event::Stopped { reason: pool.stopped });

    let best = pool.best();
    let mut tester = Tester {
        evaluator: Evaluator { program: &program, metric: &*metric, engine: &mut *engine },
        plan,
        examples: &splits.test,
        journal: &mut journal,
        interrupted,
        listener,
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
    let summary = Summary::new(&pool, spent, tally, elapsed, test.as_ref());
    result::write(folder, &program, &pool, &summary)?;
    Ok(summary)
}

fn check_budget(plan: &Plan, splits: &Splits) -> Result<(), RunError> {
    let Budget::Rollouts(most) = plan.optimize.budget else {
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

/// All that the answers of a run depend on.
fn fingerprint(plan: &Plan, splits: &Splits, engine: &dyn Engine) -> BTreeMap<String, String> {
    let mut pairs = plan.fingerprint();
    pairs.extend(splits.hashes.iter().cloned());
    pairs.extend(engine.fingerprint());
    pairs
}

/// Scores candidates on the test examples, after the search and outside of its budget.
struct Tester<'a> {
    evaluator: Evaluator<'a>,
    plan: &'a Plan,
    examples: &'a [Example],
    journal: &'a mut Journal,
    interrupted: &'a AtomicBool,
    listener: &'a mut dyn FnMut(&Event),
}

impl Tester<'_> {
    fn test(&mut self, place: usize, candidate: &Candidate) -> Result<Tested, RunError> {
        let mut tested = Tested::default();
        let key = candidate.key();
        (self.listener)(&Event::Evaluating { purpose: Purpose::Test, split: Split::Test, fresh: self.examples.len(), reused: 0 });
        for (index, chunk) in self.examples.chunks(SUB_WAVE).enumerate() {
            let examples: Vec<&Example> = chunk.iter().collect();
            let (rollouts, cost) = self.sub_wave(&format!("{key}/{index}"), candidate, &examples)?;
            tested.scores.extend(rollouts.iter().map(Scored::score));
            tested.usage += cost.usage;
            tested.engine += cost.engine;
            tested.seconds += cost.elapsed;
        }
        (self.listener)(&Event::Tested { candidate: place, mean: mean(&tested.scores).unwrap_or(0.0) });
        Ok(tested)
    }

    fn sub_wave(
        &mut self,
        key: &str,
        candidate: &Candidate,
        examples: &[&Example],
    ) -> Result<(Vec<Scored>, crate::journal::Cost), RunError> {
        let ask = RolloutAsk {
            split: Split::Test,
            candidate: candidate.key(),
            examples: examples.iter().map(|e| e.id.clone()).collect(),
        };
        if let Some(Record::Test { ask: recorded, rollouts, cost, .. }) = self.journal.test(key)?
            && recorded == ask
        {
            return Ok((rollouts, cost));
        }
        let started = Instant::now();
        let salt = format!("{}/{}", self.plan.optimize.seed, Split::Test);
        let (listener, interrupted) = (&mut *self.listener, self.interrupted);
        let mut watch = |done, of, seconds| {
            listener(&Event::Progress { done, of, seconds });
            if interrupted.load(Ordering::Relaxed) {
                std::ops::ControlFlow::Break(())
            } else {
                std::ops::ControlFlow::Continue(())
            }
        };
        let (rollouts, mut cost) = self.evaluator.sub_wave(candidate, examples, &salt, &mut watch)?;
        cost.elapsed = started.elapsed().as_secs_f64();
        self.journal.append(&Record::Test { key: key.to_owned(), ask, rollouts: rollouts.clone(), cost })?;
        Ok((rollouts, cost))
    }
}

/// Which examples of which candidate to score, without optimizing.
#[derive(Debug, Clone)]
pub struct EvalRequest {
    /// The candidate.
    pub candidate: Candidate,
    /// The data.
    pub split: Split,
    /// Only the first so many examples; no more rows than these are read then.
    pub limit: Option<usize>,
}

/// What an evaluation found.
#[derive(Debug, Clone, PartialEq)]
pub struct EvalResult {
    /// The examples, in order.
    pub examples: Vec<Example>,
    /// Their rollouts and verdicts.
    pub rollouts: Vec<Scored>,
    /// Seconds, without loading models.
    pub seconds: f64,
}

impl EvalResult {
    /// The mean score; None where nothing was scored.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        mean(&self.rollouts.iter().map(Scored::score).collect::<Vec<_>>())
    }
}

/// Scores a candidate on examples, as a run would.
///
/// # Errors
/// [`RunError`]
pub fn evaluate(
    plan: &Plan,
    request: &EvalRequest,
    interrupted: &AtomicBool,
    listener: &mut dyn FnMut(&Event),
) -> Result<EvalResult, RunError> {
    let program = plan.program();
    let metric = metric(&plan.metric);
    let examples = eval_examples(plan, request, &required_fields(&program, &*metric), &program)?;
    let started = Instant::now();
    let mut engine = open_engine(plan)?;
    listener(&Event::ModelsLoaded { seconds: started.elapsed().as_secs_f64() });
    let mut evaluator = Evaluator { program: &program, metric: &*metric, engine: &mut *engine };
    let started = Instant::now();
    listener(&Event::Evaluating { purpose: Purpose::Test, split: request.split, fresh: examples.len(), reused: 0 });
    let mut rollouts = Vec::new();
    for chunk in examples.chunks(SUB_WAVE) {
        let chunk: Vec<&Example> = chunk.iter().collect();
        let salt = format!("{}/{}/", plan.optimize.seed, request.split);
        let mut watch = |done, of, seconds| {
            listener(&Event::Progress { done, of, seconds });
            if interrupted.load(Ordering::Relaxed) {
                std::ops::ControlFlow::Break(())
            } else {
                std::ops::ControlFlow::Continue(())
            }
        };
        let (scored, _) = evaluator.sub_wave(&request.candidate, &chunk, &salt, &mut watch)?;
        rollouts.extend(scored);
        if interrupted.load(Ordering::Relaxed) {
            return Err(EngineError::Interrupted.into());
        }
    }
    Ok(EvalResult { examples, rollouts, seconds: started.elapsed().as_secs_f64() })
}

/// The rows to be scored; no others are read, unless validation must be split off from training.
fn eval_examples(plan: &Plan, request: &EvalRequest, required: &[String], program: &Program) -> Result<Vec<Example>, RunError> {
    let data = &plan.data;
    let file: Option<&PathBuf> = match request.split {
        Split::Test => Some(
            data.test
                .as_ref()
                .ok_or_else(|| RunError::Plan("the task has no `test` data; give --split val or --split train".into()))?,
        ),
        Split::Val => data.val.as_ref(),
        Split::Train => data.val.as_ref().map(|_| &data.train),
    };
    let limit = request.limit.unwrap_or(usize::MAX);
    let mut examples = match file {
        Some(path) => crate::data::Dataset::open(path, request.limit)?.check(required)?,
        None => {
            let mut splits = split::load(&files(plan), required, &program.example_inputs())?;
            std::mem::take(match request.split {
                Split::Val => &mut splits.val,
                _ => &mut splits.train,
            })
        }
    };
    examples.truncate(limit);
    if examples.is_empty() {
        return Err(RunError::Plan(format!("there are no {} examples to score", request.split)));
    }
    Ok(examples)
}

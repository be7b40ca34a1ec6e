//! A run from plan to result: the library's front door.

mod agreement;
mod checks;
mod constant;
pub mod contest;
mod doctor;
mod engine;
mod eval;
mod feedback;
mod findings;
#[cfg(feature = "llama")]
mod llama;
mod outcome;
mod program;
mod tester;

pub use constant::Constant;
pub use doctor::{Diagnosis, diagnose};
pub use engine::{build_features, devices, open_engine};
pub use eval::{EvalRequest, EvalResult, evaluate};
pub use feedback::metric;
pub use findings::Finding;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use self::checks::{check_budget, check_room, notes};
use self::outcome::{TestScores, Tested, summarize};
use self::tester::Tester;
use crate::config::{Plan, StepKind};
use crate::data::split::{self, Files, Splits};
use crate::data::{Corpus, ExampleIndex};
use crate::engine::Engine;
use crate::error::RunError;
use crate::evaluate::evaluator::Evaluator;
use crate::evaluate::failures::Failures;
use crate::event::{Event, StopReason};
use crate::journal::{self, Journal};
use crate::metric::Metric;
use crate::models;
use crate::optimize::{self, Session};
use crate::program::tools::{Act, Command, Retrieve, Search, Template};
use crate::program::{PoolIndex, Program, Tool};
use crate::report::tally::Tally;
use crate::report::{Summary, page};
use crate::run_directory::files::{PLAN, REPORT, write_bytes};
use crate::run_directory::{RunDirectoryError, check_unlocked};

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
                let folder = models::cache_dir()?.join("indexes");
                let bytes = std::fs::metadata(corpus).map_or(0, |file| file.len());
                listener(&Event::Indexing { corpus: corpus.clone(), bytes });
                let corpus = Arc::new(Corpus::open(corpus, indexing, &folder)?);
                Arc::new(Retrieve { corpus, k: *k, show: show.clone(), key: key.clone(), output: output.clone() })
            }
            StepKind::Template { template, output } => Arc::new(Template::new(template, output)),
            StepKind::Command { command, outputs, .. } => {
                let asked = Command { pool: program::pool(command), outputs: outputs.clone() };
                if plan.metric.counts(&step.name) { Arc::new(Search(asked)) } else { Arc::new(asked) }
            }
        };
        tools.push(Tool { name: step.name.clone(), inputs: step.inputs(), outputs: step.outputs(), does });
    }
    Ok(program::with_tools(plan, tools))
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
    test: Option<TestScores>,
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

    check_unlocked(folder)?;
    let mut engine = open_engine(plan, &journal::recorded_fingerprint(folder), interrupted, listener)?;
    check_room(plan, &*engine)?;
    let mut journal = Journal::open(folder, &fingerprint(plan, program, &splits, &*engine))?;
    let written = toml::to_string(plan).map_err(|e| RunError::Plan(format!("the plan has no TOML form: {e}")))?;
    write_bytes(&folder.join(PLAN), written.as_bytes())?;

    let mut tally = Tally::default();
    let seed = plan.seed_candidate();
    let reflectors = plan.optimize.reflectors.iter().map(|model| (model.name.clone(), model.id)).collect();
    let mut optimizer = optimize::new_optimizer(plan.optimize.optimizer, seed.clone(), reflectors);
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
        std::fs::remove_file(&path).map_err(|cause| RunDirectoryError::Io { doing: "remove", path, cause })?;
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
            let best = if best == PoolIndex::SEED {
                Tested { scores: seed.scores.clone(), ..Tested::default() }
            } else {
                tester.test(best.0, &pool.members[best].candidate)?
            };
            Some(TestScores { seed, best })
        }
    };
    journal.sync()?;
    let mut summary = summarize(&pool, spent, tally, elapsed, test.as_ref());
    summary.notes.extend(notes(plan, &splits));
    if let Some(needs) = no_room_for.filter(|_| pool.stopped == StopReason::BudgetSpent && summary.is_untried()) {
        let holds = spent.rollouts + needs;
        summary.notes.push(format!(
            "the first iteration can take {needs} rollouts, so a budget of {holds} is the least that tries anything; the same run goes on with it"
        ));
    }
    outcome::write(folder, program, &pool, &summary)?;
    write_bytes(&folder.join(REPORT), page::render_run(folder)?.as_bytes())?;
    let validation = ExampleIndex::all(splits.val.len()).into_iter().map(|example| pool[best].scores.get(example)).collect();
    let mut curve: Vec<(u64, f64)> = Vec::new();
    for member in pool.members.iter().filter(|member| member.complete) {
        if curve.last().is_none_or(|(_, before)| member.mean() > *before) {
            curve.push((member.spent, member.mean()));
        }
    }
    Ok(Finished { summary, validation, test, curve })
}

/// Counted up whenever the same plan would give other answers or scores: another layout, another
/// reading of answers, another metric. Runs of different numbers are not to be mixed.
const BEHAVIOUR: u32 = 16;

/// All that the answers of a run depend on.
fn fingerprint(plan: &Plan, program: &Program, splits: &Splits, engine: &dyn Engine) -> BTreeMap<String, String> {
    let mut pairs = plan.fingerprint();
    pairs.extend(splits.hashes.iter().cloned());
    pairs.extend(engine.fingerprint());
    pairs.extend(program.tools.iter().filter_map(|tool| Some((format!("step.{}.sha256", tool.name), tool.does.sha256()?))));
    pairs.extend(feedback::programs(&plan.metric));
    pairs.extend(feedback::step_programs(plan));
    pairs.insert("gepard".into(), format!("{} behaviour {BEHAVIOUR}", env!("CARGO_PKG_VERSION")));
    pairs
}

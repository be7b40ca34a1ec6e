//! Searches for a better candidate, and writes the result into a run directory.

use std::path::Path;

use super::checks::{check_context, notes};
use super::engine::Opened;
use super::finding;
use super::fingerprint::fingerprint;
use super::long_rows;
use super::outcome::{self, TestScores, Tested};
use super::plan_findings;
use super::resident;
use super::sub_wave::sub_wave;
use super::task::Task;
use super::test_evaluation::Tester;
use crate::config::{ModelSource, Plan};
use crate::data::split::Splits;
use crate::data::{Example, ExampleIndex};
use crate::engine::Engine;
use crate::error::RunError;
use crate::evaluate::failures::MetricFailures;
use crate::event::{Event, Lifecycle, StopReason};
use crate::hooks::Hooks;
use crate::journal::{self, Journal};
use crate::metric::Metric;
use crate::optimize;
use crate::optimize::pool::Pool;
use crate::optimize::session::{Session, Spent};
use crate::program::{Candidate, PoolIndex, Runnable};
use crate::report::state::RunState;
use crate::report::summary::{MemorySummary, Summary};
use crate::report::{page, servers};
use crate::run_directory::files::{PLAN, REPORT, write_bytes};
use crate::run_directory::{RunDirectoryError, check_usable};

/// Searches for a better candidate as `plan` says, in the run directory `folder`. A run that is there already is resumed, or, with a
/// larger budget, extended.
///
/// # Errors
/// [`RunError`]. The journal in `folder` holds everything that was computed before the error.
pub fn optimize(plan: &Plan, folder: &Path, hooks: &mut Hooks<'_>) -> Result<Summary, RunError> {
    let task = Task::from_plan(plan, hooks)?;
    Ok(optimize_task(&task, None, folder, hooks)?.summary)
}

/// Searches for a better candidate of a program of the caller, with a metric of the caller, in the run directory `folder`. The plan
/// brings the seed's texts, the data, the models and the settings; its modules must be those of `program`, in the same order.
///
/// `program` is a [`Program`](crate::program::Program) with its own control flow (see `examples/own_program.rs`), or a
/// [`BlackBox`](crate::program::BlackBox) that makes its own model calls (see `examples/black_box.rs`). The metric can be that of the
/// plan ([`super::metric()`]). Changes in the caller's code are not part of the run's fingerprint: after such a change, begin in a
/// new run directory.
///
/// # Errors
/// [`RunError`]. The journal in `folder` holds everything that was computed before the error. [`RunError::Plan`] if the modules of
/// `plan` and `program` differ.
pub fn optimize_own(
    plan: &Plan,
    program: Box<dyn Runnable + '_>,
    metric: Box<dyn Metric + '_>,
    folder: &Path,
    hooks: &mut Hooks<'_>,
) -> Result<Summary, RunError> {
    optimize_own_parts(plan, OwnParts { program, metric, engine: None }, folder, hooks)
}

/// What the caller of [`optimize_own_parts`] brings in place of what the plan would build.
pub struct OwnParts<'a> {
    /// What is run and optimized.
    pub program: Box<dyn Runnable + 'a>,
    /// Scores the rollouts.
    pub metric: Box<dyn Metric + 'a>,
    /// Answers the requests to the models of the plan, those to reflectors included. None: the models of the plan are loaded.
    pub engine: Option<Box<dyn Engine>>,
}

/// Does what [`optimize_own`] does, with an engine of the caller too if there is one. The plan's models are then names only: their
/// files are not read.
///
/// # Errors
/// Those of [`optimize_own`].
pub fn optimize_own_parts(plan: &Plan, parts: OwnParts<'_>, folder: &Path, hooks: &mut Hooks<'_>) -> Result<Summary, RunError> {
    let OwnParts { program, metric, engine } = parts;
    let planned: Vec<&str> = plan.modules.iter().map(|module| module.name.as_str()).collect();
    let own: Vec<&str> = program.program().modules.iter().map(|module| module.name.as_str()).collect();
    if planned != own {
        let (planned, own) = (planned.join(", "), own.join(", "));
        return Err(RunError::Plan(format!(
            "the plan has the modules {planned}, but the program has {own}; they must be the same"
        )));
    }
    let task = Task { plan, runnable: program, metric, start: None };
    Ok(optimize_task(&task, engine, folder, hooks)?.summary)
}

/// A finished run in memory.
pub(super) struct FinishedRun {
    /// The figures of the run.
    pub(super) summary: Summary,
    /// The best candidate's score on each validation example; None if the metric failed on it.
    pub(super) validation: Vec<Option<f64>>,
    /// The scores on the test examples; None if the task has none.
    pub(super) test: Option<TestScores>,
    /// The candidate that joined the pool last; the seed if none did.
    pub(super) last: Candidate,
}

/// Searches for a better candidate of a task, scores seed and best candidate on the test examples, and writes the results into the
/// run directory `folder`. `engine` is the caller's; None: the models of the plan are loaded.
///
/// # Errors
/// [`RunError`]. The journal holds everything that was computed before the error.
pub(super) fn optimize_task(
    task: &Task<'_>,
    engine: Option<Box<dyn Engine>>,
    folder: &Path,
    hooks: &mut Hooks<'_>,
) -> Result<FinishedRun, RunError> {
    let splits = task.load_splits(hooks)?;
    hooks.emit(&started(task, folder, &splits));
    finding::tell(&plan_findings::of_plan(task.plan), hooks);
    // Checked before the models are loaded, which takes time. `Journal::open` checks it again.
    check_usable(folder)?;
    let recorded = journal::recorded_fingerprint(folder);
    let sub_wave = sub_wave(task.plan, &recorded);
    let Opened { mut engine, memory } = match engine {
        Some(engine) => {
            check_context(task.plan, &*engine)?;
            Opened { engine, memory: None }
        }
        None => task.open_engine(&recorded, hooks)?,
    };
    let rows: Vec<&Example> = splits.train.iter().chain(&splits.val).chain(&splits.test).collect();
    finding::tell(&long_rows::find(task.plan, task.program(), &rows, &*engine), hooks);
    let mut journal = Journal::open(folder, &fingerprint(task, &splits, &*engine, sub_wave))?;
    let plan =
        toml::to_string(task.plan).map_err(|error| RunError::Plan(format!("the plan cannot be written as TOML: {error}")))?;
    write_bytes(&folder.join(PLAN), plan.as_bytes())?;

    let search = search(task, &splits, (&mut *engine, sub_wave), &mut journal, hooks)?;
    let test = test(task, &splits, &search.pool, (&mut *engine, sub_wave), &mut journal, hooks)?;
    let mut summary = summarize(task, &splits, &search, test.as_ref());
    summary.memory = memory.map(|(plan, _)| MemorySummary { planned: plan.ram(), peak: resident::peak() });
    if task.plan.models.iter().any(|model| matches!(model.source, ModelSource::Openai(_))) {
        summary.servers = servers::of_run(folder)?;
    }
    outcome::write(folder, task.program(), &search.pool, &summary)?;
    write_bytes(&folder.join(REPORT), page::render_run(folder)?.as_bytes())?;
    let best = &search.pool[search.pool.best()];
    let validation = ExampleIndex::all(splits.val.len()).into_iter().map(|example| best.scores.get(example)).collect();
    let last = search.pool.members.last().map_or_else(|| task.seed_candidate(), |member| member.candidate.clone());
    Ok(FinishedRun { summary, validation, test, last })
}

/// Returns the event that a run begins.
fn started(task: &Task<'_>, folder: &Path, splits: &Splits) -> Event {
    let budget = &task.plan.optimize.budget;
    Event::Lifecycle(Lifecycle::Started {
        run: folder.to_owned(),
        examples: [splits.train.len(), splits.val.len(), splits.test.len()],
        val_from_train: splits.val_from_train,
        most_rollouts: budget.most_rollouts(task.program().modules.len(), splits.val.len()),
        most_seconds: budget.time.map(|time| time.as_secs()),
        most_tokens: budget.tokens,
    })
}

/// A finished search.
struct Search {
    pool: Pool,
    spent: Spent,
    state: RunState,
    /// The search's clock at its end, in seconds.
    elapsed: f64,
    /// The rollouts that the search asked for when the budget was too small; None if it never was.
    unaffordable_rollouts: Option<u64>,
}

/// Runs the plan's optimizer on an engine, in sub-waves of at most `sub_wave` rollouts, and removes the file with which the user may
/// have stopped it.
fn search(
    task: &Task<'_>,
    splits: &Splits,
    (engine, sub_wave): (&mut dyn Engine, usize),
    journal: &mut Journal,
    hooks: &mut Hooks<'_>,
) -> Result<Search, RunError> {
    let plan = &task.plan.optimize;
    let mut state = RunState::default();
    let mut optimizer = optimize::new_optimizer(plan.optimizer, plan, task.seed_candidate(), task.reflectors());
    let tallied = hooks.preceded_by(|event| state.apply(event));
    let mut session = Session::new(task.evaluator(engine, sub_wave), splits, plan, journal, tallied);
    let searched = optimizer.run(&mut session);
    let (spent, elapsed, unaffordable_rollouts) = (session.spent(), session.elapsed(), session.unaffordable_rollouts());
    drop(session);
    // The records of a search that failed are brought to the disk as well.
    journal.sync()?;
    let pool = searched?;
    hooks.emit(&Lifecycle::Stopped { reason: pool.stopped }.into());
    if pool.stopped == StopReason::StopFile {
        // Without the file, the same command goes on with the search.
        let path = journal.stop_file();
        std::fs::remove_file(&path).map_err(|cause| RunDirectoryError::Io { doing: "remove", path, cause })?;
    }
    Ok(Search { pool, spent, state, elapsed, unaffordable_rollouts })
}

/// Scores the seed and the best candidate on the test examples, in sub-waves of at most `sub_wave` rollouts. None if the task has
/// none.
fn test(
    task: &Task<'_>,
    splits: &Splits,
    pool: &Pool,
    (engine, sub_wave): (&mut dyn Engine, usize),
    journal: &mut Journal,
    hooks: &mut Hooks<'_>,
) -> Result<Option<TestScores>, RunError> {
    if splits.test.is_empty() {
        return Ok(None);
    }
    let mut tester = Tester {
        evaluator: task.evaluator(engine, sub_wave),
        seed: task.plan.optimize.seed,
        examples: &splits.test,
        journal,
        failures: MetricFailures::default(),
    };
    let seed_candidate: Candidate = task.seed_candidate();
    let seed = tester.test(PoolIndex::SEED, &seed_candidate, hooks)?;
    let best = match pool.best() {
        PoolIndex::SEED => Tested { scores: seed.scores.clone(), ..Tested::default() },
        best => tester.test(best, &pool[best].candidate, hooks)?,
    };
    tester.journal.sync()?;
    Ok(Some(TestScores { seed, best }))
}

/// Sums a run up, with notes on what its user should know.
fn summarize(task: &Task<'_>, splits: &Splits, search: &Search, test: Option<&TestScores>) -> Summary {
    let Search { pool, spent, state, elapsed, unaffordable_rollouts } = search;
    let mut summary = outcome::summarize(pool, *spent, state.tally.clone(), *elapsed, test);
    summary.notes.extend(notes(task.plan, splits));
    let is_too_small = pool.stopped == StopReason::BudgetSpent && summary.is_untried();
    if let Some(needs) = unaffordable_rollouts.filter(|_| is_too_small) {
        let least = spent.rollouts + needs;
        summary.notes.push(format!(
            "the first iteration may need {needs} rollouts, so a budget of at least {least} is needed to try anything; the same command with \
             `--budget {least}` goes on with this run"
        ));
    }
    summary
}

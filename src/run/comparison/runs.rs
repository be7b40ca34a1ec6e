//! The runs of a comparison.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::compared_run::ComparedRun;
use super::entrant::Entrant;
use super::model_calls;
use super::table::table;
use crate::config::{Budget, FewshotPlan, Method, Plan};
use crate::error::RunError;
use crate::hooks::Hooks;
use crate::program::Candidate;
use crate::report::Summary;
use crate::report::page::comparison::{ComparisonFile, FILE};
use crate::report::page::name_of;
use crate::run::optimize::{FinishedRun, optimize_task};
use crate::run::task::Task;
use crate::run_directory::files::{REPORT, write_bytes, write_json};

/// What all runs of a comparison have the same amount of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Equal {
    /// What the budget of the plan limits.
    #[default]
    Budget,
    /// Tokens of the search: as many as the first optimizer spent with the plan's budget and the same seed.
    Tokens,
    /// Minutes of the search: as many as the first optimizer took with the plan's budget and the same seed.
    Minutes,
}

/// What all runs of a comparison start from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Start {
    /// The seed of the task file.
    #[default]
    Seed,
    /// The first prompt that the control `fewshot` draws with the run's seed: the list of labels, and demonstrations that fill a
    /// part of what a prompt may have.
    Fewshot,
}

/// The share of `max_prompt_tokens` that a start of `fewshot` fills. The rest is for what the optimizers add.
const START_ROOM: f64 = 0.5;

/// The terms on which optimizers are compared.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The optimizers. The first is the one that the others are compared with.
    pub entrants: &'a [Entrant],
    /// The number of runs of each. Their seeds count up from the plan's.
    pub seeds: u64,
    /// What the runs with one seed have the same amount of.
    pub equal: Equal,
    /// What the runs with one seed start from.
    pub start: Start,
}

/// Runs every optimizer of `terms` with every seed, each run in a directory of its own below `folder`. A run that is there already is
/// resumed, or read if it is finished. `on_run` is called with the name and the seed of each run before it begins.
///
/// # Errors
/// [`RunError`] of the first run that fails. The runs before it stay.
pub fn compare_optimizers(
    plan: &Plan,
    terms: &Terms<'_>,
    folder: &Path,
    on_run: &mut dyn FnMut(&str, u64),
    hooks: &mut Hooks<'_>,
) -> Result<Vec<ComparedRun>, RunError> {
    let mut runs: Vec<ComparedRun> = Vec::new();
    for seed in (0..terms.seeds).map(|n| plan.optimize.seed + n) {
        let first = runs.len();
        let start = start(plan, terms.start, seed, folder, on_run, hooks)?;
        for &entrant in terms.entrants {
            on_run(entrant.name(), seed);
            let mut own = plan.clone();
            own.optimize = entrant.applied_to(&plan.optimize);
            own.optimize.seed = seed;
            if let Some(first) = runs.get(first) {
                own.optimize.budget = equal_budget(terms.equal, &own.optimize.budget, &first.summary);
            }
            runs.push(run(&own, entrant, start.clone(), folder, hooks)?);
            // Written after each run, so that a page can be made while others go on.
            write_json(&folder.join(FILE), &comparison_file(&runs))?;
        }
    }
    write_bytes(&folder.join(REPORT), comparison_file(&runs).page(&name_of(folder)).as_bytes())?;
    Ok(runs)
}

/// Returns what the runs with a seed start from; None for the seed of the task file. The prompt of `fewshot` is drawn in a run of its own.
fn start(
    plan: &Plan,
    start: Start,
    seed: u64,
    folder: &Path,
    on_run: &mut dyn FnMut(&str, u64),
    hooks: &mut Hooks<'_>,
) -> Result<Option<Candidate>, RunError> {
    if start == Start::Seed {
        return Ok(None);
    }
    on_run("the start", seed);
    let mut own = plan.clone();
    own.optimize.optimizer = Method::Fewshot;
    own.optimize.seed = seed;
    own.optimize.fewshot = FewshotPlan { draws: Some(1), room: START_ROOM };
    let task = Task::from_plan(&own, hooks)?;
    Ok(Some(optimize_task(&task, None, &folder.join(format!("start-seed{seed}")), hooks)?.last))
}

/// Returns the budget of a run, where the first run with its seed has the figures `first`.
fn equal_budget(equal: Equal, budget: &Budget, first: &Summary) -> Budget {
    match equal {
        Equal::Budget => *budget,
        Equal::Tokens => {
            let tokens = first.tokens.task + first.tokens.reflection;
            Budget { rollouts: None, time: None, tokens: Some(tokens.max(1)) }
        }
        Equal::Minutes => {
            let seconds = first.seconds.total.ceil().max(1.0) as u64;
            Budget { rollouts: None, time: Some(Duration::from_secs(seconds)), tokens: None }
        }
    }
}

/// Makes one run.
fn run(
    plan: &Plan,
    entrant: Entrant,
    start: Option<Candidate>,
    folder: &Path,
    hooks: &mut Hooks<'_>,
) -> Result<ComparedRun, RunError> {
    let (optimizer, seed) = (entrant.name(), plan.optimize.seed);
    let run = folder.join(format!("{optimizer}-seed{seed}"));
    let task = Task { start, ..Task::from_plan(plan, hooks)? };
    let FinishedRun { summary, validation, test, .. } = optimize_task(&task, None, &run, hooks)?;
    let tested = test.iter().flat_map(|test| [&test.seed.usage, &test.best.usage]);
    let tested: u64 = tested.map(|usage| usage.prefilled + usage.decoded).sum();
    let tokens = (summary.engine.prefill_tokens + summary.engine.decode_tokens).saturating_sub(tested);
    let curve = summary.curve.iter().map(|point| (point.rollouts, point.score)).collect();
    let test = test.map(|test| test.best.scores).unwrap_or_default();
    let models = model_calls::of_search(&run, plan)?;
    Ok(ComparedRun { optimizer, seed, run, validation, test, curve, tokens, models, summary })
}

/// Returns the content of the file in which the folder of a comparison keeps its result.
fn comparison_file(runs: &[ComparedRun]) -> ComparisonFile {
    ComparisonFile {
        table: table(runs).iter().map(|result| json!(result)).collect(),
        runs: runs.iter().map(|run| json!(run)).collect(),
    }
}

//! Examines a task before a run: data, memory, the seed on a few examples, and what stands in the way of a good run.

use std::collections::BTreeMap;

use super::constant::{self, Constant};
use super::engine::Opened;
use super::eval::{self, EvalResult};
use super::finding::{Finding, LOW};
use super::findings;
use super::long_rows;
use super::plan_findings;
use super::repeatability::{self, Repeatability};
use super::resident;
use super::sub_wave::sub_wave;
use super::task::Task;
use crate::config::Plan;
use crate::data::Example;
use crate::data::split::Split;
use crate::engine::memory::{Machine, MemoryPlan};
use crate::error::RunError;
use crate::hooks::Hooks;
use crate::optimize::reflection::demonstrations::labelled_demonstration;
use crate::program::{Candidate, Program};

/// The number of training examples that the seed is run on.
pub const TRIED: usize = 16;

/// The number of demonstrations that the seed is given if it scores next to nothing without.
pub const SHOWN: usize = 8;

/// The result of an examination.
#[derive(Debug)]
pub struct Diagnosis {
    /// The numbers of training, validation and test examples.
    pub examples: [usize; 3],
    /// How the models share the machine's memory; None for scripted models.
    pub memory: Option<(MemoryPlan, Machine)>,
    /// The most bytes of main memory that this process had so far; None where the system does not tell.
    pub peak: Option<u64>,
    /// The seed's scores on the first training examples.
    pub seed: EvalResult,
    /// How often models on servers answered the same request differently; empty without such models.
    pub repeatability: Vec<Repeatability>,
    /// The best constant answer; None if the rows do not tell what an answer would be.
    pub constant: Option<Constant>,
    /// The most rollouts that the budget allows; None if it does not limit them.
    pub most_rollouts: Option<u64>,
    /// The most seconds that the budget allows; None if it does not limit them.
    pub most_seconds: Option<u64>,
    /// The most tokens that the budget allows; None if it does not limit them.
    pub most_tokens: Option<u64>,
    /// What stands in the way of a good run; empty if nothing was found.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// Returns the rollouts per second of the seed. Later candidates have longer prompts and are slower.
    #[must_use]
    pub fn pace(&self) -> f64 {
        self.seed.rollouts.len() as f64 / self.seed.seconds.max(f64::MIN_POSITIVE)
    }

    /// Returns the rollouts that the budget allows, those that its tokens are estimated to allow included. None if it limits neither.
    fn rollouts_in_budget(&self) -> Option<f64> {
        let tokens_of_one = self.seed.usage.counted() as f64 / self.seed.rollouts.len().max(1) as f64;
        let by_tokens = self.most_tokens.filter(|_| tokens_of_one > 0.0).map(|most| most as f64 / tokens_of_one);
        self.most_rollouts.map(|most| most as f64).into_iter().chain(by_tokens).reduce(f64::min)
    }

    /// Returns an estimate of the minutes until the result, with the test evaluations, at the seed's pace. None if the budget has no
    /// limit.
    #[must_use]
    pub fn minutes(&self) -> Option<f64> {
        let by_rollouts = self.rollouts_in_budget().map(|most| most / self.pace());
        let search = by_rollouts.into_iter().chain(self.most_seconds.map(|seconds| seconds as f64)).reduce(f64::min)?;
        Some((search + 2.0 * self.examples[2] as f64 / self.pace()) / 60.0)
    }

    /// Returns an estimate of the size of the run directory in bytes: the size of the seed's rollouts in a journal, times the number
    /// of rollouts that the budget and the test evaluations allow.
    #[must_use]
    pub fn disk(&self) -> u64 {
        let written: usize = self.seed.rollouts.iter().map(|scored| serde_json::json!(scored).to_string().len()).sum();
        let bytes_per_rollout = written as f64 / self.seed.rollouts.len().max(1) as f64;
        let in_time = self.most_seconds.map(|seconds| seconds as f64 * self.pace());
        let rollouts = self.rollouts_in_budget().into_iter().chain(in_time).reduce(f64::min).unwrap_or(0.0);
        (bytes_per_rollout * (rollouts + 2.0 * self.examples[2] as f64)) as u64
    }
}

/// Checks data and memory of a plan, loads the models, and runs the seed on a few training examples.
///
/// # Errors
/// [`RunError`]; a run of the plan would end with the same error.
pub fn diagnose(plan: &Plan, hooks: &mut Hooks<'_>) -> Result<Diagnosis, RunError> {
    let task = Task::from_plan(plan, hooks)?;
    let (program, metric) = (task.program(), &*task.metric);
    let splits = task.load_splits(hooks)?;
    let mut findings = plan_findings::of_plan(plan);
    findings.extend(findings::of_data(program, metric, &splits));
    let constant = constant::best(program, metric, &splits.train, &splits.val);

    let Opened { mut engine, memory } = task.open_engine(&BTreeMap::new(), hooks)?;
    let rows: Vec<&Example> = splits.train.iter().chain(&splits.val).chain(&splits.test).collect();
    let long = long_rows::find(plan, program, &rows, &*engine);
    // A row that does not fit scores 0 whatever model and prompt are.
    let are_most_too_long = long.iter().any(|finding| matches!(finding, Finding::TooLong { rows, of, .. } if rows * 2 >= *of));
    findings.extend(long);
    let mut evaluator = task.evaluator(&mut *engine, sub_wave(plan, &BTreeMap::new()));
    let tried: Vec<Example> = splits.train.iter().take(TRIED).cloned().collect();
    let mut score = |candidate: &Candidate, hooks: &mut Hooks<'_>| {
        eval::score(&mut evaluator, candidate, Split::Train, tried.clone(), plan.optimize.seed, hooks)
    };
    let seed_candidate = plan.seed_candidate();
    let seed = score(&seed_candidate, hooks)?;
    findings.extend(findings::of_seed(program, metric, &seed, constant.as_ref()));
    if let Some(mean) = seed.mean().filter(|mean| *mean <= LOW && !are_most_too_long) {
        let (taught, shown) = with_demonstrations(program, &seed_candidate, &splits.train);
        let with = if shown > 0 { score(&taught, hooks)?.mean().unwrap_or(0.0) } else { mean };
        let tried = seed.rollouts.len();
        findings.push(match mean.max(with) > 0.0 {
            true => Finding::SeedIsPoor { score: mean, tried, shown, with },
            false => Finding::NothingScores { tried, shown },
        });
    }
    let repeatability = repeatability::measure(plan, program, &seed_candidate, &seed, &mut *engine, hooks)?;
    let budget = &plan.optimize.budget;
    Ok(Diagnosis {
        examples: [splits.train.len(), splits.val.len(), splits.test.len()],
        memory,
        peak: resident::peak(),
        seed,
        repeatability,
        constant,
        most_rollouts: budget.most_rollouts(program.modules.len(), splits.val.len()),
        most_seconds: budget.time.map(|time| time.as_secs()),
        most_tokens: budget.tokens,
        findings,
    })
}

/// Returns `candidate` with the last training rows as demonstrations, in every module whose right outputs the rows tell, and the
/// largest number of demonstrations that a module has. The last rows are taken because the first are those that the candidate is run
/// on, and a demonstration is not shown with its own example.
fn with_demonstrations(program: &Program, candidate: &Candidate, train: &[Example]) -> (Candidate, usize) {
    let mut taught = candidate.clone();
    let mut shown = 0;
    for (module, text) in program.modules.iter().zip(&mut taught.0) {
        // A module that reasons would learn from such demonstrations to answer without reasoning.
        if text.reasoning {
            continue;
        }
        let worked = train.iter().rev().filter_map(|row| labelled_demonstration(module, text, row, &|_| None)).take(SHOWN);
        text.demonstrations = worked.collect();
        shown = shown.max(text.demonstrations.len());
    }
    (taught, shown)
}

//! What a task will meet on this machine, and what is wrong with it, before an hour is spent on it.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use super::checks::{check_budget, check_room};
use super::constant::{self, Constant};
use super::engine::{Opened, open_with_memory};
use super::findings::{self, Finding};
use super::{EvalRequest, EvalResult, eval, feedback, files, metric, required_fields};
use crate::config::Plan;
use crate::data::Example;
use crate::data::split::{self, Split};
use crate::engine::memory::{Machine, MemoryPlan};
use crate::error::RunError;
use crate::evaluate::evaluator::Evaluator;
use crate::event::Event;
use crate::optimize::reflection::demonstrations::labelled_demonstration;
use crate::program::{Candidate, Program};

/// Training examples that the seed is tried on.
pub const TRIED: usize = 16;

/// Worked examples that it is tried with where it scores next to nothing without.
pub const SHOWN: usize = 8;

/// What was found.
#[derive(Debug)]
pub struct Diagnosis {
    /// Training, validation and test examples.
    pub examples: [usize; 3],
    /// How the models share the machine; None where they are scripted.
    pub memory: Option<(MemoryPlan, Machine)>,
    /// The seed on a few training examples.
    pub seed: EvalResult,
    /// The best constant answer; None where nothing in the rows says what an answer would be.
    pub constant: Option<Constant>,
    /// Rollouts that the budget allows; None: no end of them.
    pub most_rollouts: Option<u64>,
    /// Seconds that the budget allows; None: no end of them.
    pub most_seconds: Option<u64>,
    /// What stands in the way of a good run; empty where nothing was seen.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// Rollouts a second, at the seed's pace: prompts grow.
    #[must_use]
    pub fn pace(&self) -> f64 {
        self.seed.rollouts.len() as f64 / self.seed.seconds.max(f64::MIN_POSITIVE)
    }

    /// Minutes until the result at the seed's pace, the test evaluations among them; None without a limit.
    #[must_use]
    pub fn minutes(&self) -> Option<f64> {
        let by_rollouts = self.most_rollouts.map(|most| most as f64 / self.pace());
        let search = by_rollouts.into_iter().chain(self.most_seconds.map(|seconds| seconds as f64)).reduce(f64::min)?;
        Some((search + 2.0 * self.examples[2] as f64 / self.pace()) / 60.0)
    }

    /// Bytes that the run directory will have, about: what the seed's rollouts take in a journal, as often as the budget and
    /// the test evaluations hold one.
    #[must_use]
    pub fn disk(&self) -> u64 {
        let written: usize = self.seed.rollouts.iter().map(|scored| serde_json::json!(scored).to_string().len()).sum();
        let each = written as f64 / self.seed.rollouts.len().max(1) as f64;
        let in_time = self.most_seconds.map(|seconds| seconds as f64 * self.pace());
        let rollouts = self.most_rollouts.map(|most| most as f64).into_iter().chain(in_time).reduce(f64::min).unwrap_or(0.0);
        (each * (rollouts + 2.0 * self.examples[2] as f64)) as u64
    }
}

/// Checks data and memory, loads the models, and runs the seed on a few training examples.
///
/// # Errors
/// [`RunError`], the same that a run would end with.
pub fn diagnose(plan: &Plan, interrupted: &AtomicBool, listener: &mut dyn FnMut(&Event)) -> Result<Diagnosis, RunError> {
    let program = super::program_and_tell(plan, listener)?;
    let metric = metric(plan);
    let splits = split::load(&files(plan), &required_fields(&program, &*metric), &program.reads)?;
    feedback::check(&*metric, plan, &splits)?;
    metric.prepare()?;
    check_budget(plan, &splits)?;
    let mut findings = findings::of_data(&program, &*metric, &splits);
    let constant = constant::best(&program, &*metric, &splits.train, &splits.val);

    let Opened { mut engine, memory } = open_with_memory(plan, &BTreeMap::new(), interrupted, listener)?;
    check_room(plan, &*engine)?;
    let mut evaluator = Evaluator::new(&program, &*metric, &mut *engine);
    let tried: Vec<Example> = splits.train.iter().take(TRIED).cloned().collect();
    let mut score = |candidate: Candidate, listener: &mut dyn FnMut(&Event)| {
        let request = EvalRequest { candidate, split: Split::Train, limit: None };
        eval::score(&mut evaluator, plan, &request, tried.clone(), interrupted, listener)
    };
    let seed = score(plan.seed_candidate(), listener)?;
    findings.extend(findings::of_seed(&program, &*metric, &seed, constant.as_ref()));
    if let Some(mean) = seed.mean().filter(|mean| *mean <= findings::LOW) {
        let (taught, shown) = with_examples(&program, &plan.seed_candidate(), &splits.train);
        let with = if shown > 0 { score(taught, listener)?.mean().unwrap_or(0.0) } else { mean };
        let tried = seed.rollouts.len();
        findings.push(match mean.max(with) > 0.0 {
            true => Finding::SeedIsPoor { score: mean, tried, shown, with },
            false => Finding::NothingScores { tried, shown },
        });
    }
    let budget = &plan.optimize.budget;
    Ok(Diagnosis {
        examples: [splits.train.len(), splits.val.len(), splits.test.len()],
        memory,
        seed,
        constant,
        most_rollouts: budget.most_rollouts(program.modules.len(), splits.val.len()),
        most_seconds: budget.time.map(|time| time.as_secs()),
        findings,
    })
}

/// The candidate with the last training rows as worked examples, in every module that they say the outputs of, and how many
/// there are. The last: the first are what it is tried on, and no rollout is shown its own row.
fn with_examples(program: &Program, candidate: &Candidate, train: &[Example]) -> (Candidate, usize) {
    let mut taught = candidate.clone();
    let mut shown = 0;
    for (module, text) in program.modules.iter().zip(&mut taught.0) {
        // A label alone would show the wrong way to who reasons.
        if text.reasoning {
            continue;
        }
        let worked = train.iter().rev().filter_map(|row| labelled_demonstration(module, text, row, &|_| None)).take(SHOWN);
        text.demonstrations = worked.collect();
        shown = shown.max(text.demonstrations.len());
    }
    (taught, shown)
}

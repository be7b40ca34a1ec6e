//! What a task will meet on this machine, before an hour is spent on it.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use super::{EvalRequest, EvalResult, evaluate, feedback, files, llama_models, metric, required_fields, settings};
use crate::config::Plan;
use crate::data::split::{self, Split};
use crate::engine::llama;
use crate::engine::memory::{Machine, MemoryPlan};
use crate::error::RunError;
use crate::event::Event;

/// Training examples that the seed is tried on.
pub const TRIED: usize = 8;

/// What was found.
#[derive(Debug)]
pub struct Diagnosis {
    /// Training, validation and test examples.
    pub examples: [usize; 3],
    /// How the models share the machine; None where they are scripted.
    pub memory: Option<(MemoryPlan, Machine)>,
    /// The seed on a few training examples.
    pub seed: EvalResult,
    /// Rollouts that the budget allows; None: no end of them.
    pub most_rollouts: Option<u64>,
}

impl Diagnosis {
    /// Rollouts a second, at the seed's pace: prompts grow.
    #[must_use]
    pub fn pace(&self) -> f64 {
        self.seed.rollouts.len() as f64 / self.seed.seconds.max(f64::MIN_POSITIVE)
    }
}

/// Checks data and memory, loads the models, and runs the seed on a few training examples.
///
/// # Errors
/// [`RunError`], the same that a run would end with.
pub fn diagnose(plan: &Plan, interrupted: &AtomicBool, listener: &mut dyn FnMut(&Event)) -> Result<Diagnosis, RunError> {
    let program = super::program(plan)?;
    let metric = metric(plan);
    let splits = split::load(&files(plan), &required_fields(&program, &*metric), &program.reads)?;
    feedback::check(&*metric, plan, &splits)?;
    metric.prepare()?;
    super::check_budget(plan, &splits)?;
    let models = llama_models(plan, &BTreeMap::new())?;
    let memory = match models.as_slice() {
        [] => None,
        models => Some(llama::memory_plan(models, settings(plan))?),
    };
    let request = EvalRequest { candidate: plan.seed_candidate(), split: Split::Train, limit: Some(TRIED) };
    let seed = evaluate(plan, &request, interrupted, listener)?;
    Ok(Diagnosis {
        examples: [splits.train.len(), splits.val.len(), splits.test.len()],
        memory,
        seed,
        most_rollouts: plan.optimize.budget.most_rollouts(program.modules.len(), splits.val.len()),
    })
}

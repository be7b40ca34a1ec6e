//! A program that gepard does not run itself: a function of the caller, which makes its own model calls.

use rayon::prelude::*;

use super::call::CachedAnswers;
use super::lockstep::{Generate, Job};
use super::runnable::Runnable;
use super::structure::Program;
use super::trace::Rollout;
use crate::engine::EngineError;

/// A program that is run by a function of the caller. The function may ask models of its own, in this process or outside of it.
///
/// `best.json` and exports show its texts in the prompts that gepard would render; the function may render others.
pub struct BlackBox<F> {
    program: Program,
    run_job: F,
}

impl<F> BlackBox<F>
where
    F: Fn(&Job<'_>) -> Result<Rollout, String> + Sync,
{
    /// Creates a black box. `program` declares its modules and the fields that it reads; its control and steps are not used.
    ///
    /// `run_job` runs a candidate on an example and returns the trace: one [`Step`](super::trace::Step) for each call of a module, with
    /// the module's name, its inputs, its answer and its outputs. The metric reads the outputs, and reflection shows reflectors the
    /// whole steps. It is called from several threads at once.
    ///
    /// A rollout with a [`failure`](Rollout::failure) scores 0 with this text as feedback. An `Err` is a failed rollout without steps,
    /// which reflectors do not see. A step whose [`broken`](super::trace::Step::broken) is set leaves the rollout unscored.
    ///
    /// If the function can give another result for the same job, a module of `program` must have a temperature above 0: the results
    /// of greedy programs are not computed twice.
    pub fn new(program: Program, run_job: F) -> Self {
        Self { program, run_job }
    }
}

impl<F> Runnable for BlackBox<F>
where
    F: Fn(&Job<'_>) -> Result<Rollout, String> + Sync,
{
    fn program(&self) -> &Program {
        &self.program
    }

    fn run(&self, jobs: &[Job<'_>], _: &dyn CachedAnswers, _: &mut Generate<'_>) -> Result<Vec<Rollout>, EngineError> {
        let run =
            |job: &Job<'_>| (self.run_job)(job).unwrap_or_else(|cause| Rollout { failure: Some(cause), ..Rollout::default() });
        Ok(jobs.par_iter().map(run).collect())
    }
}

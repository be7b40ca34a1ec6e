//! What can be evaluated and optimized: a [`Program`] of gepard, or any other implementation of [`Runnable`].

use super::call::{self, CachedAnswers, CachedCall};
use super::candidate::Candidate;
use super::lockstep::{self, Generate, Job};
use super::structure::Program;
use super::trace::Rollout;
use crate::data::Example;
use crate::engine::EngineError;

/// Runs candidates on examples.
pub trait Runnable: Sync {
    /// Returns the description of what is run: its modules with their names, inputs and outputs, and the fields that it reads from
    /// an example. Candidates have a text for each of these modules, and reflection tells reflectors what each of them reads and
    /// writes. If all modules have temperature 0, a candidate is run only once on an example.
    fn program(&self) -> &Program;

    /// Runs every job. Returns a rollout for each, in order. `cached` has answers to calls that were made before, and `generate`
    /// answers requests to the models of the task. An implementation may ignore both. It may also ignore the temperature of a
    /// job, but then the optimizer `simba`, which compares several answers to the same input, finds fewer differences.
    ///
    /// # Errors
    /// Those of `generate`, which end the run. A program that fails on an example returns a rollout with
    /// [`failure`](Rollout::failure) instead.
    fn run(&self, jobs: &[Job<'_>], cached: &dyn CachedAnswers, generate: &mut Generate<'_>)
    -> Result<Vec<Rollout>, EngineError>;

    /// Whether the calls of its modules send the prompts that gepard renders, so that the likelihood of a right answer after such a
    /// prompt tells candidates apart. False unless an implementation says otherwise.
    fn renders_prompts(&self) -> bool {
        false
    }

    /// Returns the calls of a rollout whose answers may be given to equal calls later. Empty unless an implementation uses
    /// `cached` in [`run`](Self::run).
    fn cacheable_calls(&self, _candidate: &Candidate, _example: &Example, _rollout: &Rollout) -> Vec<CachedCall> {
        Vec::new()
    }
}

impl Runnable for Program {
    fn program(&self) -> &Program {
        self
    }

    fn run(
        &self,
        jobs: &[Job<'_>],
        cached: &dyn CachedAnswers,
        generate: &mut Generate<'_>,
    ) -> Result<Vec<Rollout>, EngineError> {
        lockstep::run(self, jobs, cached, generate)
    }

    fn renders_prompts(&self) -> bool {
        true
    }

    fn cacheable_calls(&self, candidate: &Candidate, example: &Example, rollout: &Rollout) -> Vec<CachedCall> {
        call::cacheable_calls(self, candidate, example, rollout)
    }
}

//! Runs a program without scoring what it answers.

use super::answer_cache::AnswerCache;
use super::evaluator::generate;
use super::scored::Cost;
use crate::engine::{Engine, EngineError, Request, Usage};
use crate::hooks::Hooks;
use crate::program::lockstep::Job;
use crate::program::runnable::Runnable;
use crate::program::trace::Rollout;

/// Runs every job. Returns the rollouts in the order of the jobs, and their cost, whose `elapsed` is left at 0.
///
/// # Errors
/// [`EngineError`]; [`EngineError::Interrupted`] if `hooks` interrupt the run.
pub fn run_unscored(
    runnable: &dyn Runnable,
    engine: &mut dyn Engine,
    jobs: &[Job<'_>],
    hooks: &mut Hooks<'_>,
) -> Result<(Vec<Rollout>, Cost), EngineError> {
    let mut cost = Cost::default();
    let mut ask = |requests: &[Request]| generate(engine, requests, hooks, &mut cost);
    let rollouts = runnable.run(jobs, &AnswerCache::default(), &mut ask)?;
    // As in `Evaluator::sub_wave`: answers from the answer cache count as reused tokens.
    cost.usage = Usage::default();
    rollouts.iter().for_each(|rollout| cost.usage += rollout.usage());
    Ok((rollouts, cost))
}

//! Scores a candidate without a search.

use std::collections::BTreeMap;
use std::time::Instant;

use super::agreement::agreement;
use super::engine::open_engine;
use super::finding;
use super::long_rows;
use super::plan_findings;
use super::sub_wave::sub_wave;
use super::task::Task;
use crate::config::Plan;
use crate::data::Example;
use crate::data::split::Split;
use crate::engine::Usage;
use crate::error::RunError;
use crate::evaluate::evaluator::{Evaluator, salt};
use crate::evaluate::failures::MetricFailures;
use crate::evaluate::request::RolloutRequest;
use crate::evaluate::scored::{Scored, ScoredRollouts, Verdict};
use crate::evaluate::scores::mean;
use crate::evaluate::waves::Waves;
use crate::event::{Lifecycle, Purpose};
use crate::hooks::Hooks;
use crate::program::Candidate;
use crate::report::agreement::Agreement;

/// A candidate and the examples that it is to be scored on.
#[derive(Debug, Clone)]
pub struct EvalRequest {
    /// The candidate.
    pub candidate: Candidate,
    /// The split that the examples belong to.
    pub split: Split,
    /// The most examples, counted from the first; None for all. Further rows are not read.
    pub limit: Option<usize>,
}

/// The result of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct EvalResult {
    /// The examples, in order.
    pub examples: Vec<Example>,
    /// The scored rollouts, in the order of the examples.
    pub rollouts: Vec<Scored>,
    /// The agreement of the metric's judges with the grades that the examples bring. Empty if they bring none.
    pub agreement: Vec<Agreement>,
    /// Tokens of the rollouts and of the metric's requests.
    pub usage: Usage,
    /// Seconds in the engine for the rollouts, without the metric's requests.
    pub engine_seconds: f64,
    /// Seconds that the rollouts took, without the time to load models.
    pub seconds: f64,
    /// Everything that the answers depend on besides the plan: [`Engine::fingerprint`](crate::engine::Engine::fingerprint).
    pub engine: BTreeMap<String, String>,
}

impl EvalResult {
    /// Returns the mean score; None if nothing was scored.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        mean(&self.rollouts.iter().map(Scored::score).collect::<Vec<_>>())
    }

    /// Returns the means of the metric's objectives, each over the rollouts that have it.
    #[must_use]
    pub fn objectives(&self) -> BTreeMap<&str, f64> {
        let mut scores: BTreeMap<&str, Vec<Option<f64>>> = BTreeMap::new();
        for scored in &self.rollouts {
            if let Verdict::Judged(judgement) = &scored.verdict {
                judgement.objectives.iter().for_each(|(name, score)| scores.entry(name).or_default().push(Some(*score)));
            }
        }
        scores.into_iter().filter_map(|(name, scores)| Some((name, mean(&scores)?))).collect()
    }
}

/// Scores a candidate on examples of a plan, with the seeds that the first evaluation of a search would use.
///
/// # Errors
/// [`RunError`]
pub fn evaluate(plan: &Plan, request: &EvalRequest, hooks: &mut Hooks<'_>) -> Result<EvalResult, RunError> {
    let plan = &plan.without_reflectors();
    let task = Task::from_plan(plan, hooks)?;
    finding::tell(&plan_findings::of_plan(plan), hooks);
    let examples = task.load_examples(request.split, request.limit, hooks)?;
    let mut engine = open_engine(plan, &BTreeMap::new(), hooks.interrupted(), &mut |event| hooks.emit(event))?;
    finding::tell(&long_rows::find(plan, task.program(), &examples.iter().collect::<Vec<_>>(), &*engine), hooks);
    let mut evaluator = task.evaluator(&mut *engine, sub_wave(plan, &BTreeMap::new()));
    score(&mut evaluator, &request.candidate, request.split, examples, plan.optimize.seed, hooks)
}

/// Scores a candidate on `examples`, which belong to `split`. `seed` is the run's seed.
///
/// # Errors
/// [`RunError`]
pub(super) fn score(
    evaluator: &mut Evaluator<'_>,
    candidate: &Candidate,
    split: Split,
    examples: Vec<Example>,
    seed: u64,
    hooks: &mut Hooks<'_>,
) -> Result<EvalResult, RunError> {
    let started = Instant::now();
    hooks.emit(&Lifecycle::Evaluating { purpose: Purpose::Test, split, fresh: examples.len(), reused: 0 }.into());
    let key = candidate.key();
    let requests: Vec<RolloutRequest<'_>> =
        examples.iter().map(|example| RolloutRequest { candidate, key: &key, example, draw: None }).collect();
    let mut failures = MetricFailures::default();
    let mut waves: Waves<'_, '_, '_, RunError> = Waves { evaluator, store: None, failures: &mut failures, hooks };
    let ScoredRollouts { scored, cost } = waves.run(&requests, &salt(seed, split, 0))?;
    let seconds = started.elapsed().as_secs_f64();
    let agreement = agreement(evaluator, &examples, hooks)?;
    let engine = evaluator.engine().fingerprint().into_iter().collect();
    Ok(EvalResult { examples, rollouts: scored, agreement, usage: cost.usage, engine_seconds: cost.engine, seconds, engine })
}

//! Scoring a candidate without optimizing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::agreement::agreement;
use super::{feedback, metric, open_engine, required_fields};
use crate::config::Plan;
use crate::data::split::{self, Split};
use crate::data::{Dataset, Example};
use crate::engine::Usage;
use crate::error::RunError;
use crate::evaluate::evaluator::{Asked, Evaluator, SUB_WAVE, salt, watch};
use crate::evaluate::failures::Failures;
use crate::evaluate::scores::mean;
use crate::evaluate::{Scored, Verdict};
use crate::event::{Event, Purpose};
use crate::program::Candidate;
use crate::report::agreement::Agreement;

/// Which examples of which candidate to score, without optimizing.
#[derive(Debug, Clone)]
pub struct EvalRequest {
    /// The candidate.
    pub candidate: Candidate,
    /// The data.
    pub split: Split,
    /// Only the first so many examples; no more rows than these are read then.
    pub limit: Option<usize>,
}

/// What an evaluation found.
#[derive(Debug, Clone, PartialEq)]
pub struct EvalResult {
    /// The examples, in order.
    pub examples: Vec<Example>,
    /// Their rollouts and verdicts.
    pub rollouts: Vec<Scored>,
    /// What the metric's judges say of texts that others have graded, where the examples have any.
    pub agreement: Vec<Agreement>,
    /// Tokens.
    pub usage: Usage,
    /// Seconds, without loading models.
    pub seconds: f64,
    /// What the answers depended on beyond the plan: [`Engine::fingerprint`](crate::engine::Engine::fingerprint).
    pub engine: BTreeMap<String, String>,
}

impl EvalResult {
    /// The mean score; None where nothing was scored.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        mean(&self.rollouts.iter().map(Scored::score).collect::<Vec<_>>())
    }

    /// The means of the metric's objectives, over the rollouts that have them.
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

/// Scores a candidate on examples, as a run would.
///
/// # Errors
/// [`RunError`]
pub fn evaluate(
    plan: &Plan,
    request: &EvalRequest,
    interrupted: &AtomicBool,
    listener: &mut dyn FnMut(&Event),
) -> Result<EvalResult, RunError> {
    let program = super::program_and_tell(plan, listener)?;
    let metric = metric(plan);
    let examples = eval_examples(plan, request, &required_fields(&program, &*metric))?;
    feedback::check_examples(&*metric, plan.data.file(request.split), &examples)?;
    metric.prepare()?;
    let mut engine = open_engine(plan, &BTreeMap::new(), interrupted, listener)?;
    let mut evaluator = Evaluator::new(&program, &*metric, &mut *engine);
    score(&mut evaluator, plan, request, examples, interrupted, listener)
}

/// Scores a candidate with an engine that is there already.
///
/// # Errors
/// [`RunError`]
pub(super) fn score(
    evaluator: &mut Evaluator<'_>,
    plan: &Plan,
    request: &EvalRequest,
    examples: Vec<Example>,
    interrupted: &AtomicBool,
    listener: &mut dyn FnMut(&Event),
) -> Result<EvalResult, RunError> {
    let started = Instant::now();
    listener(&Event::Evaluating { purpose: Purpose::Test, split: request.split, fresh: examples.len(), reused: 0 });
    let mut rollouts = Vec::new();
    let mut usage = Usage::default();
    let mut failures = Failures::default();
    let key = request.candidate.key();
    for chunk in examples.chunks(SUB_WAVE) {
        let asked: Vec<Asked<'_>> =
            chunk.iter().map(|example| Asked { candidate: &request.candidate, key: &key, example }).collect();
        let salt = salt(plan.optimize.seed, request.split, 0);
        let mut watch = watch(interrupted, &mut *listener);
        let (scored, cost) = evaluator.sub_wave(&asked, &salt, &mut watch)?;
        drop(watch);
        failures.hear_all(&scored, &asked, listener)?;
        rollouts.extend(scored);
        usage += cost.usage;
    }
    let seconds = started.elapsed().as_secs_f64();
    let agreement = agreement(evaluator, evaluator.metric, &examples, &mut watch(interrupted, &mut *listener))?;
    let engine = evaluator.engine.fingerprint().into_iter().collect();
    Ok(EvalResult { examples, rollouts, agreement, usage, seconds, engine })
}

/// The rows to be scored; no others are read, but for the ids of training where validation must be split off from it.
fn eval_examples(plan: &Plan, request: &EvalRequest, required: &[String]) -> Result<Vec<Example>, RunError> {
    let data = &plan.data;
    let file: Option<&PathBuf> = match request.split {
        Split::Test => Some(
            data.test
                .as_ref()
                .ok_or_else(|| RunError::Plan("the task has no `test` data; give --split val or --split train".into()))?,
        ),
        Split::Val => data.val.as_ref(),
        Split::Train => data.val.as_ref().map(|_| &data.train),
    };
    let examples = match file {
        Some(path) => Dataset::open(path, request.limit)?.check(required)?,
        None => split::load_part_of_training(&data.train, request.split, request.limit, required)?,
    };
    if examples.is_empty() {
        return Err(RunError::Plan(format!("there are no {} examples to score", request.split)));
    }
    Ok(examples)
}

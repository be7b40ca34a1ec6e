//! Runs one sub-wave: rollouts in lockstep, then the metric's verdicts.

use std::ops::ControlFlow;
use std::time::Instant;

use rayon::prelude::*;

use super::answer_cache::AnswerCache;
use super::request::RolloutRequest;
use super::scored::{Cost, Scored, ScoredRollouts, Verdict};
use crate::data::Example;
use crate::data::split::Split;
use crate::engine::{
    Completion, Engine, EngineError, EngineProgress, Request, ScoreAnswer, ScoreRequest, ServerChange, ServerChanges, Usage,
};
use crate::event::Lifecycle;
use crate::hash::number;
use crate::hooks::Hooks;
use crate::metric::{self, Judgement, Metric, MetricError};
use crate::program::lockstep::Job;
use crate::program::runnable::Runnable;
use crate::program::structure::Program;
use crate::program::trace::Rollout;

/// The most rollouts of a sub-wave, the rollouts that advance together, unless models on servers have more places. A sub-wave is the
/// unit of the journal and of every stop.
pub const SUB_WAVE: usize = 32;

/// The number of times that a metric is given a rollout before the rollout stays unscored.
const ATTEMPTS: usize = 2;

/// Returns the part of a rollout's seed that does not depend on candidate and example: the run's seed, the split, and `draw`: 0,
/// or the number of the evaluation if its answers should differ from those of other evaluations.
#[must_use]
pub fn salt(seed: u64, split: Split, draw: u64) -> String {
    format!("{seed}/{split}/{draw}")
}

/// Runs rollouts of a program and scores them.
pub struct Evaluator<'a> {
    runnable: &'a dyn Runnable,
    metric: &'a dyn Metric,
    engine: &'a mut dyn Engine,
    answers: AnswerCache,
    /// The most rollouts of a sub-wave.
    most: usize,
}

impl<'a> Evaluator<'a> {
    /// Creates an evaluator with an empty answer cache.
    pub fn new(runnable: &'a dyn Runnable, metric: &'a dyn Metric, engine: &'a mut dyn Engine) -> Self {
        Self { runnable, metric, engine, answers: AnswerCache::default(), most: SUB_WAVE }
    }

    /// Returns the evaluator with at most `rollouts` rollouts in a sub-wave, at least 1, in place of [`SUB_WAVE`].
    #[must_use]
    pub fn with_sub_waves_of(self, rollouts: usize) -> Self {
        Self { most: rollouts.max(1), ..self }
    }

    /// Returns the most rollouts of a sub-wave.
    #[must_use]
    pub fn most_rollouts(&self) -> usize {
        self.most
    }

    /// Returns the description of the program that is run.
    #[must_use]
    pub fn program(&self) -> &'a Program {
        self.runnable.program()
    }

    /// Whether the program sends the prompts that gepard renders.
    #[must_use]
    pub fn renders_prompts(&self) -> bool {
        self.runnable.renders_prompts()
    }

    /// Returns the metric.
    #[must_use]
    pub fn metric(&self) -> &'a dyn Metric {
        self.metric
    }

    /// Returns the engine.
    #[must_use]
    pub fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    /// Adds the greedy answers of rollouts to the answer cache, whether they were run now or are read from a journal. `requests`
    /// are the requests of the rollouts, in the same order. Rollouts with a [draw](RolloutRequest::draw), and programs with one
    /// module, add none.
    pub fn learn(&mut self, requests: &[RolloutRequest<'_>], scored: &[Scored]) {
        let runnable = self.runnable;
        // Answers of a draw are generated at another temperature than the module's own.
        let calls = requests.par_iter().zip(scored).filter(|(request, _)| request.draw.is_none());
        let calls = calls.map(|(request, scored)| runnable.cacheable_calls(request.candidate, request.example, &scored.rollout));
        calls.collect::<Vec<_>>().into_iter().flatten().for_each(|call| self.answers.add(call));
    }

    /// Runs and scores the rollouts of one sub-wave. `salt` is part of every seed ([`salt`]). The cost's `elapsed` is left at 0.
    ///
    /// # Errors
    /// [`EngineError`]; [`EngineError::Interrupted`] if `hooks` interrupt the run.
    pub fn sub_wave(
        &mut self,
        requests: &[RolloutRequest<'_>],
        salt: &str,
        hooks: &mut Hooks<'_>,
    ) -> Result<ScoredRollouts, EngineError> {
        let mut jobs = Vec::with_capacity(requests.len());
        for RolloutRequest { candidate, key, example, draw } in requests {
            let seed = match draw {
                None => number(&[salt, key, &example.id]),
                Some(draw) => number(&[salt, key, &example.id, &draw.number.to_string()]),
            };
            jobs.push(Job { candidate, example, seed, temperature: draw.map(|draw| draw.temperature) });
        }
        let mut cost = Cost::default();
        let engine = &mut *self.engine;
        let mut generate = |requests: &[Request]| generate(engine, requests, hooks, &mut cost);
        let rollouts = self.runnable.run(&jobs, &self.answers, &mut generate)?;
        // Replaces the usage of the requests by that of all steps, in which answers from the answer cache count as reused tokens.
        cost.usage = Usage::default();
        rollouts.iter().for_each(|rollout| cost.usage += rollout.usage());

        let judged: Vec<(&Example, &Rollout)> = requests.iter().map(|request| request.example).zip(&rollouts).collect();
        let verdicts = self.verdicts(self.metric, &judged, hooks, &mut cost)?;
        let scored = rollouts.into_iter().zip(verdicts).map(|(rollout, verdict)| Scored { rollout, verdict }).collect();
        Ok(ScoredRollouts { scored, cost })
    }

    /// Returns the verdicts of `metric` on rollouts, each with its example. All requests of the metric to models are sent in one
    /// list. Rollouts that the metric could not judge are given to it once more. Adds what this takes to `cost`.
    ///
    /// # Errors
    /// [`EngineError`]; [`EngineError::Interrupted`] if `hooks` interrupt the run.
    pub fn verdicts(
        &mut self,
        metric: &dyn Metric,
        rollouts: &[(&Example, &Rollout)],
        hooks: &mut Hooks<'_>,
        cost: &mut Cost,
    ) -> Result<Vec<Verdict>, EngineError> {
        let mut verdicts: Vec<Verdict> = rollouts.iter().map(|_| Verdict::Unscored(String::new())).collect();
        for attempt in 0..ATTEMPTS {
            let open: Vec<usize> = (0..rollouts.len()).filter(|&index| matches!(verdicts[index], Verdict::Unscored(_))).collect();
            let requests = open.iter().map(|&index| match rollouts[index] {
                // A failed rollout scores 0 without a request.
                (_, rollout) if rollout.failure.is_some() => Vec::new(),
                (example, rollout) if attempt == 0 => metric.requests(example, rollout),
                (example, rollout) => metric.again(example, rollout),
            });
            let requests: Vec<Vec<Request>> = requests.collect();
            let all: Vec<Request> = requests.iter().flatten().cloned().collect();
            let mut request_cost = Cost::default();
            let answers = if all.is_empty() { Vec::new() } else { generate(self.engine, &all, hooks, &mut request_cost)? };
            cost.judge += request_cost.engine;
            cost.usage += request_cost.usage;
            let mut answers = answers.into_iter();
            let answers: Vec<Vec<Completion>> =
                requests.iter().map(|requests| answers.by_ref().take(requests.len()).collect()).collect();
            let started = Instant::now();
            let judge = |(&index, answers): (&usize, &Vec<Completion>)| {
                let (example, rollout) = rollouts[index];
                metric::judge(metric, example, rollout, answers)
            };
            let judged: Vec<Result<Judgement, MetricError>> = open.par_iter().zip(&answers).map(judge).collect();
            for (index, verdict) in open.into_iter().zip(judged) {
                verdicts[index] = verdict.map_or_else(|error| Verdict::Unscored(error.to_string()), Verdict::Judged);
            }
            cost.metric += started.elapsed().as_secs_f64();
        }
        Ok(verdicts)
    }

    /// Answers requests that belong to no rollout, such as reflections. Returns the answers in order, and their cost.
    ///
    /// # Errors
    /// [`EngineError`]; [`EngineError::Interrupted`] if `hooks` interrupt the run.
    pub fn answer(&mut self, requests: &[Request], hooks: &mut Hooks<'_>) -> Result<(Vec<Completion>, Cost), EngineError> {
        let mut cost = Cost::default();
        let completions = generate(self.engine, requests, hooks, &mut cost)?;
        Ok((completions, cost))
    }

    /// Returns the log-probability of the first continuation of each request, None where the request was refused, and the cost.
    ///
    /// # Errors
    /// [`EngineError`]; [`EngineError::Interrupted`] if `hooks` interrupt the run.
    pub fn score(&mut self, requests: &[ScoreRequest], hooks: &mut Hooks<'_>) -> Result<(Vec<Option<f64>>, Cost), EngineError> {
        let started = Instant::now();
        let changes = self.engine.server_changes();
        let mut on_progress = |done| report(changes.as_deref(), done, requests.len(), started, hooks);
        let answers = self.engine.score(requests, &mut on_progress);
        tell_changes(changes.as_deref(), hooks);
        let answers = answers?;
        let mut cost = Cost { engine: started.elapsed().as_secs_f64(), ..Cost::default() };
        answers.iter().for_each(|answer| cost.usage += answer.usage);
        let first = |answer: &ScoreAnswer| Some(answer.continuations.as_ref().ok()?.first()?.log_probability());
        Ok((answers.iter().map(first).collect(), cost))
    }
}

/// Sends requests to the engine, and adds time and tokens to `cost`.
pub(super) fn generate(
    engine: &mut dyn Engine,
    requests: &[Request],
    hooks: &mut Hooks<'_>,
    cost: &mut Cost,
) -> Result<Vec<Completion>, EngineError> {
    let started = Instant::now();
    let changes = engine.server_changes();
    let mut on_progress = |done| report(changes.as_deref(), done, requests.len(), started, hooks);
    let completions = engine.generate(requests, &mut on_progress);
    tell_changes(changes.as_deref(), hooks);
    let completions = completions?;
    cost.engine += started.elapsed().as_secs_f64();
    completions.iter().for_each(|completion| cost.usage += completion.usage);
    Ok(completions)
}

/// Emits what happened to servers, and then the progress of a list of `requests` requests. Returns `Break` if the run is to be
/// interrupted.
fn report(
    changes: Option<&ServerChanges>,
    done: EngineProgress,
    requests: usize,
    started: Instant,
    hooks: &mut Hooks<'_>,
) -> ControlFlow<()> {
    tell_changes(changes, hooks);
    let under_way = changes.map(ServerChanges::under_way).unwrap_or_default();
    hooks.on_progress(done, requests, started.elapsed().as_secs_f64(), under_way)
}

/// Emits what happened to servers and was not told yet.
fn tell_changes(changes: Option<&ServerChanges>, hooks: &mut Hooks<'_>) {
    for change in changes.map(ServerChanges::take).unwrap_or_default() {
        let event = match change {
            ServerChange::Out { server, cause } => Lifecycle::ServerOut { server, cause },
            ServerChange::Back { server } => Lifecycle::ServerBack { server },
        };
        hooks.emit(&event.into());
    }
}

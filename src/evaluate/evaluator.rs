//! One sub-wave: rollouts in lockstep, then their verdicts.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rayon::prelude::*;

use crate::data::Example;
use crate::data::split::Split;
use crate::engine::{Completion, Engine, EngineError, EngineProgress, Request, Usage};
use crate::evaluate::{Cost, Scored, Verdict};
use crate::event::Event;
use crate::hash::number;
use crate::metric::{self, Judgement, Metric, MetricError};
use crate::program::known::Known;
use crate::program::{Candidate, Program, Rollout, rollout};

/// Rollouts in a sub-wave: the unit of exactness, of the journal and of every stop.
pub const SUB_WAVE: usize = 32;

/// How often a metric is asked for a verdict.
const ATTEMPTS: usize = 2;

/// What the seeds of a sub-wave's requests depend on beside candidate and example: the run's seed,
/// the data, and the how-manieth draw of the same rollouts it is.
#[must_use]
pub fn salt(seed: u64, split: Split, draw: u64) -> String {
    format!("{seed}/{split}/{draw}")
}

/// Called with how far a list of requests is: done, of how many, seconds since it began.
pub type Watch<'a> = dyn FnMut(EngineProgress, usize, f64) -> ControlFlow<()> + 'a;

/// Watches a list of requests: tells how far it is, and breaks off when `interrupted` is set.
pub fn watch<'b>(
    interrupted: &'b AtomicBool,
    listener: &'b mut dyn FnMut(&Event),
) -> impl FnMut(EngineProgress, usize, f64) -> ControlFlow<()> + 'b {
    move |done, of, seconds| {
        listener(&Event::Progress { done, of, seconds });
        if interrupted.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// A rollout that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The texts.
    pub candidate: &'a Candidate,
    /// Their key ([`Candidate::key`]).
    pub key: &'a str,
    /// The example.
    pub example: &'a Example,
}

/// What rollouts need.
pub struct Evaluator<'a> {
    /// The modules.
    pub program: &'a Program,
    /// The feedback function.
    pub metric: &'a dyn Metric,
    /// The models.
    pub engine: &'a mut dyn Engine,
    /// What need not be asked again.
    known: Known,
}

impl<'a> Evaluator<'a> {
    /// One that knows no answers yet.
    pub fn new(program: &'a Program, metric: &'a dyn Metric, engine: &'a mut dyn Engine) -> Self {
        Self { program, metric, engine, known: Known::default() }
    }

    /// Takes note of the answers in rollouts, whether they were run now or stand in a journal.
    pub fn learn(&mut self, asked: &[Asked<'_>], scored: &[Scored]) {
        let rollouts = asked.iter().zip(scored).map(|(asked, scored)| (asked.candidate, asked.example, &scored.rollout));
        self.known.learn(self.program, &rollouts.collect::<Vec<_>>());
    }

    /// Runs one sub-wave of rollouts. `salt` is part of every request's seed. The cost's clock is
    /// left at 0 for the caller to set.
    ///
    /// # Errors
    /// [`EngineError`], an interruption by `watch` among them.
    pub fn sub_wave(
        &mut self,
        asked: &[Asked<'_>],
        salt: &str,
        watch: &mut Watch<'_>,
    ) -> Result<(Vec<Scored>, Cost), EngineError> {
        let mut jobs = Vec::with_capacity(asked.len());
        for Asked { candidate, key, example } in asked {
            jobs.push(rollout::Job { candidate, example, seed: number(&[salt, key, &example.id]) });
        }
        let mut cost = Cost::default();
        let engine = &mut *self.engine;
        let mut generate = |requests: &[Request]| generate(engine, requests, watch, &mut cost);
        let rollouts = rollout::run(self.program, &jobs, &self.known, &mut generate)?;
        // Of all steps; what was not asked again counts as reused.
        cost.usage = Usage::default();
        rollouts.iter().for_each(|rollout| cost.usage += rollout.usage());

        let judged: Vec<(&Example, &Rollout)> = asked.iter().map(|asked| asked.example).zip(&rollouts).collect();
        let verdicts = self.verdicts(self.metric, &judged, watch, &mut cost)?;
        let scored = rollouts.into_iter().zip(verdicts).map(|(rollout, verdict)| Scored { rollout, verdict }).collect();
        Ok((scored, cost))
    }

    /// What a metric says of rollouts, each with its example. Whatever it must ask a model is one wave, and what it could not
    /// judge then is asked and judged once more. Adds to `cost` what it took.
    ///
    /// # Errors
    /// [`EngineError`], an interruption by `watch` among them.
    pub fn verdicts(
        &mut self,
        metric: &dyn Metric,
        of: &[(&Example, &Rollout)],
        watch: &mut Watch<'_>,
        cost: &mut Cost,
    ) -> Result<Vec<Verdict>, EngineError> {
        let mut verdicts: Vec<Verdict> = of.iter().map(|_| Verdict::Unscored(String::new())).collect();
        for attempt in 0..ATTEMPTS {
            let open: Vec<usize> = (0..of.len()).filter(|&place| matches!(verdicts[place], Verdict::Unscored(_))).collect();
            let questions = open.iter().map(|&place| match of[place] {
                // Of a rollout that failed, nothing is asked.
                (_, rollout) if rollout.failure.is_some() => Vec::new(),
                (example, rollout) if attempt == 0 => metric.requests(example, rollout),
                (example, rollout) => metric.again(example, rollout),
            });
            let questions: Vec<Vec<Request>> = questions.collect();
            let all: Vec<Request> = questions.iter().flatten().cloned().collect();
            let mut asking = Cost::default();
            let answers = if all.is_empty() { Vec::new() } else { generate(self.engine, &all, watch, &mut asking)? };
            cost.judge += asking.engine;
            cost.usage += asking.usage;
            let mut answers = answers.into_iter();
            let answers: Vec<Vec<Completion>> = questions.iter().map(|q| answers.by_ref().take(q.len()).collect()).collect();
            let started = Instant::now();
            let judge = |(&place, answers): (&usize, &Vec<Completion>)| {
                let (example, rollout) = of[place];
                metric::judge(metric, example, rollout, answers)
            };
            let judged: Vec<Result<Judgement, MetricError>> = open.par_iter().zip(&answers).map(judge).collect();
            for (place, verdict) in open.into_iter().zip(judged) {
                verdicts[place] = verdict.map_or_else(|error| Verdict::Unscored(error.to_string()), Verdict::Judged);
            }
            cost.metric += started.elapsed().as_secs_f64();
        }
        Ok(verdicts)
    }

    /// Asks requests that are no rollouts: reflections.
    ///
    /// # Errors
    /// [`EngineError`], an interruption by `watch` among them.
    pub fn ask(&mut self, requests: &[Request], watch: &mut Watch<'_>) -> Result<(Vec<Completion>, Cost), EngineError> {
        let mut cost = Cost::default();
        let completions = generate(self.engine, requests, watch, &mut cost)?;
        Ok((completions, cost))
    }
}

fn generate(
    engine: &mut dyn Engine,
    requests: &[Request],
    watch: &mut Watch<'_>,
    cost: &mut Cost,
) -> Result<Vec<Completion>, EngineError> {
    let started = Instant::now();
    let completions = engine.generate(requests, &mut |done| watch(done, requests.len(), started.elapsed().as_secs_f64()))?;
    cost.engine += started.elapsed().as_secs_f64();
    let mut usage = Usage::default();
    completions.iter().for_each(|c| usage += c.usage);
    cost.usage += usage;
    Ok(completions)
}

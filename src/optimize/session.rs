//! What an optimizer may do: evaluate, reflect, draw randomness, log. Budget, clock, cache and
//! journal live behind it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rand_chacha::ChaCha8Rng;

use super::randomness;
use crate::config::OptimizePlan;
use crate::data::Example;
use crate::data::split::{Split, Splits};
use crate::engine::{Completion, ModelId, Request, Usage};
use crate::error::RunError;
use crate::evaluate::Scored;
use crate::evaluate::evaluator::{Asked, Evaluator, SUB_WAVE, salt, watch};
use crate::evaluate::failures::Failures;
use crate::event::{Event, Purpose, StopReason};
use crate::hash::sha256_hex;
use crate::journal::{Journal, Limits, Record, RecordId, SubWaveRequest};
use crate::program::{Candidate, Program};

/// Why a call of the session did not answer.
#[derive(Debug)]
pub enum Halt {
    /// The budget is spent: the optimizer returns what it has.
    Stop(StopReason),
    /// The run is over.
    Error(RunError),
}

impl<E: Into<RunError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// What was spent so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    /// Rollouts charged to the budget.
    pub rollouts: u64,
    /// Rollouts answered from the cache, for nothing.
    pub reused: u64,
    /// Reflections asked.
    pub reflections: u64,
    /// Tokens of rollouts.
    pub task: Usage,
    /// Tokens of reflections.
    pub reflection: Usage,
    /// Seconds in the engine for rollouts.
    pub task_seconds: f64,
    /// Seconds in the engine for reflections.
    pub reflection_seconds: f64,
    /// Seconds in the engine for the metric's questions.
    pub judge_seconds: f64,
    /// Seconds in the metric itself.
    pub metric_seconds: f64,
    /// What the metric was asked, and what it failed on.
    pub metric: Failures,
}

/// A candidate and the examples that it is to be run on, by their places in a split.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The texts.
    pub candidate: &'a Candidate,
    /// The examples.
    pub places: &'a [usize],
}

/// The scored rollouts of one [`Ask`], in the order of its examples; None for those not run.
pub type Answers = Vec<Option<Arc<Scored>>>;

/// An optimizer's hands.
pub struct Session<'a> {
    evaluator: Evaluator<'a>,
    splits: &'a Splits,
    plan: &'a OptimizePlan,
    journal: &'a mut Journal,
    listener: &'a mut dyn FnMut(&Event),
    interrupted: &'a AtomicBool,
    /// Where the journal has the scored rollouts of a candidate, by example: the record, and the place in it. Only of
    /// greedy programs, where a second run would say the same.
    cache: BTreeMap<(Split, String), BTreeMap<usize, (RecordId, usize)>>,
    greedy: bool,
    evaluations: u64,
    spent: Spent,
    /// What the plan says; what is replayed was made under limits of its own.
    limits: Limits,
    /// The run's clock as of the last record, and when this process began to add to it.
    elapsed: f64,
    live_since: Option<Instant>,
    /// Rollouts for which the budget had no room when it was last asked for too many.
    no_room_for: Cell<Option<u64>>,
}

impl<'a> Session<'a> {
    /// A session over a journal, which answers as long as it has records.
    pub fn new(
        evaluator: Evaluator<'a>,
        splits: &'a Splits,
        plan: &'a OptimizePlan,
        journal: &'a mut Journal,
        listener: &'a mut dyn FnMut(&Event),
        interrupted: &'a AtomicBool,
    ) -> Self {
        let modules = evaluator.program.modules.len();
        let greedy = evaluator.program.modules.iter().all(|m| m.temperature <= 0.0);
        let mut session = Self {
            evaluator,
            splits,
            plan,
            journal,
            listener,
            interrupted,
            cache: BTreeMap::new(),
            greedy,
            evaluations: 0,
            spent: Spent::default(),
            limits: Limits {
                rollouts: plan.budget.most_rollouts(modules, splits.val.len()),
                seconds: plan.budget.time.map(|time| time.as_secs()),
                reflections: plan.max_reflections,
                patience: plan.patience,
                score: plan.stop_at_score,
            },
            elapsed: 0.0,
            live_since: None,
            no_room_for: Cell::new(None),
        };
        if session.journal.is_replaying() {
            let (records, seconds) = (session.journal.recorded(), session.journal.seconds());
            (session.listener)(&Event::Resumed { records, seconds });
        } else {
            session.live_since = Some(Instant::now());
        }
        session
    }

    /// The plan of the search.
    #[must_use]
    pub fn plan(&self) -> &'a OptimizePlan {
        self.plan
    }

    /// The modules.
    #[must_use]
    pub fn program(&self) -> &'a Program {
        self.evaluator.program
    }

    /// What a reflector may read.
    #[must_use]
    pub fn train(&self) -> &'a [Example] {
        &self.splits.train
    }

    /// How many validation examples there are. What they say is not the optimizer's to know.
    #[must_use]
    pub fn validation_size(&self) -> usize {
        self.splits.val.len()
    }

    /// The id of a validation example: for telling, not for reading.
    #[must_use]
    pub fn validation_id(&self, place: usize) -> &str {
        &self.splits.val[place].id
    }

    /// What was spent so far.
    #[must_use]
    pub fn spent(&self) -> Spent {
        self.spent
    }

    /// Rollouts for which the budget had no room when it was last asked for more than it held.
    #[must_use]
    pub fn no_room_for(&self) -> Option<u64> {
        self.no_room_for.get()
    }

    /// The random numbers of a purpose in an iteration.
    #[must_use]
    pub fn random(&self, purpose: &str, iteration: u64) -> ChaCha8Rng {
        randomness::stream(self.plan.seed, purpose, iteration)
    }

    /// The way to an example's right answer, where the metric knows it.
    #[must_use]
    pub fn solution(&self, example: &Example) -> Option<String> {
        self.evaluator.metric.solution(example)
    }

    /// Tokens of `text` for a model.
    #[must_use]
    pub fn count_tokens(&self, model: ModelId, text: &str) -> usize {
        self.evaluator.engine.count_tokens(model, text)
    }

    /// Bytes of a model's weights: what a token of it costs in proportion.
    #[must_use]
    pub fn size(&self, model: ModelId) -> u64 {
        self.evaluator.engine.weight_bytes(model)
    }

    /// Whether what was run is not run, and not charged, again: of programs that would say the same.
    #[must_use]
    pub fn remembers(&self) -> bool {
        self.greedy
    }

    /// Tokens of a candidate's instructions and worked examples, each counted by the model that reads it.
    #[must_use]
    pub fn prompt_tokens(&self, candidate: &Candidate) -> usize {
        let modules = self.evaluator.program.modules.iter().zip(&candidate.0);
        modules.map(|(module, text)| text.tokens(&|words| self.count_tokens(module.model, words))).sum()
    }

    /// The most tokens of prompt and answer together for a model.
    #[must_use]
    pub fn context_length(&self, model: ModelId) -> usize {
        self.evaluator.engine.context_length(model)
    }

    /// When the search ends: by the plan, and while the journal answers, by what the plan was then. So decisions that hang on
    /// it are the same when a run goes on under a larger budget.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let recorded = self.journal.is_replaying().then(|| self.journal.limits()).flatten();
        recorded.unwrap_or(self.limits)
    }

    /// Rollouts that may still be charged; None where only time counts.
    #[must_use]
    pub fn rollouts_left(&self) -> Option<u64> {
        self.limits().rollouts.map(|most| most.saturating_sub(self.spent.rollouts))
    }

    /// Whether `rollouts` more fit the budget, the time is not up, and nobody asked to stop.
    ///
    /// # Errors
    /// [`Halt::Stop`] with the reason why not.
    pub fn fits(&self, rollouts: u64) -> Result<(), Halt> {
        if self.rollouts_left().is_some_and(|left| rollouts > left) {
            self.no_room_for.set(Some(rollouts));
            return Err(Halt::Stop(StopReason::BudgetSpent));
        }
        if self.limits().seconds.is_some_and(|most| self.elapsed >= most as f64) {
            return Err(Halt::Stop(StopReason::TimeUp));
        }
        if !self.journal.is_replaying() && self.journal.stop_file().exists() {
            return Err(Halt::Stop(StopReason::StopFile));
        }
        Ok(())
    }

    /// Whether the budget holds `rollouts` more.
    ///
    /// # Errors
    /// [`Halt::Stop`] where the time is up or somebody asked to stop.
    pub fn holds(&self, rollouts: u64) -> Result<bool, Halt> {
        match self.fits(rollouts) {
            Ok(()) => Ok(true),
            Err(Halt::Stop(StopReason::BudgetSpent)) => self.fits(0).map(|()| false),
            Err(halt) => Err(halt),
        }
    }

    /// Runs `candidate` on examples of `split`, given by their places; scored rollouts come back in
    /// that order. What the cache knows is not run again.
    ///
    /// # Errors
    /// As [`Self::evaluate_while`].
    pub fn evaluate(
        &mut self,
        purpose: Purpose,
        split: Split,
        candidate: &Candidate,
        places: &[usize],
    ) -> Result<Vec<Arc<Scored>>, Halt> {
        let answers = self.evaluate_while(purpose, split, &[Ask { candidate, places }], &mut |_, _| true)?;
        Ok(answers.into_iter().flatten().flatten().collect())
    }

    /// Runs candidates on their examples, all in one wave. Between its sub-waves `is_worth_it` is
    /// asked for each [`Ask`], by its place, whether the rest of it is to be run.
    ///
    /// # Errors
    /// [`Halt::Stop`] between sub-waves when the budget is spent; [`Halt::Error`] ends the run.
    pub fn evaluate_while(
        &mut self,
        purpose: Purpose,
        split: Split,
        asks: &[Ask<'_>],
        is_worth_it: &mut dyn FnMut(usize, &Answers) -> bool,
    ) -> Result<Vec<Answers>, Halt> {
        self.evaluations += 1;
        let keys: Vec<String> = asks.iter().map(|ask| ask.candidate.key()).collect();
        let mut answers = self.known(split, &keys, asks)?;
        let open = |(ask, answers): (usize, &Answers)| {
            let open = answers.iter().enumerate().filter(|(_, answer)| answer.is_none());
            open.map(move |(index, _)| (ask, index)).collect::<Vec<_>>()
        };
        let mut fresh: Vec<(usize, usize)> = answers.iter().enumerate().flat_map(open).collect();
        let reused = answers.iter().flatten().flatten().count();
        self.spent.reused += reused as u64;
        (self.listener)(&Event::Evaluating { purpose, split, fresh: fresh.len(), reused });
        loop {
            let worth: Vec<bool> = answers.iter().enumerate().map(|(ask, answers)| is_worth_it(ask, answers)).collect();
            fresh.retain(|(ask, _)| worth[*ask]);
            if fresh.is_empty() {
                break;
            }
            let wave: Vec<(usize, usize)> = fresh.drain(..fresh.len().min(SUB_WAVE)).collect();
            self.fits(wave.len() as u64)?;
            let examples = self.splits.of(split);
            let asked = |&(ask, index): &(usize, usize)| Asked {
                candidate: asks[ask].candidate,
                key: &keys[ask],
                example: &examples[asks[ask].places[index]],
            };
            let scored = self.sub_wave(split, &wave.iter().map(asked).collect::<Vec<_>>())?;
            let stored = self.journal.last_id().filter(|_| self.greedy);
            for (at, (&(ask, index), scored)) in wave.iter().zip(scored).enumerate() {
                if let Some(stored) = stored {
                    let of_candidate = self.cache.entry((split, keys[ask].clone())).or_default();
                    of_candidate.insert(asks[ask].places[index], (stored, at));
                }
                answers[ask][index] = Some(Arc::new(scored));
            }
        }
        let scores: Vec<Option<f64>> = answers.iter().flatten().flatten().map(|scored| scored.score()).collect();
        let mean = crate::evaluate::scores::mean(&scores);
        (self.listener)(&Event::Evaluated { purpose, mean, spent: self.spent.rollouts, elapsed: self.elapsed });
        Ok(answers)
    }

    /// What was run before, read from the journal; each record once.
    fn known(&mut self, split: Split, keys: &[String], asks: &[Ask<'_>]) -> Result<Vec<Answers>, Halt> {
        let mut answers: Vec<Answers> = asks.iter().map(|ask| vec![None; ask.places.len()]).collect();
        let mut wanted: BTreeMap<RecordId, Vec<(usize, usize, usize)>> = BTreeMap::new();
        for (ask, key) in keys.iter().enumerate() {
            let Some(of_candidate) = self.cache.get(&(split, key.clone())) else { continue };
            for (index, place) in asks[ask].places.iter().enumerate() {
                if let Some(&(stored, at)) = of_candidate.get(place) {
                    wanted.entry(stored).or_default().push((at, ask, index));
                }
            }
        }
        for (stored, wanted) in wanted {
            let Some(Record::Rollouts { rollouts, .. }) = self.journal.reread(stored)? else { continue };
            let rollouts: Vec<Arc<Scored>> = rollouts.into_iter().map(Arc::new).collect();
            for (at, ask, index) in wanted {
                answers[ask][index] = rollouts.get(at).cloned();
            }
        }
        Ok(answers)
    }

    fn sub_wave(&mut self, split: Split, asked: &[Asked<'_>]) -> Result<Vec<Scored>, Halt> {
        let ask = SubWaveRequest::new(split, asked.iter().map(|a| (a.key, a.example)));
        let recorded = self.next_recorded()?;
        let is_recorded = recorded.is_some();
        let record = match recorded {
            Some(record) => record,
            None => {
                let draw = if self.greedy { 0 } else { self.evaluations };
                let salt = salt(self.plan.seed, split, draw);
                let (rollouts, mut cost) =
                    self.evaluator.sub_wave(asked, &salt, &mut watch(self.interrupted, &mut *self.listener))?;
                cost.elapsed = now(self.journal, self.live_since);
                // Failures that end the run are not kept: when the metric is mended, the run goes on with this sub-wave.
                self.spent.metric.hear_all(&rollouts, asked, self.listener)?;
                let record = Record::Rollouts { ask: ask.clone(), rollouts, cost };
                self.journal.append(&record)?;
                record
            }
        };
        let (rollouts, cost) = match record {
            Record::Rollouts { ask: recorded, rollouts, cost } if recorded == ask => (rollouts, cost),
            other => return Err(self.journal.mismatch(describe(&other), ask.to_string()).into()),
        };
        if is_recorded {
            self.spent.metric.hear_all(&rollouts, asked, self.listener)?;
        }
        self.evaluator.learn(asked, &rollouts);
        self.elapsed = cost.elapsed;
        self.spent.rollouts += asked.len() as u64;
        self.spent.task += cost.usage;
        self.spent.task_seconds += cost.engine;
        self.spent.judge_seconds += cost.judge;
        self.spent.metric_seconds += cost.metric;
        Ok(rollouts)
    }

    /// Asks reflectors. Not charged to the budget in rollouts, but counted.
    ///
    /// # Errors
    /// [`Halt::Stop`] when the time is up; [`Halt::Error`] ends the run.
    pub fn reflect(&mut self, requests: &[Request]) -> Result<Vec<Completion>, Halt> {
        self.fits(0)?;
        let ask = sha256_hex(serde_json::json!(requests).to_string().as_bytes());
        let (completions, cost) = match self.next_recorded()? {
            Some(Record::Reflections { ask: recorded, completions, cost, .. }) if recorded == ask => (completions, cost),
            Some(other) => {
                return Err(self.journal.mismatch(describe(&other), format!("reflections {ask}")).into());
            }
            None => {
                let mut watch = watch(self.interrupted, &mut *self.listener);
                let (completions, mut cost) = self.evaluator.ask(requests, &mut watch)?;
                cost.elapsed = now(self.journal, self.live_since);
                let read = requests.iter().map(|request| request.messages.clone()).collect();
                self.journal.append(&Record::Reflections { ask, read, completions: completions.clone(), cost })?;
                (completions, cost)
            }
        };
        self.elapsed = cost.elapsed;
        self.spent.reflections += requests.len() as u64;
        self.spent.reflection += cost.usage;
        self.spent.reflection_seconds += cost.engine;
        (self.listener)(&Event::Reflected { elapsed: self.elapsed });
        Ok(completions)
    }

    /// Tells of an event. A decision is journaled, and a replayed one must be the same.
    ///
    /// # Errors
    /// [`Halt::Error`] where the journal has another decision, or cannot be written.
    pub fn log(&mut self, event: &Event) -> Result<(), Halt> {
        if event.is_decision() {
            let value = serde_json::json!(event);
            match self.next_recorded()? {
                Some(Record::Note { event: recorded }) if recorded == value => {}
                Some(other) => {
                    return Err(self.journal.mismatch(describe(&other), value.to_string()).into());
                }
                None => self.journal.append(&Record::Note { event: value })?,
            }
        }
        (self.listener)(event);
        Ok(())
    }

    /// The next record; when the journal has run dry, the session goes live.
    fn next_recorded(&mut self) -> Result<Option<Record>, Halt> {
        if let Some(record) = self.journal.replay()? {
            return Ok(Some(record));
        }
        if self.live_since.is_none() {
            self.live_since = Some(Instant::now());
            self.elapsed = self.journal.seconds();
            (self.listener)(&Event::CaughtUp);
        }
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(RunError::Interrupted.into());
        }
        if self.journal.limits() != Some(self.limits) {
            self.journal.append(&Record::Limits { limits: self.limits })?;
        }
        Ok(None)
    }

    /// The run's clock as of the last record, in seconds.
    #[must_use]
    pub fn elapsed(&self) -> f64 {
        self.elapsed
    }
}

/// The run's clock: what the journal's part took, and the time since this process went live.
fn now(journal: &Journal, live_since: Option<Instant>) -> f64 {
    journal.seconds() + live_since.map_or(0.0, |since| since.elapsed().as_secs_f64())
}

fn describe(record: &Record) -> String {
    match record {
        Record::Header { .. } => "a header".into(),
        Record::Limits { .. } => "limits".into(),
        Record::Rollouts { ask, .. } | Record::Test { ask, .. } => ask.to_string(),
        Record::Reflections { ask, .. } => format!("reflections {ask}"),
        Record::Note { event } => event.to_string(),
    }
}

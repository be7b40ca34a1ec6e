//! Everything an optimizer may do: evaluate candidates, ask reflectors, draw random numbers, log decisions.

mod draws;

use std::cell::Cell;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;

use super::recorder::{Recorder, SearchStore};
use super::reuse::{Answers, EvaluationRequest, RolloutIndex};
use super::right_answer::score_request;
use crate::config::OptimizePlan;
use crate::data::split::{Split, Splits};
use crate::data::{Example, ExampleIndex};
use crate::engine::{Completion, ModelId, Request, ScoreRequest, Usage};
use crate::error::RunError;
use crate::evaluate::evaluator::{Evaluator, salt};
use crate::evaluate::failures::MetricFailures;
use crate::evaluate::request::RolloutRequest;
use crate::evaluate::scored::{Cost, Scored};
use crate::evaluate::scores::mean;
use crate::evaluate::waves::Waves;
use crate::event::{Decision, Lifecycle, Purpose, StopReason};
use crate::hash::sha256_hex;
use crate::hooks::Hooks;
use crate::journal::{Journal, Limits, Record};
use crate::program::candidate::Candidate;
use crate::program::structure::Program;
use crate::randomness;

/// Why a call of the session gave no result. An optimizer passes it on with `?` up to its main loop.
#[derive(Debug)]
pub enum Halt {
    /// The search is to end, for this reason: the optimizer returns the pool that it has.
    Stop(StopReason),
    /// The run has failed: the optimizer returns the error.
    Error(RunError),
}

impl<E: Into<RunError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// What a search has spent so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    /// Rollouts charged to the budget.
    pub rollouts: u64,
    /// Rollouts that were found in the journal instead of being run; they are not charged.
    pub reused: u64,
    /// Right answers that were scored. Each is one of `rollouts`.
    pub scored: u64,
    /// Requests to reflectors.
    pub reflections: u64,
    /// Tokens of the rollouts and of the metric's requests.
    pub task: Usage,
    /// Tokens of the reflections.
    pub reflection: Usage,
    /// Seconds in the engine for rollouts.
    pub task_seconds: f64,
    /// Seconds in the engine for reflections.
    pub reflection_seconds: f64,
    /// Seconds in the engine for the metric's requests.
    pub judge_seconds: f64,
    /// Seconds in the metric itself.
    pub metric_seconds: f64,
    /// The number of rollouts that the metric was given, and of those that it failed on.
    pub metric: MetricFailures,
}

impl Spent {
    /// Returns the tokens that a budget in tokens counts: those of rollouts, a judge's included, and those of reflections.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        self.task.counted() + self.reflection.counted()
    }

    /// Adds `count` rollouts and their cost.
    fn add_rollouts(&mut self, count: usize, cost: &Cost) {
        self.rollouts += count as u64;
        self.task += cost.usage;
        self.task_seconds += cost.engine;
        self.judge_seconds += cost.judge;
        self.metric_seconds += cost.metric;
    }
}

/// A rollout that an evaluation has not run yet.
#[derive(Debug, Clone, Copy)]
struct OpenRollout {
    /// The index of its [`EvaluationRequest`].
    request: usize,
    /// The position of its example in the request.
    position: usize,
}

/// Everything an optimizer may do: evaluate candidates, ask reflectors, draw random numbers, log decisions.
///
/// The session keeps the budget and the journal. While the journal has records, it answers from them, so that a resumed run repeats
/// what was done before at no cost.
pub struct Session<'a> {
    evaluator: Evaluator<'a>,
    splits: &'a Splits,
    plan: &'a OptimizePlan,
    recorder: Recorder<'a>,
    hooks: Hooks<'a>,
    /// The rollouts of greedy programs, which are not run twice.
    rollout_index: RolloutIndex,
    is_greedy: bool,
    evaluations: u64,
    spent: Spent,
    unaffordable: Cell<Option<u64>>,
}

impl<'a> Session<'a> {
    /// Creates a session at the beginning of `journal`.
    pub fn new(
        evaluator: Evaluator<'a>,
        splits: &'a Splits,
        plan: &'a OptimizePlan,
        journal: &'a mut Journal,
        mut hooks: Hooks<'a>,
    ) -> Self {
        let limits = Limits {
            rollouts: plan.budget.most_rollouts(evaluator.program().modules.len(), splits.val.len()),
            seconds: plan.budget.time.map(|time| time.as_secs()),
            tokens: plan.budget.tokens,
            reflections: plan.max_reflections,
            patience: plan.patience,
            score: plan.stop_at_score,
        };
        Self {
            recorder: Recorder::new(journal, limits, &mut hooks),
            is_greedy: evaluator.program().is_greedy(),
            evaluator,
            splits,
            plan,
            hooks,
            rollout_index: RolloutIndex::default(),
            evaluations: 0,
            spent: Spent::default(),
            unaffordable: Cell::new(None),
        }
    }

    /// Returns the plan of the search.
    #[must_use]
    pub fn plan(&self) -> &'a OptimizePlan {
        self.plan
    }

    /// Returns the program that is optimized.
    #[must_use]
    pub fn program(&self) -> &'a Program {
        self.evaluator.program()
    }

    /// Returns the training examples. Reflectors may read them.
    #[must_use]
    pub fn train(&self) -> &'a [Example] {
        &self.splits.train
    }

    /// Returns the number of validation examples. Their content is hidden from optimizers.
    #[must_use]
    pub fn validation_size(&self) -> usize {
        self.splits.val.len()
    }

    /// Returns the id of a validation example, for events.
    ///
    /// # Panics
    /// If there is no validation example at `example_index`.
    #[must_use]
    pub fn validation_id(&self, example_index: ExampleIndex) -> &str {
        &self.splits.val[example_index.0].id
    }

    /// Returns what the search has spent so far.
    #[must_use]
    pub fn spent(&self) -> Spent {
        self.spent
    }

    /// Returns the number of rollouts that were asked for when the budget was last too small; None if it never was.
    #[must_use]
    pub fn unaffordable_rollouts(&self) -> Option<u64> {
        self.unaffordable.get()
    }

    /// Returns the random numbers of a purpose in an iteration. The stream depends on the run's seed, the purpose and the iteration
    /// only.
    #[must_use]
    pub fn random(&self, purpose: &str, iteration: u64) -> ChaCha8Rng {
        randomness::stream(self.plan.seed, purpose, iteration)
    }

    /// Returns the worked solution of an example; None if the metric knows none.
    #[must_use]
    pub fn solution(&self, example: &Example) -> Option<String> {
        self.evaluator.metric().solution(example)
    }

    /// Returns the number of tokens of `text` for a model.
    #[must_use]
    pub fn count_tokens(&self, model: ModelId, text: &str) -> usize {
        self.evaluator.engine().count_tokens(model, text)
    }

    /// Returns the size of a model's weights in bytes. The cost of a token is proportional to it.
    #[must_use]
    pub fn model_bytes(&self, model: ModelId) -> u64 {
        self.evaluator.engine().weight_bytes(model)
    }

    /// Whether rollouts are reused: a candidate is run, and charged to the budget, at most once on an example. True for greedy
    /// programs, whose second rollout would be equal.
    #[must_use]
    pub fn reuses_rollouts(&self) -> bool {
        self.is_greedy
    }

    /// Returns the tokens of a candidate's instructions and demonstrations, each counted by the model that reads them.
    #[must_use]
    pub fn prompt_tokens(&self, candidate: &Candidate) -> usize {
        let modules = self.program().modules.iter().zip(&candidate.0);
        modules.map(|(module, text)| text.tokens(&|text| self.count_tokens(module.model, text))).sum()
    }

    /// Returns the most tokens of prompt and answer together for a model.
    #[must_use]
    pub fn context_length(&self, model: ModelId) -> usize {
        self.evaluator.engine().context_length(model)
    }

    /// Returns the limits of the search: those of the plan, or, while the journal has records, those that the next record was made
    /// under. Decisions that depend on the limits are therefore repeated when a run is resumed with a larger budget.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.recorder.limits()
    }

    /// Returns the number of rollouts that may still be charged; None if they are not limited.
    #[must_use]
    pub fn rollouts_left(&self) -> Option<u64> {
        self.limits().rollouts.map(|most| most.saturating_sub(self.spent.rollouts))
    }

    /// Returns the search's clock as of the last record, in seconds.
    #[must_use]
    pub fn elapsed(&self) -> f64 {
        self.recorder.elapsed()
    }

    /// Checks that the budget allows `rollouts` more rollouts, that neither time nor tokens are spent, and that the user has not
    /// asked to stop.
    ///
    /// # Errors
    /// [`Halt::Stop`] with the reason.
    pub fn require_budget(&self, rollouts: u64) -> Result<(), Halt> {
        if self.rollouts_left().is_some_and(|left| rollouts > left) {
            self.unaffordable.set(Some(rollouts));
            return Err(Halt::Stop(StopReason::BudgetSpent));
        }
        if self.limits().seconds.is_some_and(|most| self.elapsed() >= most as f64) {
            return Err(Halt::Stop(StopReason::TimeUp));
        }
        if self.limits().tokens.is_some_and(|most| self.spent.tokens() >= most) {
            return Err(Halt::Stop(StopReason::TokensSpent));
        }
        if self.recorder.has_stop_file() {
            return Err(Halt::Stop(StopReason::StopFile));
        }
        Ok(())
    }

    /// Whether the budget allows `rollouts` more rollouts.
    ///
    /// # Errors
    /// [`Halt::Stop`] if time or tokens are spent or the user has asked to stop.
    pub fn has_budget_for(&self, rollouts: u64) -> Result<bool, Halt> {
        match self.require_budget(rollouts) {
            Ok(()) => Ok(true),
            Err(Halt::Stop(StopReason::BudgetSpent)) => self.require_budget(0).map(|()| false),
            Err(halt) => Err(halt),
        }
    }

    /// Runs `candidate` on examples of `split`, given by their indices. Returns the scored rollouts in that order. Rollouts that
    /// were run before are reused.
    ///
    /// # Errors
    /// Those of [`Self::evaluate_while`].
    pub fn evaluate(
        &mut self,
        purpose: Purpose,
        split: Split,
        candidate: &Candidate,
        example_indices: &[ExampleIndex],
    ) -> Result<Vec<Arc<Scored>>, Halt> {
        let request = EvaluationRequest { candidate, example_indices };
        let answers = self.evaluate_while(purpose, split, &[request], &mut |_, _| true)?;
        Ok(answers.into_iter().flatten().flatten().collect())
    }

    /// Runs candidates on examples of `split`, all in one wave. Returns the scored rollouts of each request. Rollouts that were run
    /// before are reused.
    ///
    /// Before each sub-wave, `is_worth_it` is called with the index of every request and its rollouts so far. If it returns false,
    /// the rest of that request is not run.
    ///
    /// # Errors
    /// [`Halt::Stop`] between sub-waves if the budget is spent or the user has asked to stop. [`Halt::Error`] if the run has failed.
    pub fn evaluate_while(
        &mut self,
        purpose: Purpose,
        split: Split,
        requests: &[EvaluationRequest<'_>],
        is_worth_it: &mut dyn FnMut(usize, &Answers) -> bool,
    ) -> Result<Vec<Answers>, Halt> {
        self.evaluations += 1;
        let keys: Vec<String> = requests.iter().map(|request| request.candidate.key()).collect();
        let mut answers = self.rollout_index.find(split, &keys, requests, &mut self.recorder)?;
        let open_of = |(request, answers): (usize, &Answers)| {
            let open = answers.iter().enumerate().filter(|(_, answer)| answer.is_none());
            open.map(move |(position, _)| OpenRollout { request, position }).collect::<Vec<_>>()
        };
        let mut open: Vec<OpenRollout> = answers.iter().enumerate().flat_map(open_of).collect();
        let reused = answers.iter().flatten().flatten().count();
        self.spent.reused += reused as u64;
        self.hooks.emit(&Lifecycle::Evaluating { purpose, split, fresh: open.len(), reused }.into());
        loop {
            let is_worth: Vec<bool> =
                answers.iter().enumerate().map(|(request, answers)| is_worth_it(request, answers)).collect();
            open.retain(|rollout| is_worth[rollout.request]);
            if open.is_empty() {
                break;
            }
            let most = self.evaluator.most_rollouts();
            let sub_wave: Vec<OpenRollout> = open.drain(..open.len().min(most)).collect();
            self.require_budget(sub_wave.len() as u64)?;
            let scored = self.run_sub_wave(split, &keys, requests, &sub_wave)?;
            for (OpenRollout { request, position }, scored) in sub_wave.into_iter().zip(scored) {
                answers[request][position] = Some(Arc::new(scored));
            }
        }
        let scores: Vec<Option<f64>> = answers.iter().flatten().flatten().map(|scored| scored.score()).collect();
        let (mean, spent, tokens, elapsed) = (mean(&scores), self.spent.rollouts, self.spent.tokens(), self.elapsed());
        self.hooks.emit(&Lifecycle::Evaluated { purpose, mean, spent, tokens, elapsed }.into());
        Ok(answers)
    }

    /// Runs one sub-wave, charges it to the budget, and adds it to the index of rollouts that are reused.
    fn run_sub_wave(
        &mut self,
        split: Split,
        keys: &[String],
        requests: &[EvaluationRequest<'_>],
        sub_wave: &[OpenRollout],
    ) -> Result<Vec<Scored>, Halt> {
        let examples = self.splits.of(split);
        let example_index = |open: &OpenRollout| requests[open.request].example_indices[open.position];
        let rollout_request = |open: &OpenRollout| RolloutRequest {
            candidate: requests[open.request].candidate,
            key: &keys[open.request],
            example: &examples[example_index(open)],
            draw: None,
        };
        let rollout_requests: Vec<RolloutRequest<'_>> = sub_wave.iter().map(rollout_request).collect();
        let draw = if self.is_greedy { 0 } else { self.evaluations };
        let scored = self.run_requests(split, &rollout_requests, &salt(self.plan.seed, split, draw))?;
        if let Some(record) = self.recorder.last_id().filter(|_| self.is_greedy) {
            for (index, open) in sub_wave.iter().enumerate() {
                self.rollout_index.add(split, &keys[open.request], example_index(open), record, index);
            }
        }
        Ok(scored)
    }

    /// Runs one sub-wave, or finds them in the journal, and charges them to the budget.
    fn run_requests(&mut self, split: Split, requests: &[RolloutRequest<'_>], salt: &str) -> Result<Vec<Scored>, Halt> {
        let mut store = SearchStore { recorder: &mut self.recorder, split };
        let mut waves = Waves {
            evaluator: &mut self.evaluator,
            store: Some(&mut store),
            failures: &mut self.spent.metric,
            hooks: &mut self.hooks,
        };
        let result = waves.sub_wave(requests, salt)?;
        self.recorder.set_elapsed(result.cost.elapsed);
        self.spent.add_rollouts(requests.len(), &result.cost);
        Ok(result.scored)
    }

    /// Asks reflectors. Returns their answers in order. They are counted, but not charged to a budget in rollouts.
    ///
    /// # Errors
    /// [`Halt::Stop`] if time or tokens are spent or the user has asked to stop. [`Halt::Error`] if the run has failed.
    pub fn reflect(&mut self, requests: &[Request]) -> Result<Vec<Completion>, Halt> {
        self.require_budget(0)?;
        let requested = sha256_hex(serde_json::json!(requests).to_string().as_bytes());
        let (completions, cost) = match self.recorder.next(&mut self.hooks)? {
            Some(Record::Reflections { ask, completions, cost, .. }) if ask == requested => (completions, cost),
            Some(other) => return Err(self.recorder.mismatch(&other, format!("reflections {requested}")).into()),
            None => {
                let (completions, mut cost) = self.evaluator.answer(requests, &mut self.hooks)?;
                cost.elapsed = self.recorder.now();
                let read = requests.iter().map(|request| request.messages.clone()).collect();
                let record = Record::Reflections { ask: requested, read, completions: completions.clone(), cost };
                self.recorder.append(&record)?;
                (completions, cost)
            }
        };
        self.recorder.set_elapsed(cost.elapsed);
        self.spent.reflections += requests.len() as u64;
        self.spent.reflection += cost.usage;
        self.spent.reflection_seconds += cost.engine;
        self.hooks.emit(&Lifecycle::Reflected { tokens: self.spent.tokens(), elapsed: cost.elapsed }.into());
        Ok(completions)
    }

    /// Returns how likely each candidate makes the right answers to training examples: for each example, in their order, the natural
    /// logarithm of the probability of the whole answer after the candidate's prompt.
    ///
    /// None for a candidate if the program sends prompts of its own, if for one of the examples there is no right answer to score (see [`score_request`]), or the engine refused the request, for example because
    /// the prompt exceeds the context. Each request to the engine is charged to the budget as one rollout, refused ones included:
    /// most of the time of a short answer is its prompt.
    ///
    /// # Errors
    /// [`Halt::Stop`] before anything is scored, if the budget is spent or the user has asked to stop. [`Halt::Error`] if the run has
    /// failed.
    pub fn log_probabilities(
        &mut self,
        candidates: &[&Candidate],
        examples: &[ExampleIndex],
    ) -> Result<Vec<Option<Vec<f64>>>, Halt> {
        if !self.evaluator.renders_prompts() {
            return Ok(vec![None; candidates.len()]);
        }
        let program = self.evaluator.program();
        let pairs = candidates.iter().flat_map(|candidate| examples.iter().map(move |example| (*candidate, *example)));
        let request = |(position, (candidate, example)): (usize, (&Candidate, ExampleIndex))| {
            Some((position, score_request(program, candidate, &self.splits.train[example.0])?))
        };
        let (positions, requests): (Vec<usize>, Vec<ScoreRequest>) = pairs.enumerate().filter_map(request).unzip();
        if requests.is_empty() {
            return Ok(vec![None; candidates.len()]);
        }
        self.require_budget(requests.len() as u64)?;
        let requested = sha256_hex(serde_json::json!(requests).to_string().as_bytes());
        let (found, cost) = match self.recorder.next(&mut self.hooks)? {
            Some(Record::Scores { ask, log_probabilities, cost }) if ask == requested => (log_probabilities, cost),
            Some(other) => return Err(self.recorder.mismatch(&other, format!("scores {requested}")).into()),
            None => {
                let (found, mut cost) = self.evaluator.score(&requests, &mut self.hooks)?;
                cost.elapsed = self.recorder.now();
                self.recorder.append(&Record::Scores { ask: requested, log_probabilities: found.clone(), cost })?;
                (found, cost)
            }
        };
        self.recorder.set_elapsed(cost.elapsed);
        self.spent.add_rollouts(requests.len(), &cost);
        self.spent.scored += requests.len() as u64;
        let mut scores = vec![None; candidates.len() * examples.len()];
        positions.into_iter().zip(found).for_each(|(position, score)| scores[position] = score);
        Ok(scores.chunks(examples.len()).map(|scores| scores.iter().copied().collect()).collect())
    }

    /// Reports a decision. A new decision is appended to the journal; a replayed one must equal the recorded one.
    ///
    /// # Errors
    /// [`Halt::Error`] if the journal has another decision, or cannot be written.
    pub fn log(&mut self, decision: Decision) -> Result<(), Halt> {
        match self.recorder.next(&mut self.hooks)? {
            Some(Record::Note { event: recorded }) if recorded == decision => {}
            Some(other) => return Err(self.recorder.mismatch(&other, serde_json::json!(decision).to_string()).into()),
            None => self.recorder.append(&Record::Note { event: decision.clone() })?,
        }
        self.hooks.emit(&decision.into());
        Ok(())
    }
}

//! The search for a single prompt, as an optimizer.

use rand::seq::SliceRandom;

use super::iteration::{Iteration, ProposedText};
use super::method::SinglePromptMethod;
use super::share::BudgetShare;
use super::trials::Trials;
use crate::data::ExampleIndex;
use crate::engine::ModelId;
use crate::event::{Decision, MethodStep, StopReason};
use crate::optimize::idle::IdleIterations;
use crate::optimize::joining::{self, NewCandidate, early_stop, open_modules};
use crate::optimize::optimizer::Optimizer;
use crate::optimize::pool::Member;
use crate::optimize::reflection::reflectors::Reflectors;
use crate::optimize::session::{Halt, Session};
use crate::program::{Candidate, PoolIndex};

/// The fewest training examples that candidates are compared on, unless there are fewer.
const MIN_EXAMPLES: usize = 5;

/// The most training examples that candidates are compared on.
const MAX_EXAMPLES: usize = 50;

/// The training examples that candidates are compared on if the budget does not limit rollouts.
const EXAMPLES_WITHOUT_ROLLOUT_LIMIT: usize = 16;

/// The most candidates that are validated at the end.
const MAX_FINALISTS: usize = 3;

/// The idle iterations in a row after which a module's turn ends.
const MAX_IDLE: usize = 5;

/// The optimizer that runs a method for a single prompt.
#[derive(Debug)]
pub struct SinglePromptSearch<M> {
    /// The best candidate so far: the seed before the first turn, later the best on the training examples.
    base: Candidate,
    method: M,
    trials: Trials,
    /// The number of the current iteration, from 1.
    iteration: u64,
}

impl<M: SinglePromptMethod> SinglePromptSearch<M> {
    /// Creates a search from `seed`. `reflectors` has at least one model, with its name in the task file.
    #[must_use]
    pub fn new(seed: Candidate, reflectors: Vec<(String, ModelId)>, method: M) -> Self {
        Self { base: seed, method, trials: Trials::new(Reflectors::new(reflectors)), iteration: 0 }
    }

    /// Draws the training examples that candidates are compared on: as many as the method wants, or as many that each module's share of
    /// the budget has room for some iterations. Returns their indices.
    fn draw_examples(&self, session: &Session<'_>, modules: usize) -> Vec<ExampleIndex> {
        let candidates = self.method.affordable_iterations() * (modules.max(1) * self.method.candidates_per_iteration()) as u64;
        let validation = session.validation_size() as u64;
        let affordable = match session.rollouts_left() {
            Some(left) => left.saturating_sub(validation) / candidates,
            None => EXAMPLES_WITHOUT_ROLLOUT_LIMIT as u64,
        };
        let affordable = usize::try_from(affordable).unwrap_or(MAX_EXAMPLES).min(MAX_EXAMPLES);
        let count = self.method.examples(session.train().len()).unwrap_or(affordable).max(MIN_EXAMPLES);
        let mut examples = ExampleIndex::all(session.train().len());
        examples.shuffle(&mut session.random("examples", 0));
        examples.truncate(count);
        examples
    }

    /// Changes one module after the other.
    fn change_all_modules(
        &mut self,
        session: &mut Session<'_>,
        modules: &[usize],
        examples: &[ExampleIndex],
    ) -> Result<StopReason, Halt> {
        let mut reason = StopReason::BudgetSpent;
        for (turn, &module_index) in modules.iter().enumerate() {
            if modules.len() > 1 {
                let module = session.program().modules[module_index].name.clone();
                session.log(Decision::Turn { iteration: self.iteration + 1, module, of: modules.len() })?;
            }
            let share = BudgetShare::new(session, modules.len() - turn);
            reason = self.change_module(session, module_index, examples, share)?;
            if let Some(&leader) = self.trials.leaders(examples.len()).first() {
                self.base = leader.clone();
            }
            if matches!(reason, StopReason::SeedIsPerfect | StopReason::ScoreReached | StopReason::ReflectionsSpent) {
                break;
            }
        }
        Ok(reason)
    }

    /// Changes one module until its share of the budget is spent or nothing is left to try.
    fn change_module(
        &mut self,
        session: &mut Session<'_>,
        module_index: usize,
        examples: &[ExampleIndex],
        share: BudgetShare,
    ) -> Result<StopReason, Halt> {
        let base = self.base.clone();
        let mut idle = IdleIterations::new(MAX_IDLE);
        let (mut best, mut improved) = (None, self.iteration);
        for round in 0_u64.. {
            // The most questions of an iteration, without those that are asked a second time.
            let questions = 2 * self.method.candidates_per_iteration();
            if let Some(reason) = early_stop(session, &self.trials.members, questions as u64) {
                return Ok(reason);
            }
            // The first iteration also runs the base.
            let base_cost = if round == 0 { examples.len() } else { 0 };
            let affordable = share.rollouts_left(session).saturating_sub(base_cost) / examples.len().max(1);
            let affordable = if round == 0 { affordable.div_ceil(2) } else { affordable };
            let max_candidates = affordable.min(self.method.candidates_per_iteration());
            if max_candidates == 0 {
                // If the time is up or there is a stop file, that is the reason.
                session.require_budget(0)?;
                return Ok(StopReason::BudgetSpent);
            }
            session.require_budget((base_cost + max_candidates * examples.len()) as u64)?;
            self.iteration += 1;
            let train = session.train();
            let minibatch = examples.iter().map(|&index| train[index].id.clone()).collect();
            let parents = vec![PoolIndex(self.trials.best_member())];
            session.log(Decision::Iteration { iteration: self.iteration, parents, minibatch })?;
            let before = session.spent().rollouts;
            let mut iteration = Iteration {
                number: self.iteration,
                module_index,
                base: &base,
                examples,
                max_candidates,
                session: &mut *session,
                trials: &mut self.trials,
            };
            if round == 0 {
                let seed = ProposedText { number: 0, text: iteration.base_text().clone(), operator: MethodStep::Seed.into() };
                iteration.run(&[seed], 0..examples.len())?;
                self.method.begin(&mut iteration)?;
            } else {
                self.method.advance(&mut iteration)?;
            }
            let population = self.method.population().into_iter().map(|text| iteration.candidate(text));
            let population: Vec<Candidate> = population.collect();
            self.trials.keep_rollouts(&population);
            idle.record(session, self.iteration, before)?;
            if idle.is_limit_reached() {
                return Ok(StopReason::NothingLeft);
            }
            let leader = self.trials.leaders(examples.len()).first().map(|&leader| leader.clone());
            if leader != best {
                (best, improved) = (leader, self.iteration);
            } else if session.limits().patience.is_some_and(|patience| self.iteration >= improved + patience) {
                return Ok(StopReason::NoImprovement);
            }
            // If time or tokens can end the search, the leader is validated at once instead of after 1, 2, 4, … iterations.
            let limits = session.limits();
            let may_end = limits.rollouts.is_none() || limits.seconds.is_some() || limits.tokens.is_some();
            let is_due = may_end || (round + 1).is_power_of_two();
            if is_due && share.may_validate(session) {
                self.trials.validate_leaders(session, self.iteration, examples.len(), 1)?;
            }
        }
        Ok(StopReason::NothingLeft)
    }
}

impl<M: SinglePromptMethod> Optimizer for SinglePromptSearch<M> {
    fn search(&mut self, session: &mut Session<'_>) -> Result<StopReason, Halt> {
        let seed = joining::validate(session, &[], 0, NewCandidate::seed(self.base.clone()))?;
        self.trials.members.push(seed);
        let modules = open_modules(session);
        let examples = self.draw_examples(session, modules.len());
        loop {
            let limits = session.limits();
            let reason = self.change_all_modules(session, &modules, &examples)?;
            self.trials.validate_leaders(session, self.iteration, examples.len(), MAX_FINALISTS)?;
            // A finished run that is resumed under other limits goes on with another round, from its best candidate.
            if session.limits() == limits {
                return Ok(reason);
            }
        }
    }

    fn members(&mut self) -> &mut Vec<Member> {
        &mut self.trials.members
    }
}

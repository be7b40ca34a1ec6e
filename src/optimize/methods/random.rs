//! The control: validates as many rewrites of the seed as the budget holds, and keeps the best.
//!
//! The prompt and the reading of the answer are those of GEPA's operator `rewrite`. There is no selection of parents, no gate and no
//! population.

use std::collections::BTreeSet;

use crate::data::split::Split;
use crate::data::{Example, ExampleIndex};
use crate::engine::ModelId;
use crate::evaluate::Scored;
use crate::event::{Decision, Origin, Purpose, StopReason};
use crate::optimize::idle::IdleIterations;
use crate::optimize::joining::{self, NewCandidate, early_stop, open_modules};
use crate::optimize::minibatch::Minibatches;
use crate::optimize::operators::rewrite::{read_rewrite, rewrite_prompt};
use crate::optimize::operators::{Evidence, Operator};
use crate::optimize::optimizer::Optimizer;
use crate::optimize::pool::Member;
use crate::optimize::reflection::profile::profile_module;
use crate::optimize::reflection::reflectors::{Reflection, Reflectors};
use crate::optimize::reflection::unusable::{Attempt, Unusable};
use crate::optimize::session::{Halt, Session};
use crate::program::{Candidate, ModuleText, PoolIndex};

/// The idle iterations in a row that end a search. A search over more minibatches per epoch has as many idle iterations as these.
const MIN_IDLE: usize = 5;

/// The optimizer.
#[derive(Debug)]
pub struct Random {
    seed: Candidate,
    reflectors: Reflectors,
    members: Vec<Member>,
    tried: BTreeSet<Candidate>,
}

impl Random {
    /// Creates a search from `seed`. `reflectors` has at least one model, with its name in the task file.
    #[must_use]
    pub fn new(seed: Candidate, reflectors: Vec<(String, ModelId)>) -> Self {
        Self { seed, reflectors: Reflectors::new(reflectors), members: Vec::new(), tried: BTreeSet::new() }
    }

    /// Asks for one rewrite of a module of the seed, and validates it.
    fn try_rewrite(
        &mut self,
        session: &mut Session<'_>,
        iteration: u64,
        module_index: usize,
        batch: &[ExampleIndex],
    ) -> Result<(), Halt> {
        let train = session.train();
        let minibatch = batch.iter().map(|&index| train[index].id.clone()).collect();
        session.log(Decision::Iteration { iteration, parents: vec![PoolIndex::SEED], minibatch })?;
        let rollouts = session.evaluate(Purpose::Parent, Split::Train, &self.seed, batch)?;
        if rollouts.iter().all(|scored| scored.score() >= Some(1.0)) {
            return session.log(Decision::Perfect { iteration, parent: PoolIndex::SEED });
        }
        let examples: Vec<&Example> = batch.iter().map(|&index| &train[index]).collect();
        let rollouts: Vec<&Scored> = rollouts.iter().map(|scored| &**scored).collect();
        let evidence = Evidence {
            reflector: self.reflectors.for_iteration(iteration).1,
            module_index,
            text: &self.seed.0[module_index],
            profile: &profile_module(&session.program().modules[module_index], train),
            rollouts: &rollouts,
            minibatch: &examples,
            correct_calls: &[],
            seen: &[],
            contrasts: &[],
            rejected: &[],
            diagnoses: &[],
        };
        let operator = Origin::from(Operator::Rewrite);
        let question = Reflection {
            attempt: Attempt { proposal: 1, module_index, operator },
            parent: PoolIndex::SEED,
            prompt: evidence.with_input(session, rewrite_prompt),
            max_tokens: session.plan().reflection_tokens,
            temperature: session.plan().reflection_temperature,
        };
        let texts = self.reflectors.ask(session, iteration, "reflection", &[question], &|session, _, completion| {
            let text = evidence.with_input(session, |input| read_rewrite(input, completion))?;
            let was_tried = |text: &ModuleText| self.tried.contains(&self.seed.with(module_index, text.clone()));
            if was_tried(&text) { Err(Unusable::Repeated) } else { Ok(text) }
        })?;
        for text in texts.into_iter().flatten() {
            let candidate = self.seed.with(module_index, text);
            self.tried.insert(candidate.clone());
            let operators = [(module_index, operator)];
            joining::try_change_of_seed(session, &mut self.members, iteration, candidate, &operators)?;
        }
        Ok(())
    }
}

impl Optimizer for Random {
    fn search(&mut self, session: &mut Session<'_>) -> Result<StopReason, Halt> {
        let seed = joining::validate(session, &[], 0, NewCandidate::seed(self.seed.clone()))?;
        self.tried.insert(self.seed.clone());
        self.members.push(seed);
        let modules = open_modules(session);
        let mut batches = Minibatches::new(session.train().len(), session.plan().minibatch);
        let mut idle = IdleIterations::new(MIN_IDLE.max(batches.in_epoch()));
        for (iteration, &module_index) in (1..).zip(modules.iter().cycle()) {
            if let Some(reason) = early_stop(session, &self.members, 2) {
                return Ok(reason);
            }
            let batch = batches.deal(|epoch| session.random("minibatch", epoch));
            session.require_budget((batch.len() + session.validation_size()) as u64)?;
            let before = session.spent().rollouts;
            self.try_rewrite(session, iteration, module_index, &batch)?;
            idle.record(session, iteration, before)?;
            if idle.is_limit_reached() {
                return Ok(StopReason::NothingLeft);
            }
        }
        Ok(StopReason::NothingLeft)
    }

    fn members(&mut self) -> &mut Vec<Member> {
        &mut self.members
    }
}

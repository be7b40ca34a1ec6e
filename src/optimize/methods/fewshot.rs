//! The controls without a reflector: the label list alone, and the best of several random sets of demonstrations.
//!
//! A search that does not beat `fewshot` under the same budget has not earned its iterations.

use std::collections::BTreeSet;

use crate::config::{FewshotPlan, Operator};
use crate::engine::ModelId;
use crate::event::{Decision, StopReason};
use crate::optimize::idle::IdleIterations;
use crate::optimize::joining::{self, NewCandidate, early_stop, open_modules};
use crate::optimize::operators::computed_text;
use crate::optimize::optimizer::Optimizer;
use crate::optimize::pool::Member;
use crate::optimize::reflection::reflectors::Reflectors;
use crate::optimize::session::{Halt, Session};
use crate::program::{Candidate, PoolIndex};

/// The draws in a row that give no new candidate and end a search.
const MOST_IDLE: usize = 5;

/// An optimizer that validates texts of one operator, applied to all modules of the seed. It asks no reflector.
#[derive(Debug)]
pub struct Control {
    seed: Candidate,
    /// The models whose contexts operators may count on; none is asked.
    reflectors: Reflectors,
    operator: Operator,
    /// The most draws.
    most: u64,
    /// The share of a module's tokens that a draw may fill.
    room: f64,
    members: Vec<Member>,
    tried: BTreeSet<Candidate>,
}

impl Control {
    /// Adds to the seed what the training data says about the outputs: the list of labels of a closed set.
    #[must_use]
    pub fn label_list(seed: Candidate, reflectors: Vec<(String, ModelId)>) -> Self {
        Self::new(seed, reflectors, Operator::Format, &FewshotPlan { draws: Some(1), ..FewshotPlan::default() })
    }

    /// Adds the list of labels and as many random demonstrations as fit, the labels in turn. It validates as many draws as the
    /// plan allows and the budget holds.
    #[must_use]
    pub fn fewshot(seed: Candidate, reflectors: Vec<(String, ModelId)>, plan: &FewshotPlan) -> Self {
        Self::new(seed, reflectors, Operator::Examples, plan)
    }

    fn new(seed: Candidate, reflectors: Vec<(String, ModelId)>, operator: Operator, plan: &FewshotPlan) -> Self {
        let (reflectors, most) = (Reflectors::new(reflectors), plan.draws.map_or(u64::MAX, |draws| draws as u64));
        Self { seed, reflectors, operator, most, room: plan.room, members: Vec::new(), tried: BTreeSet::new() }
    }

    /// Applies the operator to every module of the seed that may change and that it can change. Returns the candidate, and the
    /// indices of the changed modules.
    fn draw(&self, session: &Session<'_>, iteration: u64) -> (Candidate, Vec<usize>) {
        let mut candidate = self.seed.clone();
        let mut changed = Vec::new();
        let mut random = session.random("operator", iteration);
        for module_index in open_modules(session) {
            let (reflector, seed) = (self.reflectors.for_iteration(iteration).1, &self.seed.0[module_index]);
            let made = computed_text(session, reflector, module_index, seed, (self.operator, self.room), &mut random);
            if let Some(text) = made {
                candidate = candidate.with(module_index, text);
                changed.push(module_index);
            }
        }
        (candidate, changed)
    }

    /// Draws a candidate, and validates it if it is new.
    fn try_draw(&mut self, session: &mut Session<'_>, iteration: u64) -> Result<(), Halt> {
        session.log(Decision::Iteration { iteration, parents: vec![PoolIndex::SEED], minibatch: Vec::new() })?;
        let (candidate, changed) = self.draw(session, iteration);
        if !self.tried.insert(candidate.clone()) {
            return Ok(());
        }
        let operators: Vec<_> = changed.into_iter().map(|module| (module, self.operator.into())).collect();
        joining::try_change_of_seed(session, &mut self.members, iteration, candidate, &operators)
    }
}

impl Optimizer for Control {
    fn search(&mut self, session: &mut Session<'_>) -> Result<StopReason, Halt> {
        let seed = joining::validate(session, &[], 0, NewCandidate::seed(self.seed.clone()))?;
        self.tried.insert(self.seed.clone());
        self.members.push(seed);
        let mut idle = IdleIterations::new(MOST_IDLE);
        for iteration in 1.. {
            if let Some(reason) = early_stop(session, &self.members, 0) {
                return Ok(reason);
            }
            session.require_budget(session.validation_size() as u64)?;
            let before = session.spent().rollouts;
            self.try_draw(session, iteration)?;
            idle.record(session, iteration, before)?;
            if idle.is_limit_reached() || iteration >= self.most {
                break;
            }
        }
        Ok(StopReason::NothingLeft)
    }

    fn members(&mut self) -> &mut Vec<Member> {
        &mut self.members
    }
}

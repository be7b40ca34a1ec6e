//! The optimizer: validates the seed, then iterates until a limit is reached.

use super::budget;
use super::reflector_choice::ReflectorChoice;
use super::state::SearchState;
use super::validate::{self, Bar};
use super::{merge_step, mutate, prune, seed_demonstrations};
use crate::config::Frontier;
use crate::engine::ModelId;
use crate::error::RunError;
use crate::event::StopReason;
use crate::optimize::idle::IdleIterations;
use crate::optimize::joining::NewCandidate;
use crate::optimize::minibatch::Minibatches;
use crate::optimize::optimizer::Optimizer;
use crate::optimize::pool::{Member, best_mean};
use crate::optimize::reflection::profile::profile_module;
use crate::optimize::session::{Halt, Session};
use crate::program::{Candidate, PoolIndex};

/// The fewest idle iterations in a row that end a search. Where an epoch has more minibatches, it takes as many.
const FEWEST_IDLE: usize = 5;

/// The optimizer GEPA.
#[derive(Debug)]
pub struct Gepa {
    seed: Candidate,
    state: SearchState,
}

impl Gepa {
    /// Starts a search from `seed`. `reflectors` has the names and the models of the reflectors, at least one.
    #[must_use]
    pub fn new(seed: Candidate, reflectors: Vec<(String, ModelId)>) -> Self {
        Self { seed, state: SearchState { reflectors, ..SearchState::default() } }
    }
}

impl Optimizer for Gepa {
    fn search(&mut self, session: &mut Session<'_>) -> Result<StopReason, Halt> {
        let state = &mut self.state;
        state.tried.insert(self.seed.clone());
        validate::validate(state, session, 0, vec![NewCandidate::seed(self.seed.clone())], Bar::Best)?;
        let plan = session.plan();
        let sizes: Vec<u64> = state.reflectors.iter().map(|(_, model)| session.model_bytes(*model)).collect();
        state.reflector_choice = ReflectorChoice::new(&sizes);
        let seed_mean = state.members[PoolIndex::SEED].mean();
        if seed_mean >= 1.0 {
            return Ok(StopReason::SeedIsPerfect);
        }
        state.profiles = session.program().modules.iter().map(|module| profile_module(module, session.train())).collect();
        let mut minibatches = Minibatches::new(session.train().len(), plan.minibatch);
        let mut idle = IdleIterations::new(minibatches.in_epoch().max(FEWEST_IDLE));
        let (mut best, mut last_improvement) = (seed_mean, 0);
        for iteration in 1.. {
            if plan.frontier != Frontier::Example && state.members.iter().any(lacks_objectives) {
                let cause = "the metric names no objectives, which `optimize.frontier` compares candidates on; leave it out";
                return Err(RunError::Plan(cause.into()).into());
            }
            let mut ended = None;
            if best >= session.limits().score {
                ended = Some(StopReason::ScoreReached);
            } else if session.limits().patience.is_some_and(|patience| iteration > last_improvement + patience) {
                ended = Some(StopReason::NoImprovement);
            } else if idle.is_limit_reached() {
                ended = Some(StopReason::NothingLeft);
            }
            if iteration == 1 && ended.is_none() {
                seed_demonstrations::gather(state, session, &self.seed, &mut minibatches)?;
            }
            let proposals = budget::most_proposals(state, session);
            let needed = budget::worst_case(state, session, proposals);
            if ended.is_none() && budget::reflections_left(state, session) == Some(0) {
                ended = Some(StopReason::ReflectionsSpent);
            }
            if ended.is_some() || !session.has_budget_for(needed + prune::reserve(state, session))? {
                if prune::prune(state, session, iteration)? {
                    continue;
                }
                // What was reserved for pruning and is not needed for it is left to an iteration.
                match ended {
                    Some(reason) => return Ok(reason),
                    None => session.require_budget(needed)?,
                }
            }
            let charged_before = session.spent().rollouts;
            if !merge_step::merge(state, session, iteration)? {
                mutate::mutate(state, session, iteration, proposals, &mut minibatches)?;
            }
            let mean = best_mean(&state.members);
            if mean > best {
                (best, last_improvement) = (mean, iteration);
            }
            idle.record(session, iteration, charged_before)?;
        }
        Ok(StopReason::NothingLeft)
    }

    fn members(&mut self) -> &mut Vec<Member> {
        &mut self.state.members
    }
}

/// Whether a member shows that the metric names no objectives. A member whose every rollout failed names none either, so
/// only one with a mean above 0 shows it.
fn lacks_objectives(member: &Member) -> bool {
    member.mean() > 0.0 && member.objectives.is_empty()
}

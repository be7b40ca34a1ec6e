//! The steps of the search, and the final choice.

use super::candidates::{Candidates, spread};
use super::step::{Child, Step};
use crate::config::SimbaPlan;
use crate::data::split::Split;
use crate::engine::ModelId;
use crate::evaluate::scores::{mean, rounded};
use crate::event::{Decision, Origin, Purpose, StopReason};
use crate::optimize::joining::{self, NewCandidate, Proposal, early_stop, open_modules};
use crate::optimize::minibatch::Minibatches;
use crate::optimize::optimizer::Optimizer;
use crate::optimize::pool::Member;
use crate::optimize::reflection::reflectors::Reflectors;
use crate::optimize::reuse::EvaluationRequest;
use crate::optimize::session::{Halt, Session};
use crate::program::{Candidate, PoolIndex};

/// The steps for which the budget should have room. The minibatch is smaller if it has not.
const AFFORDED_STEPS: u64 = 3;

/// The fewest examples of a minibatch.
const MIN_MINIBATCH: usize = 2;

/// At most one in this many of the rollouts is reserved for the validations at the end, unless one validation needs more.
const VALIDATION_SHARE: u64 = 4;

/// The optimizer.
#[derive(Debug)]
pub struct Simba {
    reflectors: Reflectors,
    members: Vec<Member>,
    plan: SimbaPlan,
    candidates: Candidates,
    /// The winner of each step, as the index of a candidate; the seed first.
    winners: Vec<usize>,
}

impl Simba {
    /// Creates a search from `seed` with the numbers of `plan`. `reflectors` has at least one model, with its name in the task file.
    #[must_use]
    pub fn new(seed: Candidate, reflectors: Vec<(String, ModelId)>, plan: SimbaPlan) -> Self {
        let (reflectors, candidates) = (Reflectors::new(reflectors), Candidates::new(seed));
        Self { reflectors, members: Vec::new(), plan, candidates, winners: vec![0] }
    }

    /// Returns the rollouts that the validations at the end may cost.
    fn reserve(&self, session: &Session<'_>) -> u64 {
        let validation = session.validation_size() as u64;
        let all = (self.plan.candidates as u64 + 1) * validation;
        let share = session.rollouts_left().unwrap_or(u64::MAX) / VALIDATION_SHARE;
        all.min(share.max(validation))
    }

    /// Returns the size of the minibatches.
    fn minibatch(&self, session: &Session<'_>, reserve: u64) -> usize {
        let cost = AFFORDED_STEPS * (2 * self.plan.candidates as u64 + 1);
        let affordable = session.rollouts_left().map_or(u64::MAX, |left| left.saturating_sub(reserve) / cost);
        usize::try_from(affordable).unwrap_or(usize::MAX).max(MIN_MINIBATCH).min(self.plan.minibatch).min(session.train().len())
    }

    /// Makes steps until all are made, the budget does not hold another, or there is a reason to stop early ([`early_stop`]).
    fn climb(
        &mut self,
        session: &mut Session<'_>,
        batches: &mut Minibatches,
        cost: u64,
        reserve: u64,
    ) -> Result<StopReason, Halt> {
        let questions = (self.plan.candidates + 1) * open_modules(session).len();
        while self.winners.len() <= self.plan.steps {
            if let Some(reason) = early_stop(session, &self.members, 2 * questions as u64) {
                return Ok(reason);
            }
            if !session.has_budget_for(cost + reserve)? {
                return Ok(StopReason::BudgetSpent);
            }
            self.step(session, batches)?;
            // If rollouts are not limited, or time or tokens are, the search may end before the validations at the end. So a
            // winner is validated at once.
            let limits = session.limits();
            if limits.rollouts.is_none() || limits.seconds.is_some() || limits.tokens.is_some() {
                self.validate(session, self.winners.last().copied())?;
            }
        }
        Ok(StopReason::TrialsDone)
    }

    /// Makes one step: draws answers, makes children from them, scores the children on the same minibatch, and adds the winner.
    fn step(&mut self, session: &mut Session<'_>, batches: &mut Minibatches) -> Result<(), Halt> {
        let iteration = self.winners.len() as u64;
        let minibatch = batches.deal(|epoch| session.random("minibatch", epoch));
        let ids = minibatch.iter().map(|index| session.train()[index.0].id.clone()).collect();
        session.log(Decision::Iteration { iteration, parents: vec![PoolIndex::SEED], minibatch: ids })?;
        let (candidates, plan, reflectors) = (&self.candidates, &self.plan, &self.reflectors);
        let step = Step { iteration, minibatch: &minibatch, candidates, plan, reflectors };
        let rollouts = step.draw(session)?;
        let children = step.children(session, &rollouts)?;
        drop(rollouts);
        for Child { number, operator, candidate } in &children {
            let changed = (0..candidate.0.len()).filter(|&module| candidate.0[module] != self.candidates.candidate(0).0[module]);
            let operators: Vec<(usize, Origin)> = changed.map(|module| (module, Origin::from(*operator))).collect();
            let proposal = Proposal { iteration, number: *number, parent: PoolIndex::SEED };
            joining::log_proposal(session, proposal, candidate, &operators)?;
        }
        let requests: Vec<EvaluationRequest<'_>> =
            children.iter().map(|child| EvaluationRequest { candidate: &child.candidate, example_indices: &minibatch }).collect();
        let answers = session.evaluate_while(Purpose::Trial, Split::Train, &requests, &mut |_, _| true)?;
        let mut winner = None;
        for (Child { number, candidate, .. }, answers) in children.into_iter().zip(answers) {
            let scores: Vec<Option<f64>> =
                answers.iter().map(|answer| answer.as_ref().and_then(|scored| scored.score())).collect();
            let mean = mean(&scores).unwrap_or(0.0);
            session.log(Decision::Tried { iteration, proposal: number, split: Split::Train, examples: minibatch.len(), mean })?;
            let index = self.candidates.register(candidate, scores.into_iter().map(|score| score.unwrap_or(0.0)).collect());
            let mean = rounded(self.candidates.mean(index));
            winner = winner.filter(|&(_, best)| best >= mean).or(Some((index, mean)));
        }
        // A step without a child has the winner of the step before it.
        let winner = winner.map(|(index, _)| index).or(self.winners.last().copied());
        self.winners.extend(winner);
        Ok(())
    }

    /// Validates winners that are evenly spread over the steps, the latest first, as far as the budget has room.
    fn validate_winners(&mut self, session: &mut Session<'_>) -> Result<(), Halt> {
        let chosen = spread(self.winners.len(), self.plan.candidates + 1);
        chosen.into_iter().rev().try_for_each(|index| self.validate(session, self.winners.get(index).copied()))
    }

    /// Validates a candidate unless it is in the pool already or the budget has no room.
    fn validate(&mut self, session: &mut Session<'_>, index: Option<usize>) -> Result<(), Halt> {
        let Some(candidate) = index.map(|index| self.candidates.candidate(index).clone()) else { return Ok(()) };
        let is_member = self.members.iter().any(|member| member.candidate == candidate);
        if !is_member && session.has_budget_for(session.validation_size() as u64)? {
            let iteration = self.winners.len() as u64 - 1;
            let new = NewCandidate::child(candidate, PoolIndex::SEED, 0);
            self.members.push(joining::validate(session, &self.members, iteration, new)?);
        }
        Ok(())
    }
}

impl Optimizer for Simba {
    fn search(&mut self, session: &mut Session<'_>) -> Result<StopReason, Halt> {
        let seed = joining::validate(session, &[], 0, NewCandidate::seed(self.candidates.candidate(0).clone()))?;
        self.members.push(seed);
        let reserve = self.reserve(session);
        let minibatch = self.minibatch(session, reserve);
        let cost = (minibatch * (2 * self.plan.candidates + 1)) as u64;
        let mut batches = Minibatches::new(session.train().len(), minibatch);
        loop {
            let limits = session.limits();
            let reason = self.climb(session, &mut batches, cost, reserve)?;
            self.validate_winners(session)?;
            // A finished run that is resumed under other limits goes on with more steps.
            if session.limits() == limits {
                return Ok(reason);
            }
        }
    }

    fn members(&mut self) -> &mut Vec<Member> {
        &mut self.members
    }
}

//! The candidates that a search has tried on training examples, and those that it has validated.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fitness::Fitness;
use crate::data::ExampleIndex;
use crate::evaluate::Scored;
use crate::optimize::joining::{self, NewCandidate};
use crate::optimize::pool::{Member, ranking};
use crate::optimize::reflection::reflectors::Reflectors;
use crate::optimize::session::{Halt, Session};
use crate::program::{Candidate, PoolIndex};

/// The state of a search.
#[derive(Debug)]
pub(super) struct Trials {
    /// The models that write instructions.
    pub(super) reflectors: Reflectors,
    /// The validated candidates, the seed first.
    pub(super) members: Vec<Member>,
    /// The candidates that were run on training examples.
    pub(super) tried: BTreeMap<Candidate, Tried>,
}

/// What is known about a candidate that was tried.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) fitness: Fitness,
    /// The pool index of the candidate that was the best when this one was first tried.
    pub(super) parent: usize,
    /// The rollouts, with the indices of their training examples. Empty once no iteration reads them any more.
    pub(super) rollouts: Vec<(ExampleIndex, Arc<Scored>)>,
}

impl Trials {
    /// Creates an empty state.
    pub(super) fn new(reflectors: Reflectors) -> Self {
        Self { reflectors, members: Vec::new(), tried: BTreeMap::new() }
    }

    /// Returns the pool index of the best validated candidate.
    pub(super) fn best_member(&self) -> usize {
        ranking(&self.members).first().map_or(0, |best| best.0)
    }

    /// Drops the rollouts of all candidates but these. Rollouts take by far the most memory of a search.
    pub(super) fn keep_rollouts(&mut self, candidates: &[Candidate]) {
        let others = self.tried.iter_mut().filter(|(candidate, _)| !candidates.contains(candidate));
        others.for_each(|(_, tried)| tried.rollouts = Vec::new());
    }

    /// Returns the candidates that were run on all of `examples` examples, the best first.
    pub(super) fn leaders(&self, examples: usize) -> Vec<&Candidate> {
        let all = self.tried.iter().filter(|(_, tried)| tried.fitness.examples == examples);
        let mut all: Vec<(&Candidate, &Fitness)> = all.map(|(candidate, tried)| (candidate, &tried.fitness)).collect();
        all.sort_by(|a, b| a.1.order(b.1));
        all.into_iter().map(|(candidate, _)| candidate).collect()
    }

    /// Validates the best `most` candidates that were run on all of `examples` examples and did no worse there than the seed, as far
    /// as the budget has room.
    pub(super) fn validate_leaders(
        &mut self,
        session: &mut Session<'_>,
        iteration: u64,
        examples: usize,
        most: usize,
    ) -> Result<(), Halt> {
        let scores = |candidate: &Candidate| self.tried.get(candidate).map(|tried| (tried.fitness.mean, tried.fitness.closeness));
        let seed_scores = self.members.first().and_then(|seed| scores(&seed.candidate)).unwrap_or((0.0, 0.0));
        let is_as_good = |candidate: &&Candidate| scores(candidate).is_some_and(|scores| scores >= seed_scores);
        let finalists: Vec<Candidate> = self.leaders(examples).into_iter().filter(is_as_good).take(most).cloned().collect();
        for candidate in finalists {
            let is_member = self.members.iter().any(|member| member.candidate == candidate);
            if !is_member && session.has_budget_for(session.validation_size() as u64)? {
                let parent = self.tried.get(&candidate).map_or_else(|| self.best_member(), |tried| tried.parent);
                // The candidate may have been proposed in an earlier iteration, so its proposal has no number in this one.
                let new = NewCandidate::child(candidate, PoolIndex(parent), 0);
                let member = joining::validate(session, &self.members, iteration, new)?;
                self.members.push(member);
            }
        }
        Ok(())
    }
}

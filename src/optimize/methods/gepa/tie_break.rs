//! Ties at the gate: of two prompts that are right equally often, the one that makes the right answers more likely is better.
//!
//! Four right or wrong answers tie in a third of all pairs. The log-probability of the right answers decides most of these pairs
//! correctly, and costs as much as a rollout. It decides ties only: among prompts that differ in more, it prefers the longer one.

use std::collections::BTreeMap;

use super::budget;
use super::iteration::{Child, Minibatch, Parent};
use super::state::SearchState;
use crate::evaluate::scores::mean;
use crate::optimize::session::{Halt, Session};
use crate::program::Candidate;

/// The mean log-probabilities of the right answers after the prompts of a parent and its child.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likelihoods {
    /// After the parent's prompt.
    pub parent: f64,
    /// After the child's prompt.
    pub child: f64,
}

/// Scores the right answers to the minibatch for the children in `tied`, which are indices, and for their parents. A child is left
/// out of the result if an answer cannot be scored, or if both are equally likely.
///
/// Nothing is scored if the budget would then not hold the validations of the children.
pub fn compare(
    state: &SearchState,
    session: &mut Session<'_>,
    parents: &[Parent],
    children: &[Child],
    tied: &[usize],
    minibatch: &Minibatch,
) -> Result<BTreeMap<usize, Likelihoods>, Halt> {
    let mut candidates: Vec<&Candidate> = Vec::new();
    for &child in tied {
        let parent = &state.members[parents[children[child].parent].index].candidate;
        for candidate in [parent, &children[child].candidate] {
            if !candidates.contains(&candidate) {
                candidates.push(candidate);
            }
        }
    }
    let asked = candidates.len() * minibatch.examples.len();
    if asked == 0 || !session.has_budget_for((asked + budget::validations(session, children.len())) as u64)? {
        return Ok(BTreeMap::new());
    }
    let found = session.log_probabilities(&candidates, &minibatch.examples)?;
    let means = found.into_iter().map(|scores| mean(&scores?.into_iter().map(Some).collect::<Vec<_>>()));
    let means: BTreeMap<&Candidate, Option<f64>> = candidates.into_iter().zip(means).collect();
    let mean_of = |candidate: &Candidate| means.get(candidate).copied().flatten();
    let likelihoods = |&child: &usize| {
        let parent = mean_of(&state.members[parents[children[child].parent].index].candidate)?;
        let likelihoods = Likelihoods { parent, child: mean_of(&children[child].candidate)? };
        (likelihoods.parent != likelihoods.child).then_some((child, likelihoods))
    };
    Ok(tied.iter().filter_map(likelihoods).collect())
}

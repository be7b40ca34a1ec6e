//! How much an iteration can cost, and how much the budget still holds.

use super::merge;
use super::state::SearchState;
use crate::config::{Keep, ModuleSelection, Parents};
use crate::optimize::joining;
use crate::optimize::session::Session;

/// Returns the number of proposals of the next iteration: as many as the plan has, fewer where the rest of the budget does
/// not hold the worst case of more. At least 1.
pub fn most_proposals(state: &SearchState, session: &Session<'_>) -> usize {
    let is_held = |&proposals: &usize| session.rollouts_left().is_none_or(|left| worst_case(state, session, proposals) <= left);
    (1..=session.plan().proposals).rev().find(is_held).unwrap_or(1)
}

/// Returns the most rollouts that an iteration of so many proposals can charge: parents and children on a minibatch and the
/// validations of the children that are kept, or the gate and the validation of a merge.
pub fn worst_case(state: &SearchState, session: &Session<'_>, proposals: usize) -> u64 {
    let plan = session.plan();
    let minibatch = plan.minibatch.min(session.train().len());
    let validation = session.validation_size();
    let parents = if plan.parents == Some(Parents::Several) { proposals.min(state.members.len()) } else { 1 };
    let seed_minibatch = state.seed_minibatches.front().map_or(0, Vec::len);
    let gate = ((parents + proposals) * minibatch).max(proposals * seed_minibatch);
    let mutation = gate + validations(session, proposals);
    let merge = if merges(session) { merge::GATE_EXAMPLES + validation } else { 0 };
    mutation.max(merge) as u64
}

/// Returns how many undecided children an iteration of so many proposals, whose parents were run, can gate again on a minibatch
/// within the rest of the budget.
pub fn gated_again(session: &Session<'_>, proposals: usize, minibatch: usize) -> usize {
    let Some(left) = session.rollouts_left() else { return usize::MAX };
    let reserved = proposals * minibatch + validations(session, proposals);
    let rest = left.saturating_sub(reserved as u64);
    let keeps_all = session.plan().keep == Some(Keep::All);
    let each = minibatch + if keeps_all { session.validation_size() } else { 0 };
    usize::try_from(rest).unwrap_or(usize::MAX) / each.max(1)
}

/// Returns the most validation rollouts that so many children can be charged: those of all that are kept.
pub fn validations(session: &Session<'_>, children: usize) -> usize {
    let kept = if session.plan().keep == Some(Keep::All) { children } else { 1 };
    kept * session.validation_size()
}

/// Whether candidates are merged: the plan says so, and the program has more than one module.
pub fn merges(session: &Session<'_>) -> bool {
    session.plan().merge && session.program().modules.len() > 1
}

/// Returns how many texts reflectors may still be asked for; None where nothing limits them.
pub fn reflections_left(state: &SearchState, session: &Session<'_>) -> Option<u64> {
    most_reflections(session).map(|most| most.saturating_sub(state.reflected_texts))
}

/// Returns the most texts that reflectors are asked for: as many as the plan says, else as many as all iterations can ask
/// for if each charges no more than one minibatch to the budget.
fn most_reflections(session: &Session<'_>) -> Option<u64> {
    let plan = session.plan();
    let minibatches = session.limits().rollouts.map(|most| most.div_ceil(plan.minibatch as u64));
    session.limits().reflections.or(minibatches.map(|minibatches| minibatches * reflections_of_iteration(session)))
}

/// Returns how many texts an iteration may ask reflectors for, second attempts not counted.
fn reflections_of_iteration(session: &Session<'_>) -> u64 {
    let plan = session.plan();
    let modules = if plan.module_selection == ModuleSelection::RoundRobin { 1 } else { joining::open_modules(session).len() };
    (plan.proposals * modules) as u64
}

//! One iteration of mutation: steps 1 to 8 of the algorithm, for one or several proposals.

use super::state::SearchState;
use super::validate::{self, Bar};
use super::{parents, propose, run_gate};
use crate::event::Decision;
use crate::optimize::joining::NewCandidate;
use crate::optimize::minibatch::Minibatches;
use crate::optimize::session::{Halt, Session};
use crate::program::PoolIndex;

/// Runs one iteration with up to `proposals` proposals. Children that pass the gate join the pool.
///
/// Difference from the paper, which has one proposal: all proposals of an iteration share a minibatch, and their rollouts
/// one wave.
pub fn mutate(
    state: &mut SearchState,
    session: &mut Session<'_>,
    iteration: u64,
    proposals: usize,
    minibatches: &mut Minibatches,
) -> Result<(), Halt> {
    let drawn = parents::draw(state, session, iteration, proposals);
    let mut distinct: Vec<PoolIndex> = Vec::new();
    for &parent in &drawn {
        if !distinct.contains(&parent) {
            distinct.push(parent);
        }
    }
    let minibatch = parents::draw_minibatch(state, session, iteration, &distinct, minibatches);
    let train = session.train();
    session.log(Decision::Iteration {
        iteration,
        parents: distinct.clone(),
        minibatch: minibatch.examples.iter().map(|&example| train[example].id.clone()).collect(),
    })?;
    let parents = parents::run(state, session, iteration, &distinct, &minibatch)?;
    // One proposal for each draw of a parent that was not perfect on the minibatch.
    let proposals: Vec<usize> =
        drawn.iter().filter_map(|&drawn| parents.iter().position(|parent| parent.index == drawn)).collect();
    let children = propose::propose(state, session, iteration, &parents, &proposals, &minibatch)?;
    let kept = run_gate::run(state, session, iteration, &parents, children, &minibatch)?;
    let new = kept.iter().map(|child| NewCandidate::child(child.candidate.clone(), parents[child.parent].index, child.proposal));
    let first = state.members.len();
    let complete = validate::validate(state, session, iteration, new.collect(), Bar::Best)?;
    for (child, index) in kept.iter().zip(first..) {
        let (member, parent) = (&state.members[PoolIndex(index)], &state.members[parents[child.parent].index]);
        // The parent may be partially validated: the lead counts the examples that both were scored on.
        let is_improvement = member.complete && member.scores.lead(&parent.scores) > 0.0;
        propose::record_outcome(state, session, child, is_improvement);
    }
    (0..complete).for_each(|_| state.merge_schedule.child_accepted(session.plan().max_merges));
    Ok(())
}

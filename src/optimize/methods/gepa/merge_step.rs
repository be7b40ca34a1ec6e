//! An iteration that merges two candidates in place of changing one.

use super::budget;
use super::gate::ScoreSums;
use super::merge_finder::Merge;
use super::select;
use super::state::SearchState;
use super::validate::{self, Bar};
use crate::data::split::Split;
use crate::event::{Decision, Purpose};
use crate::optimize::joining::{self, NewCandidate};
use crate::optimize::session::{Halt, Session};

/// Merges two candidates, if a merge is due and there are two that can be merged. The merged candidate is compared with
/// both parents on a few validation examples, and validated where it is worse than neither. Returns whether a merge was
/// tried, accepted or not.
pub fn merge(state: &mut SearchState, session: &mut Session<'_>, iteration: u64) -> Result<bool, Halt> {
    if !budget::merges(session) || !state.merge_schedule.take_turn() {
        return Ok(false);
    }
    let weights = select::weights(session.plan(), &state.members);
    let mut random = session.random("merge", iteration);
    let Some(merge) = state.merge_finder.find(&state.members, &weights, &state.tried, &mut random) else {
        session.log(Decision::NothingToMerge { iteration })?;
        return Ok(false);
    };
    let Merge { parents, ancestor, candidate, examples } = merge;
    session.log(Decision::Merging {
        iteration,
        parents,
        ancestor,
        instructions: joining::instructions_by_module(session, &candidate),
        examples: examples.iter().map(|&example| session.validation_id(example).to_owned()).collect(),
        key: candidate.key(),
    })?;
    state.tried.insert(candidate.clone());
    let rollouts = session.evaluate(Purpose::MergeGate, Split::Val, &candidate, &examples)?;
    let child_scores: Vec<Option<f64>> = rollouts.iter().map(|scored| scored.score()).collect();
    let sums = parents.map(|parent| {
        let scores = &state.members[parent].scores;
        let parent_scores: Vec<Option<f64>> = examples.iter().map(|&example| scores.get(example)).collect();
        ScoreSums::new(&parent_scores, &child_scores)
    });
    if sums.iter().any(|sums| sums.child_sum < sums.parent_sum) {
        let (parent_sums, child_sum) = (sums.map(|sums| sums.parent_sum), sums[0].child_sum);
        session.log(Decision::MergeRejected { iteration, parent_sums, child_sum })?;
        return Ok(true);
    }
    let new = NewCandidate { candidate, parents: parents.to_vec(), proposal: 0 };
    // A merge whose validation is given up does not count as accepted, as with children.
    if validate::validate(state, session, iteration, vec![new], Bar::Best)? > 0 {
        state.merge_schedule.merge_accepted();
    }
    Ok(true)
}

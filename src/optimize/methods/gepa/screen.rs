//! Screening: of several texts that cost nothing to make, the one after which the right answers are the most likely is tried.
//!
//! The texts are compared by successive halving (Jamieson and Talwalkar 2016, arXiv 1502.07943): all are scored on a few training
//! examples, the better half on a few more, and so on. The likelihood says little about prompts of different kinds, since it prefers
//! the longer one, but it does tell sets of demonstrations of about one size apart. Each scored answer is charged as a rollout.

use rand::seq::SliceRandom;

use super::budget;
use super::iteration::{Change, Context, Progress};
use super::state::SearchState;
use crate::data::ExampleIndex;
use crate::evaluate::scores::mean;
use crate::event::Decision;
use crate::optimize::operators::Begun;
use crate::optimize::session::{Halt, Session};
use crate::program::{Candidate, ModuleText};

/// The training examples that are added in each round.
const EXAMPLES_OF_A_ROUND: usize = 4;

/// The most texts that are screened for one proposal.
const MOST_TEXTS: usize = 16;

/// The screening of an iteration costs at most one in so many of the rollouts that are left.
const BUDGET_SHARE: u64 = 10;

/// Returns the most rollouts that the screening of `texts` texts is charged.
fn cost(texts: usize) -> u64 {
    let rounds = std::iter::successors(Some(texts), |left| Some(kept_of(*left)));
    rounds.take_while(|left| *left > 1).map(|left| (left * EXAMPLES_OF_A_ROUND) as u64).sum()
}

/// Returns how many of the texts of a round go on to the next: the better half, and one of two.
fn kept_of(texts: usize) -> usize {
    if texts > 2 { texts.div_ceil(2) } else { 1 }
}

/// Screens the candidates that a proposal can be. Returns the index of the one after which the right answers are the most likely.
/// None if there are fewer than two, if the right answers cannot be scored, or if the budget does not hold the screening and
/// `reserved` rollouts.
pub fn screen(
    session: &mut Session<'_>,
    iteration: u64,
    proposal: usize,
    candidates: &[Candidate],
    reserved: u64,
) -> Result<Option<usize>, Halt> {
    if candidates.len() < 2 || !session.has_budget_for(cost(candidates.len()) + reserved)? {
        return Ok(None);
    }
    let train = session.train();
    // An example that a prompt shows is run without it, so those that the fewest prompts show come first.
    let shown = |example: &ExampleIndex| {
        let shows = |candidate: &&Candidate| candidate.0.iter().any(|text| text.shows(&train[*example].id));
        candidates.iter().filter(shows).count()
    };
    let mut order = ExampleIndex::all(train.len());
    order.shuffle(&mut session.random("screening", iteration));
    order.sort_by_key(shown);
    let mut scores: Vec<Vec<Option<f64>>> = vec![Vec::new(); candidates.len()];
    let mut left: Vec<usize> = (0..candidates.len()).collect();
    for examples in order.chunks(EXAMPLES_OF_A_ROUND) {
        if left.len() < 2 {
            break;
        }
        let asked: Vec<&Candidate> = left.iter().map(|&index| &candidates[index]).collect();
        for (&index, found) in left.iter().zip(session.log_probabilities(&asked, examples)?) {
            let Some(found) = found else { return Ok(None) };
            scores[index].extend(found.into_iter().map(Some));
        }
        let mean_of = |index: &usize| mean(&scores[*index]).unwrap_or(f64::NEG_INFINITY);
        // A stable sort: of equal ones the first stays.
        left.sort_by(|a, b| mean_of(b).total_cmp(&mean_of(a)));
        left.truncate(kept_of(left.len()));
    }
    let log_probabilities = scores.iter().map(|scores| mean(scores).unwrap_or(f64::NEG_INFINITY)).collect();
    let examples = scores.iter().map(Vec::len).collect();
    let Some(&best) = left.first() else { return Ok(None) };
    session.log(Decision::Screened { iteration, proposal, best, log_probabilities, examples })?;
    Ok(Some(best))
}

/// Screens further texts of those changes whose operator can make many, and puts the best in the place of the drawn one.
pub fn improve(
    state: &SearchState,
    session: &mut Session<'_>,
    context: &Context<'_>,
    changes: &mut [Change],
    proposals: usize,
) -> Result<(), Halt> {
    let is_screened = |change: &Change| {
        change.operator.implementation().is_screened()
            && matches!(change.progress, Progress::Written(_))
            && context.parents[change.target.parent].modules.len() == 1
    };
    let screened = changes.iter().filter(|change| is_screened(change)).count();
    let mut random = session.random("screened", context.iteration);
    for change in changes.iter_mut().filter(|change| is_screened(change)) {
        let Progress::Written(first) = &change.progress else { continue };
        let share = session.rollouts_left().map_or(u64::MAX, |left| left / BUDGET_SHARE / screened as u64);
        let most = (2..=MOST_TEXTS).rev().find(|&texts| cost(texts) <= share).unwrap_or(1);
        let mut texts: Vec<ModuleText> = vec![first.clone()];
        for _ in 1..most {
            let begun = context
                .with_input(state, session, change.target, |input| change.operator.implementation().begin(input, &mut random));
            if let Ok(Begun::Text(text)) = begun
                && !texts.contains(&text)
            {
                texts.push(text);
            }
        }
        let parent = &state.members[context.pool_index(change.target)].candidate;
        let candidates: Vec<Candidate> = texts.iter().map(|text| parent.with(change.target.module.0, text.clone())).collect();
        let reserved = budget::worst_case(state, session, proposals);
        let Some(best) = screen(session, context.iteration, change.proposal, &candidates, reserved)? else { continue };
        change.progress = Progress::Written(texts.swap_remove(best));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::cost;

    #[test]
    fn each_round_halves_the_texts_until_one_is_left() {
        assert_eq!([0, 1, 2, 3, 4, 8, 16].map(cost), [0, 0, 8, 20, 24, 56, 120]);
    }
}

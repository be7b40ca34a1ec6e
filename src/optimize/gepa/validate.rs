//! Validation: in full, or in growing shares that are given up once a candidate is behind.
//!
//! The shares of the confident gate are best-arm identification with one challenger at a time (after
//! TRIPLE, arXiv 2402.09723): the first `FIRST_SHARE` examples of an order that is fixed for the run, then
//! twice as many, and so on. A candidate whose sum is below that of the pool's best on the same examples is
//! not run on more. In full validations this rule spends nothing beyond what `strict` spends, so it can
//! only save; what it may lose is a candidate that would have come from behind.

use std::sync::Arc;

use rand::seq::SliceRandom;

use super::{Gepa, Scored};
use crate::config::Gate;
use crate::data::split::Split;
use crate::event::{Event, Purpose};
use crate::optimize::pool::{ranking, rounded};
use crate::optimize::session::Ask;
use crate::optimize::{Answers, Halt, Scores, Session};
use crate::program::Candidate;

/// Examples of the first share.
const FIRST_SHARE: usize = 10;

/// The ends of the shares of a validation on `all` examples, ascending; the last is `all`.
#[must_use]
pub fn shares(all: usize) -> Vec<usize> {
    let doubling = std::iter::successors(Some(FIRST_SHARE), |end| end.checked_mul(2));
    doubling.take_while(|end| *end < all).chain([all]).collect()
}

/// How far a candidate is ahead of `best` in the sum over the examples that both were scored on; below 0
/// it is behind.
#[must_use]
pub fn lead(candidate: &Scores, best: &Scores) -> f64 {
    rounded(candidate.shared(best).map(|(_, own, best)| own - best).sum())
}

impl Gepa {
    /// Runs `candidate` on validation examples, as many as the gate allows, and adds it to the pool.
    pub(super) fn validate(
        &mut self,
        session: &mut Session<'_>,
        iteration: u64,
        candidate: Candidate,
        parents: Vec<usize>,
    ) -> Result<(), Halt> {
        let all = session.validation_size();
        let mut order: Vec<usize> = (0..all).collect();
        let mut ends = vec![all];
        let best = ranking(&self.members).first().map(|&best| self.members[best].scores.clone());
        if session.plan().gate == Gate::Confident && best.is_some() {
            order.shuffle(&mut session.random("validation", 0));
            ends = shares(all);
        }
        let purpose = if best.is_some() { Purpose::Validation } else { Purpose::SeedValidation };
        let mut answers: Answers = Vec::new();
        for end in ends {
            let ask = Ask { candidate: &candidate, places: &order[answers.len()..end] };
            answers.extend(session.evaluate_while(purpose, Split::Val, &[ask], &mut |_, _| true)?.into_iter().flatten());
            let Some(best) = best.as_ref().filter(|_| end < all) else { continue };
            let lead = lead(&scores(&order, &answers), best);
            if lead < 0.0 {
                session.log(&Event::ValidationGivenUp { iteration, validated: end, of: all, lead })?;
                break;
            }
        }
        let results: Vec<(usize, Arc<Scored>)> =
            order.into_iter().zip(answers).filter_map(|(place, answer)| Some((place, answer?))).collect();
        self.add(session, iteration, candidate, parents, &results)
    }
}

fn scores(order: &[usize], answers: &Answers) -> Scores {
    order.iter().zip(answers).filter_map(|(&place, answer)| Some((place, answer.as_ref()?.score()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_double_up_to_all() {
        assert_eq!(shares(100), [10, 20, 40, 80, 100]);
        assert_eq!(shares(80), [10, 20, 40, 80]);
        assert_eq!(shares(7), [7]);
    }

    #[test]
    fn a_lead_is_over_what_both_were_scored_on() {
        let scores = |s: &[(usize, f64)]| s.iter().copied().collect::<Scores>();
        assert_eq!(lead(&scores(&[(0, 1.0), (4, 0.0)]), &scores(&[(0, 0.5), (1, 1.0), (4, 1.0)])), -0.5);
        let third = 1.0 / 3.0;
        assert_eq!(lead(&scores(&[(0, third), (1, third), (2, third)]), &scores(&[(0, 1.0), (1, 0.0), (2, 0.0)])), 0.0);
    }
}

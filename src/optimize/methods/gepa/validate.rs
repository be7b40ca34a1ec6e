//! Validation: in full, or in growing shares that are given up once a candidate is behind.
//!
//! The shares of the confident gate are best-arm identification (after TRIPLE, arXiv 2402.09723): the first
//! `FIRST_SHARE` examples of an order that is fixed for the run, then twice as many, and so on. A candidate whose
//! sum is below that of the pool's best on the same examples is not run on more. Several children of one iteration
//! race: after the first share, the one that leads runs its next, until the one that leads has run all.

use std::cmp::Ordering;
use std::sync::Arc;

use rand::seq::SliceRandom;

use super::{Gepa, Scored};
use crate::config::{Gate, Keep};
use crate::data::split::Split;
use crate::event::{Behind, Event, Purpose};
use crate::optimize::pool::{mean, ranking};
use crate::optimize::session::Ask;
use crate::optimize::{Answers, Halt, Scores, Session};
use crate::program::Candidate;

/// Examples of the first share.
const FIRST_SHARE: usize = 10;

/// Examples of which a candidate must get something right.
const ENOUGH_FOR_NOTHING: usize = 2 * FIRST_SHARE;

/// The ends of the shares of a validation on `all` examples, ascending; the last is `all`.
#[must_use]
pub fn shares(all: usize) -> Vec<usize> {
    let doubling = std::iter::successors(Some(FIRST_SHARE), |end| end.checked_mul(2));
    doubling.take_while(|end| *end < all).chain([all]).collect()
}

/// The most candidates that can race over `all` examples within `left` rollouts, such that one of them is validated
/// in full; at least one, whose validation the iteration has seen to.
#[must_use]
pub fn field(left: Option<u64>, all: usize) -> usize {
    let first = FIRST_SHARE.min(all);
    let Some(left) = left.and_then(|left| usize::try_from(left).ok()) else { return usize::MAX };
    (left.saturating_sub(all - first) / first.max(1)).max(1)
}

/// A candidate that may join the pool.
#[derive(Debug)]
pub(super) struct Newcomer {
    pub(super) candidate: Candidate,
    /// Its parents' places; none for the seed.
    pub(super) parents: Vec<usize>,
    /// Which of its iteration's proposals it is, from 1; 0 where it is none.
    pub(super) proposal: usize,
}

/// A candidate under validation.
struct Entrant {
    newcomer: Newcomer,
    answers: Answers,
    prompt_tokens: usize,
    has_given_up: bool,
}

impl Entrant {
    fn mean(&self, of: impl Fn(&Scored) -> Option<f64>) -> f64 {
        let values: Vec<Option<f64>> = self.answers.iter().map(|answer| of(answer.as_ref()?)).collect();
        mean(&values).unwrap_or(0.0)
    }

    /// The better first: more right, then nearer to right, then fewer tokens.
    fn order(&self, other: &Self) -> Ordering {
        let better = |of: fn(&Scored) -> Option<f64>| other.mean(of).partial_cmp(&self.mean(of)).unwrap_or(Ordering::Equal);
        let by_score = better(Scored::score).then_with(|| better(|scored| Some(scored.closeness())));
        by_score.then(self.prompt_tokens.cmp(&other.prompt_tokens))
    }
}

impl Gepa {
    /// Runs candidates on validation examples, each as far as the gate and the race allow, and adds them to the pool in
    /// their order. Returns how many were validated in full.
    pub(super) fn validate(
        &mut self,
        session: &mut Session<'_>,
        iteration: u64,
        newcomers: Vec<Newcomer>,
    ) -> Result<usize, Halt> {
        let all = session.validation_size();
        let mut order: Vec<usize> = (0..all).collect();
        let mut ends = vec![all];
        let best = ranking(&self.members).first().map(|&best| self.members[best].scores.clone());
        if session.plan().gate == Gate::Confident && best.is_some() {
            order.shuffle(&mut session.random("validation", 0));
            ends = shares(all);
        }
        let purpose = if best.is_some() { Purpose::Validation } else { Purpose::SeedValidation };
        let entrant = |newcomer: Newcomer| {
            let prompt_tokens = session.prompt_tokens(&newcomer.candidate);
            Entrant { newcomer, answers: Answers::new(), prompt_tokens, has_given_up: false }
        };
        let mut entrants: Vec<Entrant> = newcomers.into_iter().map(entrant).collect();
        let first = self.members.len();
        let lead = |of: &Entrant| best.as_ref().map_or(0.0, |best| scores(&order, &of.answers).lead(best));
        let given_up = |place: usize, of: &Entrant, behind: Behind| {
            let (candidate, validated, lead) = (first + place, of.answers.len(), lead(of));
            Event::ValidationGivenUp { iteration, candidate, validated, of: all, lead, behind }
        };
        loop {
            let next = next(session, &entrants, all);
            let Some(before) = next.first().map(|&entrant| entrants[entrant].answers.len()) else { break };
            let end = ends.iter().copied().find(|end| *end > before).unwrap_or(all);
            let places = &order[before..end];
            let asks: Vec<Ask<'_>> =
                next.iter().map(|&entrant| Ask { candidate: &entrants[entrant].newcomer.candidate, places }).collect();
            let answers = session.evaluate_while(purpose, Split::Val, &asks, &mut |_, _| true)?;
            next.iter().zip(answers).for_each(|(&entrant, answers)| entrants[entrant].answers.extend(answers));
            for &place in next.iter().filter(|_| end < all) {
                let entrant = &mut entrants[place];
                let is_nothing = end >= ENOUGH_FOR_NOTHING && entrant.mean(Scored::score) <= 0.0;
                let is_behind = lead(entrant) < 0.0;
                if is_behind || is_nothing {
                    entrant.has_given_up = true;
                    let behind = if is_behind { Behind::Best } else { Behind::NothingRight };
                    session.log(&given_up(place, entrant, behind))?;
                }
            }
        }
        let complete = entrants.iter().filter(|entrant| entrant.answers.len() == all).count();
        for (place, entrant) in entrants.iter().enumerate() {
            if entrant.answers.len() < all && !entrant.has_given_up {
                let behind = if complete > 0 { Behind::Another } else { Behind::Budget };
                session.log(&given_up(place, entrant, behind))?;
            }
        }
        for Entrant { newcomer, answers, prompt_tokens, .. } in entrants {
            let results: Vec<(usize, Arc<Scored>)> =
                order.iter().zip(answers).filter_map(|(&place, answer)| Some((place, answer?))).collect();
            self.add(session, iteration, newcomer, prompt_tokens, &results)?;
        }
        Ok(complete)
    }
}

/// Which entrants run their next share, all of the same one; none when the validation is over.
fn next(session: &Session<'_>, entrants: &[Entrant], all: usize) -> Vec<usize> {
    let mut running: Vec<usize> = (0..entrants.len()).filter(|&entrant| !entrants[entrant].has_given_up).collect();
    let fewest = running.iter().map(|&entrant| entrants[entrant].answers.len()).min().unwrap_or(all);
    if session.plan().keep == Some(Keep::All) || fewest == 0 {
        running.retain(|&entrant| fewest < all && entrants[entrant].answers.len() == fewest);
        return running;
    }
    // Who cannot come to the end within the budget is out of the race.
    let left = session.rollouts_left().and_then(|left| usize::try_from(left).ok()).unwrap_or(usize::MAX);
    running.retain(|&entrant| all - entrants[entrant].answers.len() <= left);
    let leader = running.into_iter().min_by(|&a, &b| entrants[a].order(&entrants[b]));
    leader.filter(|&leader| entrants[leader].answers.len() < all).into_iter().collect()
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
    fn as_many_race_as_leave_room_for_one_whole_validation() {
        assert_eq!(field(None, 40), usize::MAX);
        assert_eq!([field(Some(40), 40), field(Some(49), 40), field(Some(60), 40)], [1, 1, 3]);
        assert_eq!([field(Some(7), 7), field(Some(21), 7), field(Some(0), 7)], [1, 3, 1]);
    }

    #[test]
    fn a_lead_is_over_what_both_were_scored_on() {
        let scores = |s: &[(usize, f64)]| s.iter().copied().collect::<Scores>();
        assert_eq!(scores(&[(0, 1.0), (4, 0.0)]).lead(&scores(&[(0, 0.5), (1, 1.0), (4, 1.0)])), -0.5);
        let third = 1.0 / 3.0;
        assert_eq!(scores(&[(0, third), (1, third), (2, third)]).lead(&scores(&[(0, 1.0), (1, 0.0), (2, 0.0)])), 0.0);
    }
}

//! Step 8: scores candidates on the validation examples, and adds them to the pool.
//!
//! Difference from the paper, with the confident gate: a candidate is run on growing shares of the validation examples, and
//! given up where it is worse than the best of the pool ([`shares`]). Several children of one iteration race: after the
//! first share, only the child that leads is run on its next share, until the leader was run on all examples. If the budget
//! then holds no other iteration, the next best goes on. The key `race` asks for the same with another gate.

use std::cmp::Ordering;
use std::sync::Arc;

use super::budget;
use super::gate;
use super::state::SearchState;
use crate::config::{Gate, Keep};
use crate::data::ExampleIndex;
use crate::data::split::Split;
use crate::evaluate::scores::mean;
use crate::evaluate::{Scored, Scores};
use crate::event::{Behind, Decision, Purpose};
use crate::optimize::joining::NewCandidate;
use crate::optimize::pool::ranking;
use crate::optimize::reuse::{Answers, EvaluationRequest};
use crate::optimize::session::{Halt, Session};
use crate::optimize::shares::{self, FIRST_SHARE};
use crate::program::PoolIndex;

/// Returns the most candidates that can race over `all` examples within `left` rollouts, such that one of them can be
/// validated in full. At least 1, for which the iteration has reserved the rollouts. None as `left` means no limit.
pub fn most_contenders(left: Option<u64>, all: usize) -> usize {
    let first = FIRST_SHARE.min(all);
    let Some(left) = left.and_then(|left| usize::try_from(left).ok()) else { return usize::MAX };
    (left.saturating_sub(all - first) / first.max(1)).max(1)
}

/// The number of standard errors of the mean difference within which a candidate is as good as the best.
pub const NOISE_ERRORS: f64 = 1.0;

/// What a candidate must not be behind while it is validated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bar {
    /// The best of the pool: the sum of its scores on the same examples.
    Best,
    /// The best of the pool, by more than noise ([`NOISE_ERRORS`]).
    Noise,
}

/// A candidate under validation.
struct Contender {
    new: NewCandidate,
    /// The candidate's rollouts on the validation examples that it was scored on so far, in the order in which they were scored.
    answers: Answers,
    prompt_tokens: usize,
    is_given_up: bool,
}

impl Contender {
    /// Returns the mean of a value over the rollouts so far; 0 where there is none.
    fn mean_of(&self, value: impl Fn(&Scored) -> Option<f64>) -> f64 {
        let values: Vec<Option<f64>> = self.answers.iter().map(|answer| value(answer.as_ref()?)).collect();
        mean(&values).unwrap_or(0.0)
    }

    /// Orders the better first: by score, then by closeness, then by fewer prompt tokens.
    fn order(&self, other: &Self) -> Ordering {
        let by =
            |value: fn(&Scored) -> Option<f64>| other.mean_of(value).partial_cmp(&self.mean_of(value)).unwrap_or(Ordering::Equal);
        let by_score = by(Scored::score).then_with(|| by(|scored| Some(scored.closeness())));
        by_score.then(self.prompt_tokens.cmp(&other.prompt_tokens))
    }

    /// Whether it is behind the best of the pool on the examples that both were scored on; false where the pool is empty.
    fn is_behind(&self, bar: Bar, best: Option<&Scores>, order: &[ExampleIndex]) -> bool {
        match (bar, best) {
            (Bar::Noise, Some(best)) => gate::is_worse(&self.scores(order), best, NOISE_ERRORS),
            _ => self.lead(best, order) < 0.0,
        }
    }

    fn scores(&self, order: &[ExampleIndex]) -> Scores {
        order.iter().zip(&self.answers).filter_map(|(&example, answer)| Some((example, answer.as_ref()?.score()?))).collect()
    }

    /// Returns the lead over the best of the pool on the examples that both were scored on; 0 where the pool is empty.
    fn lead(&self, best: Option<&Scores>, order: &[ExampleIndex]) -> f64 {
        best.map_or(0.0, |best| self.scores(order).lead(best))
    }
}

/// Runs candidates on validation examples, each as far as the gate, the bar and the race allow, and adds all of them to the pool in
/// their order. Returns how many were run on all validation examples.
pub fn validate(
    state: &mut SearchState,
    session: &mut Session<'_>,
    iteration: u64,
    candidates: Vec<NewCandidate>,
    bar: Bar,
) -> Result<usize, Halt> {
    let all = session.validation_size();
    let best = ranking(&state.members).first().map(|&best| state.members[best].scores.clone());
    let is_race = session.plan().gate == Gate::Confident || session.plan().race;
    let (order, ends) = shares::shares(session, is_race && best.is_some());
    let purpose = if best.is_some() { Purpose::Validation } else { Purpose::SeedValidation };
    let contender = |new: NewCandidate| {
        let prompt_tokens = session.prompt_tokens(&new.candidate);
        Contender { new, answers: Answers::new(), prompt_tokens, is_given_up: false }
    };
    let mut contenders: Vec<Contender> = candidates.into_iter().map(contender).collect();
    let first = state.members.len();
    let given_up = |index: usize, contender: &Contender, behind: Behind| Decision::ValidationGivenUp {
        iteration,
        candidate: PoolIndex(first + index),
        validated: contender.answers.len(),
        of: all,
        lead: contender.lead(best.as_ref(), &order),
        behind,
    };
    let next_iteration = budget::worst_case(state, session, 1);
    loop {
        let next = next(session, &contenders, all, next_iteration);
        let Some(start) = next.first().map(|&index| contenders[index].answers.len()) else { break };
        let end = ends.iter().copied().find(|end| *end > start).unwrap_or(all);
        let ask = |&index: &usize| EvaluationRequest {
            candidate: &contenders[index].new.candidate,
            example_indices: &order[start..end],
        };
        let asks: Vec<EvaluationRequest<'_>> = next.iter().map(ask).collect();
        let answers = session.evaluate_while(purpose, Split::Val, &asks, &mut |_, _| true)?;
        next.iter().zip(answers).for_each(|(&index, answers)| contenders[index].answers.extend(answers));
        for &index in next.iter().filter(|_| end < all) {
            let contender = &mut contenders[index];
            let is_behind = contender.is_behind(bar, best.as_ref(), &order);
            if let Some(behind) = shares::reason_to_give_up(is_behind, end, contender.mean_of(Scored::score)) {
                contender.is_given_up = true;
                session.log(given_up(index, contender, behind))?;
            }
        }
    }
    let complete = contenders.iter().filter(|contender| contender.answers.len() == all).count();
    for (index, contender) in contenders.iter().enumerate() {
        if contender.answers.len() < all && !contender.is_given_up {
            let behind = if complete > 0 { Behind::Another } else { Behind::Budget };
            session.log(given_up(index, contender, behind))?;
        }
    }
    for Contender { new, answers, .. } in contenders {
        let rollouts: Vec<(ExampleIndex, Arc<Scored>)> =
            order.iter().zip(answers).filter_map(|(&example, answer)| Some((example, answer?))).collect();
        state.add(session, iteration, new, &rollouts)?;
    }
    Ok(complete)
}

/// Returns the indices of the contenders that run their next share of the validation examples. They have all run the same shares so
/// far. The list is empty once the validation is over. `all` is the number of validation examples.
///
/// With `keep = "all"`, every contender runs every share. Otherwise all contenders run a first share. After that, it is the leader, the contender with the best mean so far, until it was run on
/// all examples. If the rest of the budget is then less than `next_iteration`, the most rollouts that another iteration can cost,
/// the contender with the next best mean goes on, if the budget holds all of its remaining examples.
fn next(session: &Session<'_>, contenders: &[Contender], all: usize, next_iteration: u64) -> Vec<usize> {
    let mut running: Vec<usize> = (0..contenders.len()).filter(|&index| !contenders[index].is_given_up).collect();
    let fewest = running.iter().map(|&index| contenders[index].answers.len()).min().unwrap_or(all);
    if session.plan().keep == Some(Keep::All) || fewest == 0 {
        running.retain(|&index| fewest < all && contenders[index].answers.len() == fewest);
        return running;
    }
    // A contender whose remaining examples the budget does not hold is out of the race.
    let left = session.rollouts_left().and_then(|left| usize::try_from(left).ok()).unwrap_or(usize::MAX);
    running.retain(|&index| all - contenders[index].answers.len() <= left);
    running.sort_by(|&a, &b| contenders[a].order(&contenders[b]));
    let is_through = |&contender: &usize| contenders[contender].answers.len() == all;
    let is_last = session.rollouts_left().is_some_and(|left| left < next_iteration);
    if is_last {
        running.retain(|contender| !is_through(contender));
    }
    running.into_iter().next().filter(|leader| !is_through(leader)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_race_as_leave_rollouts_for_one_full_validation() {
        assert_eq!(most_contenders(None, 40), usize::MAX);
        assert_eq!([40, 49, 60].map(|left| most_contenders(Some(left), 40)), [1, 1, 3]);
        assert_eq!([7, 21, 0].map(|left| most_contenders(Some(left), 7)), [1, 3, 1]);
    }
}

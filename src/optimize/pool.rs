//! The candidates that were accepted, and which of them is the answer.

use std::cmp::Ordering;

use crate::event::StopReason;
use crate::program::Candidate;

/// An accepted candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Its texts.
    pub candidate: Candidate,
    /// Its parents' places in the pool; none for the seed.
    pub parents: Vec<usize>,
    /// Its score on each validation example; None where the metric failed.
    pub scores: Vec<Option<f64>>,
    /// Rollouts that were charged when it joined.
    pub spent: u64,
}

impl Member {
    /// The mean over the validation examples that were scored; 0 where none was.
    #[must_use]
    pub fn mean(&self) -> f64 {
        mean(&self.scores).unwrap_or(0.0)
    }
}

/// The mean of the scores that are there, rounded; None where none is.
#[must_use]
pub fn mean(scores: &[Option<f64>]) -> Option<f64> {
    let scored: Vec<f64> = scores.iter().copied().flatten().collect();
    (!scored.is_empty()).then(|| rounded(scored.iter().sum::<f64>() / scored.len() as f64))
}

/// A sum or mean of scores to nine places: thirds added up in another order must still be a tie.
#[must_use]
pub fn rounded(sum: f64) -> f64 {
    (sum * 1e9).round() / 1e9
}

/// All accepted candidates in the order of their acceptance, and why the search ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    /// The seed is the first.
    pub members: Vec<Member>,
    /// Why the search ended.
    pub stopped: StopReason,
}

impl Pool {
    /// The place of the answer: the highest mean; of equals the shorter, then the older.
    #[must_use]
    pub fn best(&self) -> usize {
        let better = |&a: &usize, &b: &usize| {
            let (x, y) = (&self.members[a], &self.members[b]);
            x.mean()
                .partial_cmp(&y.mean())
                .unwrap_or(Ordering::Equal)
                .then(y.candidate.length().cmp(&x.candidate.length()))
                .then(b.cmp(&a))
        };
        (0..self.members.len()).max_by(better).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(instruction: &str, scores: &[f64]) -> Member {
        let scores = scores.iter().map(|&s| Some(s)).collect();
        Member { candidate: Candidate::new([instruction]), parents: Vec::new(), scores, spent: 0 }
    }

    fn best(members: Vec<Member>) -> usize {
        Pool { members, stopped: StopReason::BudgetSpent }.best()
    }

    #[test]
    fn the_highest_mean_wins_then_the_shorter_then_the_older() {
        assert_eq!(best(vec![member("a", &[0.0]), member("a long one", &[1.0])]), 1);
        assert_eq!(best(vec![member("a long one", &[1.0]), member("b", &[1.0])]), 1);
        assert_eq!(best(vec![member("a", &[1.0]), member("b", &[1.0])]), 0);
    }

    #[test]
    fn the_order_of_the_scores_does_not_break_a_tie() {
        let third = 1.0 / 3.0;
        assert_eq!(best(vec![member("shorter", &[third; 4]), member("a longer one", &[2.0 * third, third, 0.0, third])]), 0);
    }

    #[test]
    fn unscored_examples_are_left_out_of_the_mean() {
        assert_eq!(mean(&[Some(1.0), None, Some(0.0)]), Some(0.5));
        assert_eq!(mean(&[None]), None);
    }
}

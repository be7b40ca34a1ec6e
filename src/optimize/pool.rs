//! The candidates that were accepted, and which of them is the answer.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::event::StopReason;
use crate::program::Candidate;

/// Scores by the place of their example, of those examples that were scored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scores {
    /// Ascending by example.
    by_example: Vec<(usize, f64)>,
    mean: Option<f64>,
}

impl Scores {
    /// The score on `example`.
    #[must_use]
    pub fn get(&self, example: usize) -> Option<f64> {
        let at = self.by_example.binary_search_by_key(&example, |(place, _)| *place).ok()?;
        Some(self.by_example[at].1)
    }

    /// Examples and scores, ascending by example.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (usize, f64)> + '_ {
        self.by_example.iter().copied()
    }

    /// The mean of the scores, rounded; None where there is none.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        self.mean
    }

    /// Examples on which both were scored, with both scores, ascending by example.
    pub fn shared<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (usize, f64, f64)> + 'a {
        self.iter().filter_map(|(example, score)| Some((example, score, other.get(example)?)))
    }

    /// How far these are ahead of `other` in the sum over the examples that both have; below 0 they are behind.
    #[must_use]
    pub fn lead(&self, other: &Self) -> f64 {
        rounded(self.shared(other).map(|(_, own, other)| own - other).sum())
    }
}

impl FromIterator<(usize, f64)> for Scores {
    fn from_iter<I: IntoIterator<Item = (usize, f64)>>(scores: I) -> Self {
        let mut by_example: Vec<(usize, f64)> = scores.into_iter().collect();
        by_example.sort_by_key(|(example, _)| *example);
        by_example.dedup_by_key(|(example, _)| *example);
        let sum: f64 = by_example.iter().map(|(_, score)| score).sum();
        let mean = (!by_example.is_empty()).then(|| rounded(sum / by_example.len() as f64));
        Self { by_example, mean }
    }
}

/// An accepted candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Its texts.
    pub candidate: Candidate,
    /// Its parents' places in the pool; none for the seed.
    pub parents: Vec<usize>,
    /// Its scores on the validation examples that it was run on and the metric did not fail on.
    pub scores: Scores,
    /// Its scores by objective, where the metric names any.
    pub objectives: BTreeMap<String, Scores>,
    /// Validation examples that it was run on.
    pub validated: usize,
    /// Whether that is all of them. If not, it was behind the pool's best, and can be improved, but is
    /// never the answer.
    pub complete: bool,
    /// Tokens of its instructions and worked examples.
    pub prompt_tokens: usize,
    /// Rollouts that were charged when it joined.
    pub spent: u64,
}

impl Member {
    /// The mean over the validation examples that were scored; 0 where none was.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.scores.mean().unwrap_or(0.0)
    }
}

/// The mean of the scores that are there, rounded; None where none is.
#[must_use]
pub fn mean(scores: &[Option<f64>]) -> Option<f64> {
    scores.iter().enumerate().filter_map(|(example, score)| Some((example, (*score)?))).collect::<Scores>().mean()
}

/// A sum or mean of scores to nine places: thirds added up in another order must still be a tie.
#[must_use]
pub fn rounded(sum: f64) -> f64 {
    (sum * 1e9).round() / 1e9
}

/// The places of the members that were validated in full, the best first: the highest mean; of
/// equals the one with fewer prompt tokens, then the older. Where nothing is right, the older.
#[must_use]
pub fn ranking(members: &[Member]) -> Vec<usize> {
    ranked(members.iter().map(|member| member.complete.then(|| (member.mean(), member.prompt_tokens))))
}

/// The same of means and prompt tokens; None for who was validated in part.
pub(crate) fn ranked(members: impl Iterator<Item = Option<(f64, usize)>>) -> Vec<usize> {
    let mut places: Vec<_> = members.enumerate().filter_map(|(place, member)| Some((member?, place))).collect();
    places.sort_by(|((mean_a, tokens_a), a), ((mean_b, tokens_b), b)| {
        // A shorter text that is never right is no better.
        let shorter = if *mean_a > 0.0 { tokens_a.cmp(tokens_b) } else { Ordering::Equal };
        mean_b.partial_cmp(mean_a).unwrap_or(Ordering::Equal).then(shorter).then(a.cmp(b))
    });
    places.into_iter().map(|(_, place)| place).collect()
}

/// The mean of the first of [`ranking`]; 0 where there is none.
#[must_use]
pub fn best_mean(members: &[Member]) -> f64 {
    ranking(members).first().map_or(0.0, |&best| members[best].mean())
}

/// Means that can be compared with each other: of a member that was validated in part, the best one's and how far it is ahead of
/// that on the examples that both were run on; its own may be of easy ones.
#[must_use]
pub fn comparable_means(members: &[Member]) -> Vec<f64> {
    let best = ranking(members).first().map(|&best| &members[best]);
    let comparable = |member: &Member| match best {
        Some(best) if !member.complete => {
            let leads: Vec<Option<f64>> = member.scores.shared(&best.scores).map(|(_, own, best)| Some(own - best)).collect();
            mean(&leads).map_or(0.0, |lead| rounded(best.mean() + lead).clamp(0.0, 1.0))
        }
        _ => member.mean(),
    };
    members.iter().map(comparable).collect()
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
    /// The place of the answer, the first of [`ranking`].
    #[must_use]
    pub fn best(&self) -> usize {
        ranking(&self.members).first().copied().unwrap_or(0)
    }

    /// The place of the second of [`ranking`].
    #[must_use]
    pub fn runner_up(&self) -> Option<usize> {
        ranking(&self.members).get(1).copied()
    }
}

#[cfg(test)]
pub(crate) mod tests_support {
    //! Members for the tests of what reads a pool.

    use super::*;

    pub(crate) fn member(scores: &[f64]) -> Member {
        Member {
            candidate: Candidate::new(["x"]),
            parents: Vec::new(),
            scores: scores.iter().copied().enumerate().collect(),
            objectives: BTreeMap::new(),
            validated: scores.len(),
            complete: true,
            prompt_tokens: 1,
            spent: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::tests_support::member;
    use super::*;

    fn with_tokens(prompt_tokens: usize, scores: &[f64]) -> Member {
        Member { prompt_tokens, ..member(scores) }
    }

    #[test]
    fn the_highest_mean_wins_then_the_fewer_tokens_then_the_older() {
        assert_eq!(ranking(&[with_tokens(1, &[0.0]), with_tokens(9, &[1.0])]), [1, 0]);
        assert_eq!(ranking(&[with_tokens(9, &[1.0]), with_tokens(1, &[1.0])]), [1, 0]);
        assert_eq!(ranking(&[with_tokens(1, &[1.0]), with_tokens(1, &[1.0])]), [0, 1]);
    }

    #[test]
    fn of_texts_that_are_never_right_the_seed_stays() {
        assert_eq!(ranking(&[with_tokens(9, &[0.0]), with_tokens(1, &[0.0])]), [0, 1]);
    }

    #[test]
    fn the_order_of_the_scores_does_not_break_a_tie() {
        let third = 1.0 / 3.0;
        assert_eq!(ranking(&[with_tokens(1, &[third; 4]), with_tokens(2, &[2.0 * third, third, 0.0, third])]), [0, 1]);
    }

    #[test]
    fn a_mean_over_easy_examples_is_brought_down() {
        // The best has all of the first two, which are all that the other was run on, and half of the rest.
        let best = member(&[1.0, 1.0, 0.0, 1.0]);
        let part = Member { complete: false, validated: 2, ..member(&[1.0, 0.9]) };
        assert_eq!(comparable_means(&[best, part]), [0.75, 0.7]);
    }

    #[test]
    fn who_was_validated_in_part_is_never_the_answer() {
        let part = Member { complete: false, ..member(&[1.0]) };
        assert_eq!(ranking(&[member(&[0.0, 0.5]), part]), [0]);
    }

    #[test]
    fn unscored_examples_are_left_out_of_the_mean() {
        assert_eq!(mean(&[Some(1.0), None, Some(0.0)]), Some(0.5));
        assert_eq!(mean(&[None]), None);
    }

    #[test]
    fn scores_are_found_by_example() {
        let scores: Scores = [(7, 0.5), (2, 1.0)].into_iter().collect();
        assert_eq!([scores.get(2), scores.get(7), scores.get(3)], [Some(1.0), Some(0.5), None]);
        let other: Scores = [(7, 0.0), (1, 1.0)].into_iter().collect();
        assert_eq!(scores.shared(&other).collect::<Vec<_>>(), [(7, 0.5, 0.0)]);
    }
}

//! The pool of accepted candidates, and which of them is the best.

use std::collections::BTreeMap;
use std::ops::Index;

use crate::evaluate::ranking::ranked;
use crate::evaluate::scores::{Scores, mean, rounded};
use crate::event::StopReason;
use crate::program::{Candidate, PoolIndex};

/// An accepted candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The texts of its modules.
    pub candidate: Candidate,
    /// The candidates that it was made from: none for the seed, two for a merged candidate.
    pub parents: Vec<PoolIndex>,
    /// Its scores on validation examples. Those on which it was not run, or on which the metric failed, are missing.
    pub scores: Scores,
    /// Its scores on validation examples by the name of the objective; empty where the metric names no objectives.
    pub objectives: BTreeMap<String, Scores>,
    /// The number of validation examples that it was run on.
    pub validated: usize,
    /// Whether it was run on all validation examples. A candidate that was not can be a parent, but not the best.
    pub complete: bool,
    /// The number of tokens of its instructions and demonstrations.
    pub prompt_tokens: usize,
    /// The number of rollouts that the search had been charged for when it joined.
    pub spent: u64,
}

impl Member {
    /// Returns the mean score over the validation examples that were scored; 0 where none was.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.scores.mean().unwrap_or(0.0)
    }
}

impl Index<PoolIndex> for [Member] {
    type Output = Member;

    fn index(&self, index: PoolIndex) -> &Member {
        &self[index.0]
    }
}

impl Index<PoolIndex> for Vec<Member> {
    type Output = Member;

    fn index(&self, index: PoolIndex) -> &Member {
        &self[index.0]
    }
}

/// Returns the fully validated members, the best first: by mean score; of equal means by fewer prompt tokens; of equal
/// token counts the older first. Members with a mean of 0 are ordered by age alone.
#[must_use]
pub fn ranking(members: &[Member]) -> Vec<PoolIndex> {
    ranked(members.iter().map(|member| member.complete.then(|| (member.mean(), member.prompt_tokens))))
}

/// Returns the mean score of the best member; 0 where no member is fully validated.
#[must_use]
pub fn best_mean(members: &[Member]) -> f64 {
    ranking(members).first().map_or(0.0, |&best| members[best].mean())
}

/// Returns a mean score for each member such that means of partially and of fully validated members can be compared. That
/// of a partially validated member is the best member's mean plus the mean difference to the best member on the examples
/// that both were scored on: its own mean may be that of easy examples.
#[must_use]
pub fn comparable_means(members: &[Member]) -> Vec<f64> {
    let best = ranking(members).first().map(|&best| &members[best]);
    let comparable = |member: &Member| match best {
        Some(best) if !member.complete => {
            let leads: Vec<Option<f64>> = member.scores.paired(&best.scores).map(|pair| Some(pair.own - pair.other)).collect();
            mean(&leads).map_or(0.0, |lead| rounded(best.mean() + lead).clamp(0.0, 1.0))
        }
        _ => member.mean(),
    };
    members.iter().map(comparable).collect()
}

/// The result of a search: all accepted candidates in the order of their acceptance, and why the search ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    /// The accepted candidates, the seed first. There is at least one.
    pub members: Vec<Member>,
    /// Why the search ended.
    pub stopped: StopReason,
}

impl Index<PoolIndex> for Pool {
    type Output = Member;

    fn index(&self, index: PoolIndex) -> &Member {
        &self.members[index]
    }
}

impl Pool {
    /// Returns the best candidate, the first of [`ranking`]; the seed where no candidate is fully validated.
    #[must_use]
    pub fn best(&self) -> PoolIndex {
        ranking(&self.members).first().copied().unwrap_or(PoolIndex::SEED)
    }

    /// Returns the second of [`ranking`]; None where fewer than two candidates are fully validated.
    #[must_use]
    pub fn runner_up(&self) -> Option<PoolIndex> {
        ranking(&self.members).get(1).copied()
    }
}

#[cfg(test)]
pub(crate) mod tests_support {
    //! Members for the tests of code that reads a pool.

    use super::*;

    pub(crate) fn member(scores: &[f64]) -> Member {
        Member {
            candidate: Candidate::new(["x"]),
            parents: Vec::new(),
            scores: Scores::from_list(scores.iter().copied().map(Some)),
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
        assert_eq!(ranking(&[with_tokens(1, &[0.0]), with_tokens(9, &[1.0])]), [1, 0].map(PoolIndex));
        assert_eq!(ranking(&[with_tokens(9, &[1.0]), with_tokens(1, &[1.0])]), [1, 0].map(PoolIndex));
        assert_eq!(ranking(&[with_tokens(1, &[1.0]), with_tokens(1, &[1.0])]), [0, 1].map(PoolIndex));
    }

    #[test]
    fn of_texts_that_are_never_right_the_seed_ranks_first() {
        assert_eq!(ranking(&[with_tokens(9, &[0.0]), with_tokens(1, &[0.0])]), [0, 1].map(PoolIndex));
    }

    #[test]
    fn the_order_of_the_scores_does_not_break_a_tie() {
        let third = 1.0 / 3.0;
        let members = [with_tokens(1, &[third; 4]), with_tokens(2, &[2.0 * third, third, 0.0, third])];
        assert_eq!(ranking(&members), [0, 1].map(PoolIndex));
    }

    #[test]
    fn a_mean_over_easy_examples_is_lowered() {
        // The best is right on the first two examples, which are all that the other was run on, and on half of the rest.
        let best = member(&[1.0, 1.0, 0.0, 1.0]);
        let part = Member { complete: false, validated: 2, ..member(&[1.0, 0.9]) };
        assert_eq!(comparable_means(&[best, part]), [0.75, 0.7]);
    }

    #[test]
    fn a_partially_validated_member_is_not_ranked() {
        let part = Member { complete: false, ..member(&[1.0]) };
        assert_eq!(ranking(&[member(&[0.0, 0.5]), part]), [PoolIndex(0)]);
    }
}

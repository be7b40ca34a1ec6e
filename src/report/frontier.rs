//! The candidates to choose from if both a high score and a short prompt are wanted.

use serde::Serialize;

use crate::program::PoolIndex;

/// A fully validated candidate: its score, and the tokens of its prompts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FrontierPoint {
    /// Tokens of its instructions and demonstrations.
    pub prompt_tokens: usize,
    /// The mean score on all validation examples, in [0, 1].
    pub score: f64,
    /// The pool index.
    pub candidate: PoolIndex,
}

impl FrontierPoint {
    /// Whether it is at least as good as `other` in score and prompt tokens, and better in one of them.
    fn beats(&self, other: &Self) -> bool {
        let is_different = self.prompt_tokens < other.prompt_tokens || self.score > other.score;
        is_different && self.prompt_tokens <= other.prompt_tokens && self.score >= other.score
    }
}

/// Returns the frontier of fully validated candidates: those for which no other one is at least as good in score and prompt
/// tokens, and better in one of them. The shortest prompt stands first; of equal ones, the older candidate.
#[must_use]
pub fn frontier(candidates: &[FrontierPoint]) -> Vec<FrontierPoint> {
    let is_beaten = |point: &FrontierPoint| candidates.iter().any(|other| other.beats(point));
    let mut kept: Vec<FrontierPoint> = candidates.iter().filter(|point| !is_beaten(point)).copied().collect();
    kept.sort_by_key(|point| (point.prompt_tokens, point.candidate));
    kept
}

/// Returns the candidate with the best score among those of a frontier with at most `most` prompt tokens; of equal ones, the older.
/// None if all have more.
#[must_use]
pub fn best_within(frontier: &[FrontierPoint], most: usize) -> Option<FrontierPoint> {
    let within = frontier.iter().filter(|point| point.prompt_tokens <= most);
    within.copied().reduce(|best, point| if point.score > best.score { point } else { best })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points(pairs: &[(usize, f64)]) -> Vec<FrontierPoint> {
        let point = |(index, &(prompt_tokens, score))| FrontierPoint { prompt_tokens, score, candidate: PoolIndex(index) };
        pairs.iter().enumerate().map(point).collect()
    }

    #[test]
    fn a_longer_prompt_is_on_it_only_with_a_higher_score() {
        let all = points(&[(10, 0.5), (50, 0.9), (20, 0.5), (30, 0.7), (60, 0.9), (10, 0.5)]);
        let kept: Vec<usize> = frontier(&all).iter().map(|point| point.candidate.0).collect();
        assert_eq!(kept, [0, 5, 3, 1]);
        let within = |most| best_within(&frontier(&all), most).map(|point| point.candidate.0);
        assert_eq!([9, 10, 29, 30, 1000].map(within), [None, Some(0), Some(0), Some(3), Some(1)]);
    }

    proptest! {
        #[test]
        fn each_candidate_is_on_it_or_beaten_by_one_that_is(
            pairs in prop::collection::vec((0..12_usize, 0..8_u32), 0..40), most in 0..14_usize,
        ) {
            let all = points(&pairs.iter().map(|&(tokens, eighths)| (tokens, f64::from(eighths) / 8.0)).collect::<Vec<_>>());
            let kept = frontier(&all);
            for point in &all {
                let is_beaten = all.iter().any(|other| {
                    (other.prompt_tokens < point.prompt_tokens && other.score >= point.score)
                        || (other.prompt_tokens <= point.prompt_tokens && other.score > point.score)
                });
                prop_assert_eq!(kept.contains(point), !is_beaten);
                prop_assert!(kept.contains(point) || kept.iter().any(|other| other.beats(point)));
            }
            // Tokens and scores rise together.
            prop_assert!(kept.windows(2).all(|two| two[0].prompt_tokens <= two[1].prompt_tokens && two[0].score <= two[1].score));
            let best = all.iter().filter(|point| point.prompt_tokens <= most).map(|point| point.score).reduce(f64::max);
            prop_assert_eq!(best_within(&kept, most).map(|point| point.score), best);
        }
    }
}

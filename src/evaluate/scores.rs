//! The scores of one candidate on many examples, and their mean.

use crate::data::ExampleIndex;

/// The scores of one candidate on examples of one split. Examples that were not scored are missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scores {
    /// Ascending by example.
    by_example: Vec<(ExampleIndex, f64)>,
    mean: Option<f64>,
}

/// The scores of two candidates on one example.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedScore {
    /// The example that both were scored on.
    pub example: ExampleIndex,
    /// The score in the `Scores` whose method was called.
    pub own: f64,
    /// The score in the `Scores` that was passed.
    pub other: f64,
}

impl Scores {
    /// Collects the scores of a list. The position of a score is the index of its example; None where the example was not scored.
    pub fn from_list(scores: impl IntoIterator<Item = Option<f64>>) -> Self {
        scores.into_iter().enumerate().filter_map(|(example, score)| Some((ExampleIndex(example), score?))).collect()
    }

    /// Returns the score on `example`; None where it was not scored.
    #[must_use]
    pub fn get(&self, example: ExampleIndex) -> Option<f64> {
        let position = self.by_example.binary_search_by_key(&example, |(scored, _)| *scored).ok()?;
        Some(self.by_example[position].1)
    }

    /// Returns the examples and their scores, ascending by example.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (ExampleIndex, f64)> + '_ {
        self.by_example.iter().copied()
    }

    /// Returns the mean of the scores, rounded as by [`rounded`]; None where no example was scored.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        self.mean
    }

    /// Returns the scores on the examples on which both candidates were scored, ascending by example.
    pub fn paired<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = PairedScore> + 'a {
        self.iter().filter_map(|(example, own)| Some(PairedScore { example, own, other: other.get(example)? }))
    }

    /// Returns the sum of these scores less the sum of `other`, both over the examples on which both were scored. It is
    /// below 0 where these are worse.
    #[must_use]
    pub fn lead(&self, other: &Self) -> f64 {
        rounded(self.paired(other).map(|pair| pair.own - pair.other).sum())
    }
}

impl FromIterator<(ExampleIndex, f64)> for Scores {
    /// Collects scores in any order. Of several scores on one example the first counts.
    fn from_iter<I: IntoIterator<Item = (ExampleIndex, f64)>>(scores: I) -> Self {
        let mut by_example: Vec<(ExampleIndex, f64)> = scores.into_iter().collect();
        by_example.sort_by_key(|(example, _)| *example);
        by_example.dedup_by_key(|(example, _)| *example);
        let sum: f64 = by_example.iter().map(|(_, score)| score).sum();
        let mean = (!by_example.is_empty()).then(|| rounded(sum / by_example.len() as f64));
        Self { by_example, mean }
    }
}

/// Returns the mean of the scores that are not None, rounded as by [`rounded`]; None where there is none.
#[must_use]
pub fn mean(scores: &[Option<f64>]) -> Option<f64> {
    Scores::from_list(scores.iter().copied()).mean()
}

/// Rounds a sum or a mean of scores to nine decimal places, so that equal scores that were added in another order, thirds
/// for example, remain equal.
#[must_use]
pub fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(scores: &[(usize, f64)]) -> Scores {
        scores.iter().map(|&(example, score)| (ExampleIndex(example), score)).collect()
    }

    #[test]
    fn unscored_examples_are_left_out_of_the_mean() {
        assert_eq!(mean(&[Some(1.0), None, Some(0.0)]), Some(0.5));
        assert_eq!(mean(&[None]), None);
    }

    #[test]
    fn scores_are_found_by_example() {
        let own = scores(&[(7, 0.5), (2, 1.0)]);
        assert_eq!([2, 7, 3].map(|example| own.get(ExampleIndex(example))), [Some(1.0), Some(0.5), None]);
        let paired: Vec<PairedScore> = own.paired(&scores(&[(7, 0.0), (1, 1.0)])).collect();
        assert_eq!(paired, [PairedScore { example: ExampleIndex(7), own: 0.5, other: 0.0 }]);
    }

    #[test]
    fn a_lead_counts_only_the_examples_that_both_were_scored_on() {
        assert_eq!(scores(&[(0, 1.0), (4, 0.0)]).lead(&scores(&[(0, 0.5), (1, 1.0), (4, 1.0)])), -0.5);
        let third = 1.0 / 3.0;
        assert_eq!(scores(&[(0, third), (1, third), (2, third)]).lead(&scores(&[(0, 1.0), (1, 0.0), (2, 0.0)])), 0.0);
    }
}

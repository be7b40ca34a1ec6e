//! The answers to one example of a minibatch, and how much they differ in score.

use std::sync::Arc;

use crate::data::ExampleIndex;
use crate::evaluate::Scored;

/// The best and the worst of several answers to one example.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    /// The example.
    pub(super) example: ExampleIndex,
    /// The rollout with the highest score; of equal ones, the first.
    pub(super) best: Arc<Scored>,
    /// The rollout with the lowest score; of equal ones, the last.
    pub(super) worst: Arc<Scored>,
    /// The mean score of all answers.
    mean: f64,
}

/// Returns the score of a rollout; 0 if the metric failed on it.
pub(super) fn score(scored: &Scored) -> f64 {
    scored.score().unwrap_or(0.0)
}

impl Bucket {
    /// Returns the buckets of a minibatch, the one with the largest spread of scores first; of equal spreads, that with the higher best
    /// score, and then that whose best score is further above the mean. `rollouts` has the rollouts on the whole minibatch, once for
    /// each draw.
    pub(super) fn sorted(minibatch: &[ExampleIndex], rollouts: &[Arc<Scored>]) -> Vec<Self> {
        let of_example = |(position, &example): (usize, &ExampleIndex)| {
            let mut answers: Vec<&Arc<Scored>> = rollouts.iter().skip(position).step_by(minibatch.len()).collect();
            let mean = answers.iter().map(|scored| score(scored)).sum::<f64>() / answers.len().max(1) as f64;
            answers.sort_by(|a, b| score(b).total_cmp(&score(a)));
            let (best, worst) = (answers.first()?, answers.last()?);
            Some(Self { example, best: Arc::clone(best), worst: Arc::clone(worst), mean })
        };
        let mut buckets: Vec<Self> = minibatch.iter().enumerate().filter_map(of_example).collect();
        buckets.sort_by(|a, b| {
            let [a, b] = [a, b].map(|bucket| [bucket.spread(), score(&bucket.best), score(&bucket.best) - bucket.mean]);
            b.iter().zip(&a).map(|(b, a)| b.total_cmp(a)).fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        });
        buckets
    }

    /// Returns the highest score less the lowest.
    pub(super) fn spread(&self) -> f64 {
        score(&self.best) - score(&self.worst)
    }
}

/// Returns the value below which `share` of the scores lie, with linear interpolation between two of them; 0 if there are none.
pub(super) fn quantile(rollouts: &[Arc<Scored>], share: f64) -> f64 {
    let mut scores: Vec<f64> = rollouts.iter().map(|scored| score(scored)).collect();
    scores.sort_by(f64::total_cmp);
    let at = share * scores.len().saturating_sub(1) as f64;
    let at_index = |index: f64| scores.get(index as usize).copied().unwrap_or(0.0);
    let (low, high) = (at_index(at.floor()), at_index(at.ceil()));
    low + (high - low) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::Verdict;
    use crate::metric::Judgement;
    use crate::program::Rollout;

    fn rollouts(scores: &[f64]) -> Vec<Arc<Scored>> {
        let scored = |score: &f64| Scored { rollout: Rollout::default(), verdict: Verdict::Judged(Judgement::new(*score, "")) };
        scores.iter().map(scored).map(Arc::new).collect()
    }

    #[test]
    fn the_example_with_the_largest_spread_stands_first() {
        // Two draws of three examples.
        let buckets = Bucket::sorted(&ExampleIndex::all(3), &rollouts(&[0.5, 0.0, 1.0, 0.5, 1.0, 0.75]));
        let order: Vec<(usize, f64)> = buckets.iter().map(|bucket| (bucket.example.0, bucket.spread())).collect();
        assert_eq!(order, [(1, 1.0), (2, 0.25), (0, 0.0)]);
    }

    #[test]
    fn of_equal_spreads_the_better_example_stands_first() {
        let buckets = Bucket::sorted(&ExampleIndex::all(2), &rollouts(&[0.0, 1.0, 0.0, 1.0]));
        assert_eq!(buckets.iter().map(|bucket| bucket.example.0).collect::<Vec<_>>(), [1, 0]);
    }

    #[test]
    fn quantiles_are_interpolated() {
        let scores = rollouts(&[1.0, 0.0, 0.5]);
        assert!((quantile(&scores, 0.1) - 0.1).abs() < 1e-9 && (quantile(&scores, 0.9) - 0.9).abs() < 1e-9);
        assert_eq!(quantile(&[], 0.1), 0.0);
    }
}

//! Confidence intervals of means.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::randomness::stream;

/// The number of resamples of the bootstrap.
const RESAMPLES: usize = 10_000;

/// A 95% confidence interval. In JSON it is the list `[low, high]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 2]", into = "[f64; 2]")]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Returns the 95% confidence interval of the mean of `values`: the percentile interval of the bootstrap (Efron and
    /// Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13) with 10,000 resamples. The resamples are drawn from a
    /// fixed seed and from sorted values, so the same values in any order give the same interval. None for fewer than two
    /// values.
    #[must_use]
    pub fn of_mean(values: &[f64]) -> Option<Self> {
        let count = values.len();
        if count < 2 {
            return None;
        }
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        let mut random = stream(0, "bootstrap", count as u64);
        let mut resampled_mean = || (0..count).map(|_| values[random.random_range(0..count)]).sum::<f64>() / count as f64;
        let means: Vec<f64> = (0..RESAMPLES).map(|_| resampled_mean()).collect();
        Some(Self::of_resamples(means))
    }

    /// Returns the 95% confidence interval of the mean score of several runs on the same examples, over the examples and the runs: each
    /// resample of the bootstrap draws runs, and examples that are the same for all of them. `runs` has the scores of each run by
    /// example; None is a score that is missing. Of a single run, it is [`Self::of_mean`]. None for fewer than two examples with a score.
    #[must_use]
    pub fn over_runs(runs: &[&[Option<f64>]]) -> Option<Self> {
        let examples = runs.iter().map(|scores| scores.len()).max().unwrap_or(0);
        // The examples with a score, each with its scores by run.
        let by_example = (0..examples).map(|example| runs.iter().map(|run| run.get(example).copied().flatten()).collect());
        let by_example: Vec<Vec<Option<f64>>> =
            by_example.filter(|scores: &Vec<Option<f64>>| scores.iter().any(Option::is_some)).collect();
        let count = by_example.len();
        if count < 2 {
            return None;
        }
        if let [only] = runs {
            return Self::of_mean(&only.iter().copied().flatten().collect::<Vec<f64>>());
        }
        let mut random = stream(0, "bootstrap of runs", count as u64);
        let mut resampled_mean = || {
            let drawn: Vec<usize> = runs.iter().map(|_| random.random_range(0..runs.len())).collect();
            let (mut sum, mut scored) = (0.0, 0_usize);
            for _ in 0..count {
                let scores = &by_example[random.random_range(0..count)];
                for score in drawn.iter().filter_map(|&run| scores[run]) {
                    (sum, scored) = (sum + score, scored + 1);
                }
            }
            if scored == 0 { 0.0 } else { sum / scored as f64 }
        };
        Some(Self::of_resamples((0..RESAMPLES).map(|_| resampled_mean()).collect()))
    }

    /// Returns the percentile interval of the means of [`RESAMPLES`] resamples.
    fn of_resamples(mut means: Vec<f64>) -> Self {
        means.sort_by(f64::total_cmp);
        Self { low: means[RESAMPLES / 40], high: means[RESAMPLES - RESAMPLES / 40 - 1] }
    }
}

impl From<[f64; 2]> for Interval {
    fn from([low, high]: [f64; 2]) -> Self {
        Self { low, high }
    }
}

impl From<Interval> for [f64; 2] {
    fn from(interval: Interval) -> Self {
        [interval.low, interval.high]
    }
}

#[cfg(test)]
mod tests {
    use super::Interval;

    #[test]
    fn the_interval_is_that_of_the_normal_approximation() {
        let values: Vec<f64> = (0..100).map(|i| f64::from(i % 2)).collect();
        let interval = Interval::of_mean(&values).unwrap();
        // The mean is 0.5 and its standard error 0.05.
        assert!((interval.low - 0.402).abs() < 0.02 && (interval.high - 0.598).abs() < 0.02, "{interval:?}");
        let reversed: Vec<f64> = values.iter().rev().copied().collect();
        assert_eq!(Interval::of_mean(&reversed), Some(interval));
    }

    #[test]
    fn runs_that_differ_widen_the_interval_and_equal_runs_do_not() {
        let scores =
            |shift: usize| (0..100_usize).map(|i| Some(f64::from(u8::from((i + shift).is_multiple_of(2))))).collect::<Vec<_>>();
        let width = |runs: &[Vec<Option<f64>>]| {
            let interval = Interval::over_runs(&runs.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap();
            interval.high - interval.low
        };
        let alone = width(&[scores(0)]);
        assert!((width(&[scores(0), scores(0), scores(0)]) - alone).abs() < 0.02);
        let (all, none) = (vec![Some(1.0); 100], vec![Some(0.0); 100]);
        assert_eq!(width(&[all, none]), 1.0);
        assert_eq!(Interval::over_runs(&[&[Some(1.0), None]]), None);
    }

    #[test]
    fn one_value_has_no_interval() {
        assert_eq!(Interval::of_mean(&[1.0]), None);
    }
}

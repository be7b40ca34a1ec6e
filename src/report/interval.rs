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
        let mut means: Vec<f64> = (0..RESAMPLES).map(|_| resampled_mean()).collect();
        means.sort_by(f64::total_cmp);
        Some(Self { low: means[RESAMPLES / 40], high: means[RESAMPLES - RESAMPLES / 40 - 1] })
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
    fn one_value_has_no_interval() {
        assert_eq!(Interval::of_mean(&[1.0]), None);
    }
}

//! How sure a difference is.

use rand::RngExt;

use crate::optimize::randomness::stream;

/// Resamples of the bootstrap.
const RESAMPLES: usize = 10_000;

/// The 95% interval of the mean of paired differences: percentiles of the bootstrap (Efron 1979)
/// with a fixed seed, so that the same differences give the same interval, in whatever order. None below two pairs.
#[must_use]
pub fn paired(differences: &[f64]) -> Option<[f64; 2]> {
    let n = differences.len();
    if n < 2 {
        return None;
    }
    let mut differences = differences.to_vec();
    differences.sort_by(f64::total_cmp);
    let mut random = stream(0, "bootstrap", n as u64);
    let mut means: Vec<f64> =
        (0..RESAMPLES).map(|_| (0..n).map(|_| differences[random.random_range(0..n)]).sum::<f64>() / n as f64).collect();
    means.sort_by(f64::total_cmp);
    Some([means[RESAMPLES / 40], means[RESAMPLES - RESAMPLES / 40 - 1]])
}

#[cfg(test)]
mod tests {
    use super::paired;

    #[test]
    fn the_interval_is_that_of_the_normal_approximation() {
        let differences: Vec<f64> = (0..100).map(|i| f64::from(i % 2)).collect();
        let [low, high] = paired(&differences).unwrap();
        // The mean is 0.5, its standard error 0.05.
        assert!((low - 0.402).abs() < 0.02 && (high - 0.598).abs() < 0.02, "{low} {high}");
        let turned: Vec<f64> = differences.iter().rev().copied().collect();
        assert_eq!(paired(&turned), Some([low, high]));
    }

    #[test]
    fn one_pair_says_nothing() {
        assert_eq!(paired(&[1.0]), None);
    }
}

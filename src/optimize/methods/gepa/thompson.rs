//! Thompson sampling (Thompson 1933): to choose between alternatives that succeed with unknown probabilities, draw a
//! probability for each from what is known of it, and take the alternative with the largest draw.

use rand::{Rng, RngExt};

/// What became of the proposals that one operator or one reflector made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// The number of proposals that were compared with their parents, or that were unusable.
    pub proposals: u32,
    /// The number of those that were validated in full and were better than their parents.
    pub improvements: u32,
}

impl Outcomes {
    /// Counts a proposal.
    pub fn record(&mut self, is_improvement: bool) {
        self.proposals += 1;
        self.improvements += u32::from(is_improvement);
    }

    /// Draws a probability that the next proposal is an improvement, from the Beta distribution whose prior assumes one
    /// improvement in `prior_proposals` proposals.
    pub fn sample(&self, prior_proposals: u32, random: &mut impl Rng) -> f64 {
        beta(self.improvements + 1, self.proposals - self.improvements + prior_proposals - 1, random)
    }
}

/// The most numbers that are drawn and sorted for one number of a Beta distribution. It bounds the time of a draw in a long
/// run, which grows with the number of proposals.
const MOST_SORTED: u32 = 1000;

/// Draws a number of the Beta distribution with whole parameters `a` and `b`: the `a`-th smallest of `a + b - 1` uniform
/// numbers.
fn beta(a: u32, b: u32, random: &mut impl Rng) -> f64 {
    let count = a + b - 1;
    if count <= MOST_SORTED {
        let mut uniform: Vec<f64> = (0..count).map(|_| random.random()).collect();
        uniform.sort_by(f64::total_cmp);
        return uniform[a as usize - 1];
    }
    // For more numbers, draw only the order statistics from the nearer end: the largest of n uniform numbers is the n-th
    // root of a uniform number.
    let root = |drawn: u32, uniform: f64| uniform.powf(1.0 / f64::from(count - drawn));
    let largest = (0..a.min(b)).fold(1.0, |largest, drawn| largest * root(drawn, random.random()));
    if a < b { 1.0 - largest } else { largest }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::randomness::stream;

    #[test]
    fn a_beta_number_has_its_mean() {
        let mut random = stream(0, "beta", 0);
        let mean = (0..4000).map(|_| beta(2, 6, &mut random)).sum::<f64>() / 4000.0;
        assert!((mean - 0.25).abs() < 0.01, "{mean}");
    }

    #[test]
    fn a_draw_after_many_proposals_has_the_same_distribution_and_is_quick() {
        let mut random = stream(0, "beta", 0);
        for (a, b) in [(3, 900), (3, 1100), (1100, 3), (600, 600), (1, 2_000_000)] {
            let draws: Vec<f64> = (0..400).map(|_| beta(a, b, &mut random)).collect();
            let mean = draws.iter().sum::<f64>() / 400.0;
            let (a, b) = (f64::from(a), f64::from(b));
            let deviation = (a * b / (a + b + 1.0)).sqrt() / (a + b);
            assert!((mean - a / (a + b)).abs() < 5.0 * deviation / 20.0, "Beta({a}, {b}): {mean}");
        }
    }
}

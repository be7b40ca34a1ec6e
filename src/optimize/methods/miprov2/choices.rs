//! Which of each module's instructions and demonstration sets the next trial uses.
//!
//! A tree-structured Parzen estimator (Bergstra et al. 2011, the crate `tpe`) makes each choice in turn. The crate's estimators know
//! one choice each; so that options that are good together are found together, combinations that agree with the choices made so far
//! count more.

use rand::Rng;
use rand::RngExt;
use tpe::density_estimation::HistogramEstimatorBuilder;
use tpe::{TpeOptimizer, TpeOptimizerBuilder};

/// The share of the scored combinations that counts as good.
const GOOD_SHARE: f64 = 0.2;

/// The number of scored combinations, with the seed's, before the estimators are used. Until then, options are drawn uniformly.
const MIN_SCORED: usize = 4;

/// Several choices of one option each, made together.
#[derive(Debug)]
pub(super) struct Choices {
    /// The number of options of each choice.
    sizes: Vec<usize>,
    /// Whether the estimators are used. Without them, options are drawn uniformly: a control of the tests.
    learns: bool,
    /// Whether a choice depends on those made before it; another control of the tests.
    is_joint: bool,
    /// The combinations so far, with their scores.
    scored: Vec<(Vec<usize>, f64)>,
}

impl Choices {
    /// Creates choices with these numbers of options, at least one each.
    #[must_use]
    pub(super) fn new(sizes: Vec<usize>) -> Self {
        Self { sizes, learns: true, is_joint: true, scored: Vec::new() }
    }

    /// Returns the next combination: the index of an option for each choice.
    pub(super) fn next(&mut self, random: &mut impl Rng) -> Vec<usize> {
        let is_uniform = !self.learns || self.scored.len() < MIN_SCORED;
        let mut made: Vec<usize> = Vec::new();
        for (choice, &size) in self.sizes.iter().enumerate() {
            let estimator = if is_uniform { None } else { self.estimator(&made, choice) };
            let estimated = estimator.and_then(|mut estimator| estimator.ask(random).ok()).map(|value| value as usize);
            made.push(estimated.unwrap_or_else(|| random.random_range(0..size.max(1))).min(size.saturating_sub(1)));
        }
        made
    }

    /// Returns an estimator of one choice, given the choices made before it. None if the crate refuses the parameters.
    fn estimator(&self, made: &[usize], choice: usize) -> Option<TpeOptimizer<HistogramEstimatorBuilder>> {
        let range = tpe::categorical_range(self.sizes[choice].max(1)).ok()?;
        let mut estimator = TpeOptimizerBuilder::new().gamma(GOOD_SHARE).build(HistogramEstimatorBuilder::new(), range).ok()?;
        for (combination, score) in &self.scored {
            let agreeing = made.iter().zip(combination).filter(|(one, other)| self.is_joint && one == other).count();
            for _ in 0..=agreeing {
                // An error is impossible: the option is in the range, and the score is a number.
                drop(estimator.tell(combination[choice] as f64, -score));
            }
        }
        Some(estimator)
    }

    /// Records the score of a combination, in [0, 1].
    pub(super) fn record(&mut self, combination: &[usize], score: f64) {
        self.scored.push((combination.to_vec(), score));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::randomness::stream;

    /// Counts the trials with the full score, over many seeds.
    fn hits(learns: bool, together: bool, sizes: &[usize], trials: usize, score: fn(&[usize]) -> f64) -> usize {
        let full_scores = |seed: u64| {
            let mut random = stream(seed, "trial", 0);
            let mut choices = Choices { learns, is_joint: together, ..Choices::new(sizes.to_vec()) };
            let mut trial = |_: &usize| {
                let combination = choices.next(&mut random);
                let score = score(&combination);
                choices.record(&combination, score);
                score >= 1.0
            };
            (0..trials).filter(&mut trial).count()
        };
        (0..200).map(full_scores).sum()
    }

    /// Scores each half of the pair alone, and both together higher.
    fn halves(combination: &[usize]) -> f64 {
        match (combination[0] == 5, combination[1] == 2) {
            (true, true) => 1.0,
            (true, false) | (false, true) => 0.3,
            (false, false) => 0.0,
        }
    }

    /// Independent estimators find the pair as well, but later. (If each half of the pair is bad with anything but the other half,
    /// independent estimators find it sooner: 2133 of 8000 against 1720.)
    #[test]
    fn joint_choices_find_a_pair_sooner_than_independent_and_random_ones() {
        let hits = |learns, together| hits(learns, together, &[8, 8], 40, halves);
        let (together, apart, by_chance) = (hits(true, true), hits(true, false), hits(false, true));
        assert!(together > apart * 6 / 5 && apart > 3 * by_chance, "{together}, {apart} and {by_chance} of 8000");
    }

    #[test]
    fn the_same_seed_makes_the_same_choices() {
        let run = || {
            let mut random = stream(3, "trial", 0);
            let mut choices = Choices::new(vec![3, 4, 1]);
            let trial = |n: u32| {
                let combination = choices.next(&mut random);
                choices.record(&combination, f64::from(n % 3) / 3.0);
                combination
            };
            (0..30).map(trial).collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
        assert!(run().iter().all(|choice| choice[0] < 3 && choice[1] < 4 && choice[2] == 0));
    }
}

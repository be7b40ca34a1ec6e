//! Which of each module's instructions and demonstration sets is tried next: a tree-structured Parzen estimator (Bergstra
//! et al. 2011, the crate `tpe`) for each choice, all of them told how the whole did.

use rand::Rng;
use rand::RngExt;
use tpe::density_estimation::HistogramEstimatorBuilder;
use tpe::{TpeOptimizer, TpeOptimizerBuilder};

/// The share of what was tried that counts as good.
const GOOD: f64 = 0.2;

/// Trials that are drawn evenly before the estimators have a say.
const EVEN: usize = 4;

/// Choices of one out of several, made together.
#[derive(Debug)]
pub struct Choices {
    sizes: Vec<usize>,
    /// None: all choices are drawn evenly for ever.
    estimators: Option<Vec<TpeOptimizer<HistogramEstimatorBuilder>>>,
    told: usize,
}

impl Choices {
    /// Of so many possibilities each, at least one; `learns`: whether what is told has an effect.
    #[must_use]
    pub fn new(sizes: Vec<usize>, learns: bool) -> Self {
        let estimator = |&size: &usize| {
            let range = tpe::categorical_range(size.max(1)).ok()?;
            TpeOptimizerBuilder::new().gamma(GOOD).build(HistogramEstimatorBuilder::new(), range).ok()
        };
        let estimators = if learns { sizes.iter().map(estimator).collect() } else { None };
        Self { sizes, estimators, told: 0 }
    }

    /// The next combination.
    pub fn ask(&mut self, random: &mut impl Rng) -> Vec<usize> {
        match &mut self.estimators {
            Some(estimators) if self.told >= EVEN => {
                let draw = |(estimator, size): (&mut TpeOptimizer<HistogramEstimatorBuilder>, &usize)| {
                    let Ok(value) = estimator.ask(random);
                    (value as usize).min(size.saturating_sub(1))
                };
                estimators.iter_mut().zip(&self.sizes).map(draw).collect()
            }
            _ => self.sizes.iter().map(|&size| random.random_range(0..size.max(1))).collect(),
        }
    }

    /// How a combination did, from 0 to 1.
    pub fn tell(&mut self, combination: &[usize], score: f64) {
        self.told += 1;
        for (estimator, &choice) in self.estimators.iter_mut().flatten().zip(combination) {
            // In its range by construction, and a score is a number.
            drop(estimator.tell(choice as f64, -score));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::randomness::stream;

    /// Trials until the one pair of two times eight is found that is worth more than its halves, over many seeds.
    fn found(learns: bool, trials: usize) -> usize {
        let finds = |seed: u64| {
            let mut random = stream(seed, "trial", 0);
            let mut choices = Choices::new(vec![8, 8], learns);
            (0..trials).any(|_| {
                let combination = choices.ask(&mut random);
                let score = match (combination[0] == 5, combination[1] == 2) {
                    (true, true) => 1.0,
                    (true, false) | (false, true) => 0.3,
                    (false, false) => 0.0,
                };
                choices.tell(&combination, score);
                score >= 1.0
            })
        };
        (0..200).filter(|&seed| finds(seed)).count()
    }

    #[test]
    fn what_belongs_together_is_found_sooner_than_by_chance() {
        let (by_estimate, by_chance) = (found(true, 40), found(false, 40));
        assert!(by_estimate > by_chance + 40, "{by_estimate} and {by_chance} of 200");
    }

    #[test]
    fn the_same_seed_makes_the_same_choices() {
        let run = || {
            let mut random = stream(3, "trial", 0);
            let mut choices = Choices::new(vec![3, 4, 1], true);
            let trial = |n: u32| {
                let combination = choices.ask(&mut random);
                choices.tell(&combination, f64::from(n % 3) / 3.0);
                combination
            };
            (0..30).map(trial).collect::<Vec<_>>()
        };
        assert_eq!(run(), run());
        assert!(run().iter().all(|choice| choice[0] < 3 && choice[1] < 4 && choice[2] == 0));
    }
}

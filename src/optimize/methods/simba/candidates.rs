//! All candidates of a search with their scores on minibatches, and draws among them.

use rand::{Rng, RngExt};

use crate::program::Candidate;

/// A candidate with the scores that it was registered with.
#[derive(Debug)]
struct Registered {
    candidate: Candidate,
    /// The score on each example of the minibatch of its step; empty for the seed.
    scores: Vec<f64>,
}

/// The candidates, the seed first. An index names each.
#[derive(Debug)]
pub(super) struct Candidates(Vec<Registered>);

impl Candidates {
    /// Creates the list of the seed alone.
    pub(super) fn new(seed: Candidate) -> Self {
        Self(vec![Registered { candidate: seed, scores: Vec::new() }])
    }

    /// Adds a candidate with its scores. Returns its index.
    pub(super) fn register(&mut self, candidate: Candidate, scores: Vec<f64>) -> usize {
        self.0.push(Registered { candidate, scores });
        self.0.len() - 1
    }

    /// Returns the candidate at `index`. The seed if there is none.
    pub(super) fn candidate(&self, index: usize) -> &Candidate {
        &self.0.get(index).unwrap_or(&self.0[0]).candidate
    }

    /// Whether a candidate is registered.
    pub(super) fn contains(&self, candidate: &Candidate) -> bool {
        self.0.iter().any(|registered| registered.candidate == *candidate)
    }

    /// Returns the mean score of a candidate; 0 for the seed, which has no scores of its own.
    pub(super) fn mean(&self, index: usize) -> f64 {
        let scores = self.0.get(index).map_or(&[][..], |registered| registered.scores.as_slice());
        if scores.is_empty() { 0.0 } else { scores.iter().sum::<f64>() / scores.len() as f64 }
    }

    /// Returns the indices of the `most` candidates with the best means, the best first; of equal means, the older. If the seed
    /// is not among them, it replaces the last.
    pub(super) fn top(&self, most: usize) -> Vec<usize> {
        let mut all: Vec<usize> = (0..self.0.len()).collect();
        all.sort_by(|a, b| self.mean(*b).total_cmp(&self.mean(*a)));
        all.truncate(most.max(1));
        if !all.contains(&0) {
            all.pop();
            all.push(0);
        }
        all
    }

    /// Draws one of the candidates at `indices` by a softmax over their means.
    pub(super) fn draw(&self, indices: &[usize], temperature: f64, random: &mut impl Rng) -> usize {
        let best = indices.iter().map(|&index| self.mean(index)).fold(0.0, f64::max);
        // The best has the weight 1, so that no weight overflows.
        let weights: Vec<f64> = indices.iter().map(|&index| ((self.mean(index) - best) / temperature).exp()).collect();
        let mut left = random.random::<f64>() * weights.iter().sum::<f64>();
        let drawn = indices.iter().zip(&weights).find(|(_, weight)| {
            left -= **weight;
            left < 0.0
        });
        drawn.map(|(index, _)| index).or(indices.last()).copied().unwrap_or(0)
    }
}

/// Draws a number from a Poisson distribution with this mean (Knuth's method, which is meant for small means).
pub(super) fn poisson(mean: f64, random: &mut impl Rng) -> usize {
    let limit = (-mean).exp();
    let (mut count, mut product) = (0, random.random::<f64>());
    while product > limit {
        count += 1;
        product *= random.random::<f64>();
    }
    count
}

/// Returns at most `most` indices of a list of `winners` items, evenly spread from the first to the last, each once.
pub(super) fn spread(winners: usize, most: usize) -> Vec<usize> {
    let (last, steps) = (winners.saturating_sub(1) as f64, most.saturating_sub(1).max(1) as f64);
    let mut indices: Vec<usize> = (0..most).map(|n| (n as f64 * last / steps).round_ties_even() as usize).collect();
    indices.dedup();
    indices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::randomness::stream;

    fn candidates(means: &[f64]) -> Candidates {
        let mut candidates = Candidates::new(Candidate::new(["seed"]));
        for (index, mean) in means.iter().enumerate() {
            candidates.register(Candidate::new([index.to_string()]), vec![*mean]);
        }
        candidates
    }

    #[test]
    fn the_seed_is_always_among_the_best() {
        let all = candidates(&[0.5, 0.25, 0.75]);
        assert_eq!((all.top(2), all.top(4), all.top(1)), (vec![3, 0], vec![3, 1, 2, 0], vec![0]));
    }

    #[test]
    fn a_low_temperature_draws_the_best_and_a_high_one_all() {
        let all = candidates(&[0.5, 1.0]);
        let count = |temperature: f64| {
            let mut random = stream(1, "draw", 0);
            (0..300).filter(|_| all.draw(&[0, 1, 2], temperature, &mut random) == 2).count()
        };
        assert!(count(0.01) == 300 && count(0.2) > 250 && (70..130).contains(&count(100.0)));
    }

    #[test]
    fn winners_are_spread_as_in_the_reference() {
        // round(i * 8 / 6) for i from 0 to 6.
        assert_eq!(spread(9, 7), [0, 1, 3, 4, 5, 7, 8]);
        assert_eq!((spread(3, 7), spread(1, 7), spread(4, 1)), (vec![0, 1, 2], vec![0], vec![0]));
    }

    #[test]
    fn the_poisson_numbers_have_their_mean() {
        let mut random = stream(1, "poisson", 0);
        let sum: usize = (0..2000).map(|_| poisson(1.5, &mut random)).sum();
        assert!((2800..3200).contains(&sum), "{sum}");
        assert_eq!(poisson(0.0, &mut random), 0);
    }
}

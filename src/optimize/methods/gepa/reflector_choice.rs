//! Which reflector is asked in an iteration. The paper has one; of several, the one that is expected to bring the most
//! improvements for its cost is drawn most often.

use rand::Rng;

use super::thompson::Outcomes;

/// The prior of a reflector: one improvement in so many proposals.
const PRIOR_PROPOSALS: u32 = 2;

/// Names a reflector: its index in the list of the plan's reflectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReflectorIndex(pub usize);

/// The outcomes and the costs of all reflectors.
#[derive(Debug, Clone, Default)]
pub struct ReflectorChoice(Vec<ReflectorRecord>);

#[derive(Debug, Clone, Copy, Default)]
struct ReflectorRecord {
    outcomes: Outcomes,
    /// The number of tokens read and written for its proposals.
    tokens: u64,
    /// The cost of a token, for which the bytes of the model's weights stand: measured time would make runs
    /// unrepeatable. At least 1.
    bytes: u64,
}

impl ReflectorChoice {
    /// Starts without outcomes, from the bytes of each reflector's weights.
    #[must_use]
    pub fn new(bytes: &[u64]) -> Self {
        let record = |&bytes: &u64| ReflectorRecord { bytes: bytes.max(1), ..ReflectorRecord::default() };
        Self(bytes.iter().map(record).collect())
    }

    /// Returns the reflector to be asked next: each once in order, then the one with the largest ratio of a probability
    /// drawn by Thompson sampling to the mean cost of its proposals.
    pub fn choose(&self, random: &mut impl Rng) -> ReflectorIndex {
        if let Some(untried) = self.0.iter().position(|record| record.outcomes.proposals == 0) {
            return ReflectorIndex(untried);
        }
        let worth = |record: &ReflectorRecord| {
            let cost = record.tokens as f64 / f64::from(record.outcomes.proposals) * record.bytes as f64;
            record.outcomes.sample(PRIOR_PROPOSALS, random) / cost.max(1.0)
        };
        let worth: Vec<f64> = self.0.iter().map(worth).collect();
        let best = (0..worth.len()).max_by(|&a, &b| worth[a].total_cmp(&worth[b]).then(b.cmp(&a)));
        ReflectorIndex(best.unwrap_or(0))
    }

    /// Counts a proposal of a reflector.
    pub fn record(&mut self, reflector: ReflectorIndex, is_improvement: bool) {
        self.0[reflector.0].outcomes.record(is_improvement);
    }

    /// Adds tokens that a reflector read and wrote.
    pub fn add_tokens(&mut self, reflector: ReflectorIndex, tokens: u64) {
        self.0[reflector.0].tokens += tokens;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::randomness::stream;

    #[test]
    fn the_cheaper_of_two_equal_reflectors_and_the_better_of_two_of_equal_cost_is_asked_more_often() {
        let times_first_is_chosen = |bytes: [u64; 2], improvements: [u32; 2]| {
            let mut choice = ReflectorChoice::new(&bytes);
            assert_eq!(choice.choose(&mut stream(0, "teacher", 0)), ReflectorIndex(0));
            for (reflector, improvements) in improvements.into_iter().enumerate() {
                (0..20).for_each(|n| choice.record(ReflectorIndex(reflector), n < improvements));
                choice.add_tokens(ReflectorIndex(reflector), 20_000);
            }
            (0..1000).filter(|n| choice.choose(&mut stream(0, "teacher", *n)) == ReflectorIndex(0)).count()
        };
        assert!(times_first_is_chosen([1, 3], [6, 6]) > 900);
        assert!(times_first_is_chosen([1, 1], [10, 3]) > 900);
        // Twice the improvements are not worth three times the cost.
        assert!(times_first_is_chosen([3, 1], [12, 6]) < 300);
    }
}

//! The test evaluations of a run.

use crate::engine::Usage;

/// The test evaluation of one candidate.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Tested {
    /// The score on each test example, in order; None if the metric failed.
    pub(crate) scores: Vec<Option<f64>>,
    /// Tokens, a judge's included.
    pub(crate) usage: Usage,
    /// Seconds in the engine.
    pub(crate) engine: f64,
    /// Seconds in total. 0 if the candidate was not run because its scores are those of the seed.
    pub(crate) seconds: f64,
}

/// The test evaluations of the seed and the best candidate.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TestScores {
    /// The seed's evaluation.
    pub(crate) seed: Tested,
    /// The best candidate's evaluation. If the seed is the best, it has the seed's scores, no tokens and no seconds.
    pub(crate) best: Tested,
}

impl Tested {
    fn was_run(&self) -> bool {
        self.seconds > 0.0
    }
}

impl TestScores {
    /// Returns the number of rollouts that were run.
    pub(super) fn rollouts(&self) -> u64 {
        [&self.seed, &self.best].into_iter().filter(|tested| tested.was_run()).map(|tested| tested.scores.len() as u64).sum()
    }

    /// Returns the number of rollouts that the metric failed on. The seed's scores count once.
    pub(super) fn unscored(&self) -> u64 {
        let unscored = |tested: &Tested| tested.scores.iter().filter(|score| score.is_none()).count() as u64;
        unscored(&self.seed) + if self.best.was_run() { unscored(&self.best) } else { 0 }
    }

    /// Returns the difference, best less seed, for each example on which both were scored.
    pub(super) fn differences(&self) -> Vec<f64> {
        let pairs = self.seed.scores.iter().zip(&self.best.scores);
        pairs.filter_map(|(seed, best)| Some((*best)? - (*seed)?)).collect()
    }
}

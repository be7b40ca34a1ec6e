//! The test evaluations after a search: seed and best candidate on examples that nothing else has read.

use super::outcome::Tested;
use crate::data::Example;
use crate::data::split::Split;
use crate::error::RunError;
use crate::evaluate::evaluator::{Evaluator, salt};
use crate::evaluate::failures::MetricFailures;
use crate::evaluate::request::RolloutRequest;
use crate::evaluate::scored::{Scored, ScoredRollouts};
use crate::evaluate::scores::mean;
use crate::evaluate::waves::{RolloutStore, Waves};
use crate::event::{Lifecycle, Purpose};
use crate::hooks::Hooks;
use crate::journal::{Journal, Record, SubWaveRequest};
use crate::program::PoolIndex;
use crate::program::candidate::Candidate;

/// Scores candidates on the test examples, outside of the search's budget.
pub(super) struct Tester<'a> {
    /// Runs and scores the rollouts.
    pub(super) evaluator: Evaluator<'a>,
    /// The run's seed.
    pub(super) seed: u64,
    /// The test examples.
    pub(super) examples: &'a [Example],
    /// The journal, which keeps test evaluations by key.
    pub(super) journal: &'a mut Journal,
    /// Counts the failures of the metric.
    pub(super) failures: MetricFailures,
}

impl Tester<'_> {
    /// Scores the candidate at `pool_index` of the pool, or reads its scores from the journal.
    ///
    /// # Errors
    /// [`RunError`]; the journal holds the sub-waves up to it.
    pub(super) fn test(
        &mut self,
        pool_index: PoolIndex,
        candidate: &Candidate,
        hooks: &mut Hooks<'_>,
    ) -> Result<Tested, RunError> {
        let fresh = self.examples.len();
        hooks.emit(&Lifecycle::Evaluating { purpose: Purpose::Test, split: Split::Test, fresh, reused: 0 }.into());
        let key = candidate.key();
        let request = |example| RolloutRequest { candidate, key: &key, example, draw: None };
        let requests: Vec<RolloutRequest<'_>> = self.examples.iter().map(request).collect();
        let mut store = TestStore { journal: &mut *self.journal, candidate: &key, next_sub_wave: 0 };
        let mut waves = Waves { evaluator: &mut self.evaluator, store: Some(&mut store), failures: &mut self.failures, hooks };
        let ScoredRollouts { scored, cost } = waves.run(&requests, &salt(self.seed, Split::Test, 0))?;
        let scores: Vec<Option<f64>> = scored.iter().map(Scored::score).collect();
        hooks.emit(&Lifecycle::Tested { candidate: pool_index, mean: mean(&scores) }.into());
        Ok(Tested { scores, usage: cost.usage, engine: cost.engine + cost.judge, seconds: cost.elapsed })
    }
}

/// The test evaluation of one candidate in a journal. Its sub-waves are found by candidate and number, not by their order in the
/// journal: they stand wherever the search had ended.
struct TestStore<'s> {
    journal: &'s mut Journal,
    /// The candidate's key.
    candidate: &'s str,
    /// The number of the sub-wave that is looked up next.
    next_sub_wave: usize,
}

impl TestStore<'_> {
    /// Returns the key of the next sub-wave.
    fn key(&self) -> String {
        format!("{}/{}", self.candidate, self.next_sub_wave)
    }
}

/// Returns what a record of these requests answers.
fn ask(requests: &[RolloutRequest<'_>]) -> SubWaveRequest {
    SubWaveRequest::new(Split::Test, requests.iter().map(|request| (request.key, request.example)))
}

impl RolloutStore for TestStore<'_> {
    type Error = RunError;

    fn find(&mut self, requests: &[RolloutRequest<'_>], _: &mut Hooks<'_>) -> Result<Option<ScoredRollouts>, RunError> {
        match self.journal.test(&self.key())? {
            Some(Record::Test { ask: recorded, rollouts, cost, .. }) if recorded == ask(requests) => {
                self.next_sub_wave += 1;
                Ok(Some(ScoredRollouts { scored: rollouts, cost }))
            }
            _ => Ok(None),
        }
    }

    fn append(&mut self, requests: &[RolloutRequest<'_>], sub_wave: &mut ScoredRollouts) -> Result<(), RunError> {
        let (rollouts, cost) = (sub_wave.scored.clone(), sub_wave.cost);
        self.journal.append(&Record::Test { key: self.key(), ask: ask(requests), rollouts, cost })?;
        self.next_sub_wave += 1;
        Ok(())
    }
}

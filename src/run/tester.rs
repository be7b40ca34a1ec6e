//! The test evaluations after a search: seed and best on examples that nothing else has seen.

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::outcome::Tested;
use crate::data::Example;
use crate::data::split::Split;
use crate::error::RunError;
use crate::evaluate::evaluator::{Asked, Evaluator, SUB_WAVE, salt, watch};
use crate::evaluate::failures::Failures;
use crate::evaluate::scores::mean;
use crate::evaluate::{Cost, Scored};
use crate::event::{Event, Purpose};
use crate::journal::{Journal, Record, SubWaveRequest};
use crate::program::Candidate;

/// Scores candidates on the test examples, after the search and outside of its budget.
pub(super) struct Tester<'a> {
    pub(super) evaluator: Evaluator<'a>,
    /// The run's seed.
    pub(super) seed: u64,
    pub(super) examples: &'a [Example],
    pub(super) journal: &'a mut Journal,
    pub(super) interrupted: &'a AtomicBool,
    pub(super) listener: &'a mut dyn FnMut(&Event),
    pub(super) failures: Failures,
}

impl Tester<'_> {
    /// Scores the candidate at `place` in the pool, or reads its scores from the journal.
    pub(super) fn test(&mut self, place: usize, candidate: &Candidate) -> Result<Tested, RunError> {
        let mut tested = Tested::default();
        let key = candidate.key();
        (self.listener)(&Event::Evaluating { purpose: Purpose::Test, split: Split::Test, fresh: self.examples.len(), reused: 0 });
        for (index, chunk) in self.examples.chunks(SUB_WAVE).enumerate() {
            let asked: Vec<Asked<'_>> = chunk.iter().map(|example| Asked { candidate, key: &key, example }).collect();
            let (rollouts, cost) = self.sub_wave(&format!("{key}/{index}"), &asked)?;
            self.evaluator.learn(&asked, &rollouts);
            tested.scores.extend(rollouts.iter().map(Scored::score));
            tested.usage += cost.usage;
            tested.engine += cost.engine + cost.judge;
            tested.seconds += cost.elapsed;
        }
        (self.listener)(&Event::Tested { candidate: place, mean: mean(&tested.scores) });
        Ok(tested)
    }

    fn sub_wave(&mut self, key: &str, asked: &[Asked<'_>]) -> Result<(Vec<Scored>, Cost), RunError> {
        let ask = SubWaveRequest::new(Split::Test, asked.iter().map(|a| (a.key, a.example)));
        if let Some(Record::Test { ask: recorded, rollouts, cost, .. }) = self.journal.test(key)?
            && recorded == ask
        {
            self.failures.hear_all(&rollouts, asked, self.listener)?;
            return Ok((rollouts, cost));
        }
        let started = Instant::now();
        let salt = salt(self.seed, Split::Test, 0);
        let (rollouts, mut cost) = self.evaluator.sub_wave(asked, &salt, &mut watch(self.interrupted, &mut *self.listener))?;
        cost.elapsed = started.elapsed().as_secs_f64();
        // Failures that end the run are not kept, as in the search.
        self.failures.hear_all(&rollouts, asked, self.listener)?;
        self.journal.append(&Record::Test { key: key.to_owned(), ask, rollouts: rollouts.clone(), cost })?;
        Ok((rollouts, cost))
    }
}

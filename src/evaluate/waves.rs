//! Runs lists of rollouts in sub-waves, and answers from a store what was run before.

use std::time::Instant;

use super::evaluator::Evaluator;
use super::failures::{MetricFailures, TooManyFailures};
use super::request::RolloutRequest;
use super::scored::ScoredRollouts;
use crate::engine::EngineError;
use crate::hooks::Hooks;

/// Stores sub-waves, and finds those that were stored before.
pub trait RolloutStore {
    /// The error of a run.
    type Error: From<EngineError> + From<TooManyFailures>;

    /// Returns the stored sub-wave of these requests; None if it must be run.
    ///
    /// # Errors
    /// If the store cannot be read or holds something else, and if the run is to be interrupted.
    fn find(&mut self, requests: &[RolloutRequest<'_>], hooks: &mut Hooks<'_>) -> Result<Option<ScoredRollouts>, Self::Error>;

    /// Stores a sub-wave that was just run. The `elapsed` of its cost is the seconds that it took; a store may replace it by another
    /// clock.
    ///
    /// # Errors
    /// If the store cannot be written.
    fn append(&mut self, requests: &[RolloutRequest<'_>], sub_wave: &mut ScoredRollouts) -> Result<(), Self::Error>;
}

/// Runs rollouts in sub-waves. `E` is the error of a run.
pub struct Waves<'w, 'e, 'h, E> {
    /// Runs and scores the rollouts.
    pub evaluator: &'w mut Evaluator<'e>,
    /// The store. With None, nothing is stored, and answers are not added to the answer cache.
    pub store: Option<&'w mut dyn RolloutStore<Error = E>>,
    /// Counts the failures of the metric.
    pub failures: &'w mut MetricFailures,
    /// Receives the events.
    pub hooks: &'w mut Hooks<'h>,
}

impl<E: From<EngineError> + From<TooManyFailures>> Waves<'_, '_, '_, E> {
    /// Runs all requests, in sub-waves of as many as the evaluator says. Returns the rollouts in order, and the sum of their costs.
    ///
    /// # Errors
    /// Those of [`sub_wave`](Self::sub_wave).
    pub fn run(&mut self, requests: &[RolloutRequest<'_>], salt: &str) -> Result<ScoredRollouts, E> {
        let mut all = ScoredRollouts::default();
        for requests in requests.chunks(self.evaluator.most_rollouts()) {
            let sub_wave = self.sub_wave(requests, salt)?;
            all.scored.extend(sub_wave.scored);
            all.cost += sub_wave.cost;
        }
        Ok(all)
    }

    /// Runs one sub-wave, or finds it in the store. `salt` is part of every seed
    /// ([`evaluator::salt`](super::evaluator::salt)).
    ///
    /// # Errors
    /// [`TooManyFailures`], [`EngineError::Interrupted`], and other errors of engine and store.
    pub fn sub_wave(&mut self, requests: &[RolloutRequest<'_>], salt: &str) -> Result<ScoredRollouts, E> {
        let found = match &mut self.store {
            Some(store) => store.find(requests, self.hooks)?,
            None => None,
        };
        let sub_wave = match found {
            Some(sub_wave) => {
                self.failures.count_all(&sub_wave.scored, requests, self.hooks)?;
                sub_wave
            }
            None => self.run_sub_wave(requests, salt)?,
        };
        if self.store.is_some() {
            self.evaluator.learn(requests, &sub_wave.scored);
        }
        Ok(sub_wave)
    }

    /// Runs one sub-wave and stores it.
    fn run_sub_wave(&mut self, requests: &[RolloutRequest<'_>], salt: &str) -> Result<ScoredRollouts, E> {
        if self.hooks.is_interrupted() {
            return Err(EngineError::Interrupted.into());
        }
        let started = Instant::now();
        let mut sub_wave = self.evaluator.sub_wave(requests, salt, self.hooks)?;
        sub_wave.cost.elapsed = started.elapsed().as_secs_f64();
        // Failures that end the run are not stored: once the metric is repaired, the run goes on with this sub-wave.
        self.failures.count_all(&sub_wave.scored, requests, self.hooks)?;
        if let Some(store) = &mut self.store {
            store.append(requests, &mut sub_wave)?;
        }
        Ok(sub_wave)
    }
}

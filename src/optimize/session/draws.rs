//! Rollouts whose answers are drawn at a temperature of the optimizer's.

use std::sync::Arc;

use super::{Halt, Session};
use crate::data::ExampleIndex;
use crate::data::split::Split;
use crate::evaluate::evaluator::salt;
use crate::evaluate::request::{Draw, RolloutRequest};
use crate::evaluate::scored::Scored;
use crate::evaluate::scores::mean;
use crate::event::{Lifecycle, Purpose};
use crate::program::candidate::Candidate;

impl Session<'_> {
    /// Runs candidates on training examples, and draws the answers of all modules at `temperature`. Returns the scored rollouts in the
    /// order of `rollouts`. They are never reused: equal pairs of candidate and example are drawn anew, each charged to the budget.
    ///
    /// # Errors
    /// [`Halt::Stop`] between sub-waves if the budget is spent or the user has asked to stop. [`Halt::Error`] if the run has failed.
    pub fn draw(&mut self, rollouts: &[(&Candidate, ExampleIndex)], temperature: f32) -> Result<Vec<Arc<Scored>>, Halt> {
        self.evaluations += 1;
        let (purpose, split) = (Purpose::Trial, Split::Train);
        self.hooks.emit(&Lifecycle::Evaluating { purpose, split, fresh: rollouts.len(), reused: 0 }.into());
        let salt = salt(self.plan.seed, split, self.evaluations);
        let keys: Vec<String> = rollouts.iter().map(|(candidate, _)| candidate.key()).collect();
        let examples = self.train();
        let request = |number: usize| {
            let (candidate, example) = rollouts[number];
            RolloutRequest {
                candidate,
                key: &keys[number],
                example: &examples[example.0],
                draw: Some(Draw { temperature, number }),
            }
        };
        let requests: Vec<RolloutRequest<'_>> = (0..rollouts.len()).map(request).collect();
        let mut all = Vec::with_capacity(rollouts.len());
        for sub_wave in requests.chunks(self.evaluator.most_rollouts()) {
            self.require_budget(sub_wave.len() as u64)?;
            all.extend(self.run_requests(split, sub_wave, &salt)?.into_iter().map(Arc::new));
        }
        let scores: Vec<Option<f64>> = all.iter().map(|scored| scored.score()).collect();
        let (mean, spent, tokens, elapsed) = (mean(&scores), self.spent.rollouts, self.spent.tokens(), self.elapsed());
        self.hooks.emit(&Lifecycle::Evaluated { purpose, mean, spent, tokens, elapsed }.into());
        Ok(all)
    }
}

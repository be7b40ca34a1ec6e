//! Counts the metric's failures, and says when there are too many to go on.

use super::evaluator::Asked;
use crate::data::Example;
use crate::error::RunError;
use crate::evaluate::{Scored, Verdict};
use crate::event::Event;

/// Failures in a row that end a run.
const IN_A_ROW: u64 = 3;

/// From so many rollouts on, more than a tenth of them failing ends a run.
const SHARE_COUNTS_FROM: u64 = 20;

/// What the metric was asked, and what it failed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Failures {
    /// Rollouts that were to be judged.
    pub judged: u64,
    /// Rollouts without a verdict.
    pub unscored: u64,
    in_a_row: u64,
}

impl Failures {
    /// Takes note of the rollout of `example`, and tells of it where it was not scored.
    ///
    /// # Errors
    /// As [`Self::count`].
    pub fn hear(&mut self, scored: &Scored, example: &Example, listener: &mut dyn FnMut(&Event)) -> Result<(), RunError> {
        if let Verdict::Unscored(cause) = &scored.verdict {
            listener(&Event::Unscored { example: example.id.clone(), cause: cause.clone() });
        }
        self.count(scored)
    }

    /// The same of a sub-wave.
    ///
    /// # Errors
    /// As [`Self::count`].
    pub fn hear_all(&mut self, scored: &[Scored], asked: &[Asked<'_>], listener: &mut dyn FnMut(&Event)) -> Result<(), RunError> {
        scored.iter().zip(asked).try_for_each(|(scored, asked)| self.hear(scored, asked.example, listener))
    }

    /// Takes note of a rollout.
    ///
    /// # Errors
    /// [`RunError::Metric`] at the third failure in a row, or when more than a tenth failed.
    pub fn count(&mut self, scored: &Scored) -> Result<(), RunError> {
        self.judged += 1;
        let Verdict::Unscored(cause) = &scored.verdict else {
            self.in_a_row = 0;
            return Ok(());
        };
        self.unscored += 1;
        self.in_a_row += 1;
        let share = self.judged >= SHARE_COUNTS_FROM && self.unscored * 10 > self.judged;
        if self.in_a_row < IN_A_ROW && !share {
            return Ok(());
        }
        Err(RunError::Metric { failed: self.unscored, judged: self.judged, cause: cause.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Judgement;
    use crate::program::Rollout;

    fn ends_after(pattern: &str) -> Option<usize> {
        let mut failures = Failures::default();
        pattern.chars().position(|c| {
            let rollout = Rollout { steps: Vec::new(), failure: None };
            let verdict = if c == 'x' { Verdict::Unscored("no".into()) } else { Verdict::Judged(Judgement::new(1.0, "")) };
            failures.count(&Scored { rollout, verdict }).is_err()
        })
    }

    #[test]
    fn three_in_a_row_or_more_than_a_tenth_end_a_run() {
        assert_eq!(ends_after("xx.xx.xx."), None);
        assert_eq!(ends_after("xx.xxx"), Some(5));
        assert_eq!(ends_after("x..........x..................x....."), None);
        assert_eq!(ends_after("x...x..............x"), Some(19));
    }
}

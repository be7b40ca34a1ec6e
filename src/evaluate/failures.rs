//! Counts the failures of the metric, and ends a run in which there are too many.

use super::request::RolloutRequest;
use super::scored::{Scored, Verdict};
use crate::event::Lifecycle;
use crate::hooks::Hooks;

/// The number of failures in a row that ends a run.
const MOST_IN_A_ROW: u64 = 3;

/// The number of rollouts from which on a run ends if the metric failed on more than a tenth of them.
const SHARE_COUNTS_FROM: u64 = 20;

/// The metric failed on too many rollouts, which ends a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the metric failed on {failed} of {judged} rollouts, the last time with: {cause}")]
pub struct TooManyFailures {
    /// Rollouts that the metric failed on.
    pub failed: u64,
    /// Rollouts that the metric was given.
    pub judged: u64,
    /// The last error of the metric.
    pub cause: String,
}

/// How many rollouts the metric was given, and on how many it failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MetricFailures {
    /// Rollouts that the metric was given.
    pub judged: u64,
    /// Rollouts that it failed on.
    pub unscored: u64,
    in_a_row: u64,
}

impl MetricFailures {
    /// Counts scored rollouts, and emits [`Lifecycle::Unscored`] for each that the metric failed on. `requests` are their requests, in
    /// the same order.
    ///
    /// # Errors
    /// Those of [`count`](Self::count).
    pub fn count_all(
        &mut self,
        scored: &[Scored],
        requests: &[RolloutRequest<'_>],
        hooks: &mut Hooks<'_>,
    ) -> Result<(), TooManyFailures> {
        scored.iter().zip(requests).try_for_each(|(scored, request)| {
            if let Verdict::Unscored(cause) = &scored.verdict {
                hooks.emit(&Lifecycle::Unscored { example: request.example.id.clone(), cause: cause.clone() }.into());
            }
            self.count(scored)
        })
    }

    /// Counts one scored rollout.
    ///
    /// # Errors
    /// [`TooManyFailures`] at the third failure in a row, or if the metric failed on more than a tenth of at least 20 rollouts.
    pub fn count(&mut self, scored: &Scored) -> Result<(), TooManyFailures> {
        self.judged += 1;
        let Verdict::Unscored(cause) = &scored.verdict else {
            self.in_a_row = 0;
            return Ok(());
        };
        self.unscored += 1;
        self.in_a_row += 1;
        let is_share_too_large = self.judged >= SHARE_COUNTS_FROM && self.unscored * 10 > self.judged;
        if self.in_a_row < MOST_IN_A_ROW && !is_share_too_large {
            return Ok(());
        }
        Err(TooManyFailures { failed: self.unscored, judged: self.judged, cause: cause.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Judgement;
    use crate::program::Rollout;

    /// Counts a failure for each `x` of `pattern`, a success for any other character. Returns the index at which the run ends.
    fn ends_after(pattern: &str) -> Option<usize> {
        let mut failures = MetricFailures::default();
        pattern.chars().position(|c| {
            let verdict = if c == 'x' { Verdict::Unscored("no".into()) } else { Verdict::Judged(Judgement::new(1.0, "")) };
            failures.count(&Scored { rollout: Rollout::default(), verdict }).is_err()
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

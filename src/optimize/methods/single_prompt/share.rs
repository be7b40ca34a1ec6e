//! A module's share of the budget.

use crate::optimize::session::Session;

/// A validation during the search may cost at most one in this many of the rollouts that the share still has.
const VALIDATION_SHARE: u64 = 10;

/// An equal share of what was left of the budget when the search turned to a module. The limits are read when the share is used, so
/// that it grows with them.
#[derive(Debug, Clone, Copy)]
pub(super) struct BudgetShare {
    /// The rollouts that were charged before.
    rollouts_before: u64,
    /// The run's clock at that time, in seconds.
    seconds_before: f64,
    /// The number of modules that share the rest, with this one.
    modules: usize,
}

impl BudgetShare {
    /// Creates one of `modules` equal shares of what is left now.
    pub(super) fn new(session: &Session<'_>, modules: usize) -> Self {
        Self { rollouts_before: session.spent().rollouts, seconds_before: session.elapsed(), modules: modules.max(1) }
    }

    /// Returns the number of rollouts that the share still has. The rollouts of a validation at the end of the search are reserved.
    pub(super) fn rollouts_left(self, session: &Session<'_>) -> usize {
        let limits = session.limits();
        let end = |most: u64| self.seconds_before + (most as f64 - self.seconds_before).max(0.0) / self.modules as f64;
        if limits.seconds.is_some_and(|most| session.elapsed() >= end(most)) {
            return 0;
        }
        let Some(most) = limits.rollouts else { return usize::MAX };
        let shared = most.saturating_sub(self.rollouts_before).saturating_sub(session.validation_size() as u64);
        let end = self.rollouts_before + shared / self.modules as u64;
        usize::try_from(end.saturating_sub(session.spent().rollouts)).unwrap_or(usize::MAX)
    }

    /// Whether the best candidate may be validated during the search: it costs little, or the search can run out of time at any
    /// moment.
    pub(super) fn may_validate(self, session: &Session<'_>) -> bool {
        let (left, cost) = (self.rollouts_left(session) as u64, session.validation_size() as u64);
        let is_cheap = left >= cost.saturating_mul(VALIDATION_SHARE);
        is_cheap || (session.limits().seconds.is_some() && left >= cost)
    }
}

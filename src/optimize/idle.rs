//! Counts idle iterations: those that charged no rollout, because everything they asked for was reused. Many of them in a
//! row mean that a search finds nothing new.

use super::session::{Halt, Session};
use crate::event::Decision;

/// The number of idle iterations in a row, and how many end a search.
#[derive(Debug, Clone, Copy)]
pub struct IdleIterations {
    in_a_row: usize,
    limit: usize,
}

impl IdleIterations {
    /// Starts at 0; a search ends after `limit` idle iterations in a row.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { in_a_row: 0, limit }
    }

    /// Counts a finished iteration, before which `charged_before` rollouts had been charged. Logs [`Decision::Idle`] where it
    /// was idle; starts again from 0 where it was not.
    ///
    /// # Errors
    /// As [`Session::log`].
    pub fn record(&mut self, session: &mut Session<'_>, iteration: u64, charged_before: u64) -> Result<(), Halt> {
        if session.spent().rollouts > charged_before {
            self.in_a_row = 0;
            return Ok(());
        }
        self.in_a_row += 1;
        session.log(Decision::Idle { iteration, in_a_row: self.in_a_row, of: self.limit })
    }

    /// Whether the last iterations were idle, as many as end a search.
    #[must_use]
    pub fn is_limit_reached(&self) -> bool {
        self.in_a_row >= self.limit
    }
}

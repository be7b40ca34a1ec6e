//! What every optimizer implements.

use super::joining;
use super::pool::{Member, Pool};
use super::session::{Halt, Session};
use crate::error::RunError;
use crate::event::StopReason;

/// A method that searches for a better candidate.
///
/// Its decisions depend only on the plan, the seed and the session's answers: it reads no clock and iterates over no unordered map.
/// A resumed run starts it from the beginning and answers it from the journal.
pub trait Optimizer {
    /// Searches until the budget is spent or there is nothing left to try, and adds accepted candidates to [`Self::members`].
    ///
    /// # Errors
    /// [`Halt::Stop`] if the session stops the search; [`Halt::Error`] if the run failed.
    fn search(&mut self, session: &mut Session<'_>) -> Result<StopReason, Halt>;

    /// Returns the accepted candidates. The first is the seed.
    fn members(&mut self) -> &mut Vec<Member>;

    /// Searches, and returns the accepted candidates as a pool.
    ///
    /// # Errors
    /// [`RunError`] if the search failed, or stopped before the seed was validated. The journal has everything up to then.
    fn run(&mut self, session: &mut Session<'_>) -> Result<Pool, RunError> {
        let ended = self.search(session);
        joining::finish(std::mem::take(self.members()), ended)
    }
}

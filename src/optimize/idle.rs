//! Iterations that charge no rollout: enough of them in a row, and there is nothing left to learn.

use super::Session;
use super::session::Halt;
use crate::event::Event;

/// How many iterations in a row charged none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Idle(usize);

impl Idle {
    /// Takes note of an iteration that began when `before` rollouts were charged, and tells if it charged none. Whether
    /// that makes `of` in a row, which end a search.
    ///
    /// # Errors
    /// As [`Session::log`].
    pub fn is_end(&mut self, session: &mut Session<'_>, iteration: u64, before: u64, of: usize) -> Result<bool, Halt> {
        if session.spent().rollouts > before {
            self.0 = 0;
            return Ok(false);
        }
        self.0 += 1;
        session.log(&Event::Idle { iteration, in_a_row: self.0, of })?;
        Ok(self.0 >= of)
    }
}

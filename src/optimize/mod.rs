//! The search for a better candidate: what an optimizer is, and what it may do.

pub mod evaluator;
pub mod failures;
pub mod gepa;
pub mod pool;
pub mod randomness;
pub mod session;

pub use pool::{Member, Pool, Scores};
pub use session::{Answers, Ask, Halt, Session};

use crate::error::RunError;

/// A method of looking for better candidates.
///
/// A pure function of the plan, the seed and the session's answers: no clock, no unordered map. A
/// resumed run starts it from the beginning and answers from the journal.
pub trait Optimizer {
    /// Searches until the budget is spent or there is nothing left to try.
    ///
    /// # Errors
    /// [`RunError`]; the journal holds everything up to it.
    fn run(&mut self, session: &mut Session<'_>) -> Result<Pool, RunError>;
}

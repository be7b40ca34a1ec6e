//! The reasons why an attempt to change a text gave nothing that can be tried.

pub use crate::event::Unusable;
use crate::event::{Decision, Origin};
use crate::optimize::session::{Halt, Session};

/// Identifies an attempt to change a module's text in the events of an iteration.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// The number of the proposal in its iteration, from 1.
    pub proposal: usize,
    /// The index of the module.
    pub module_index: usize,
    /// The operator, or the method's step.
    pub operator: Origin,
}

/// Logs that an attempt gave nothing that can be tried. `text` is what the reflector wrote, if it wrote anything.
///
/// # Errors
/// As [`Session::log`].
pub fn log_unusable(
    session: &mut Session<'_>,
    iteration: u64,
    attempt: Attempt,
    unusable: Unusable,
    text: String,
) -> Result<(), Halt> {
    session.log(Decision::Unusable {
        iteration,
        proposal: attempt.proposal,
        module: session.program().modules[attempt.module_index].name.clone(),
        operator: attempt.operator,
        reason: unusable,
        text,
    })
}

//! What a method for a single prompt implements.

use super::iteration::Iteration;
use crate::optimize::session::Halt;
use crate::program::ModuleText;

/// A method for a single prompt: it decides which texts each iteration tries.
pub trait SinglePromptMethod {
    /// Returns the number of candidates that an iteration tries if the budget has room for them.
    fn candidates_per_iteration(&self) -> usize;

    /// Returns the iterations for which each module's share of the budget should have room. Candidates are compared on fewer training
    /// examples if it has not.
    fn affordable_iterations(&self) -> u64 {
        4
    }

    /// Returns the number of training examples that candidates are compared on, of `rows`; None: as many that the iterations have room.
    fn examples(&self, _rows: usize) -> Option<usize> {
        None
    }

    /// Returns the texts whose rollouts a later iteration reads. The rollouts of other texts are dropped after each iteration.
    fn population(&self) -> Vec<&ModuleText> {
        Vec::new()
    }

    /// Runs the first iteration on a module. The base has been tried already.
    ///
    /// # Errors
    /// [`Halt`]
    fn begin(&mut self, iteration: &mut Iteration<'_, '_>) -> Result<(), Halt>;

    /// Runs a later iteration on the same module.
    ///
    /// # Errors
    /// [`Halt`]
    fn advance(&mut self, iteration: &mut Iteration<'_, '_>) -> Result<(), Halt>;
}

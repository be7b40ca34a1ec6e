//! One iteration of a search for a single prompt.

use crate::program::{Candidate, ModuleText};

/// An iteration on one module.
#[derive(Debug, Clone, Copy)]
pub struct Iteration<'a> {
    /// The number of the iteration, from 1, counted over all modules.
    pub number: u64,
    /// The index of the module whose text is changed.
    pub module_index: usize,
    /// The candidate whose other modules all candidates of the iteration share.
    pub base: &'a Candidate,
    /// The indices of the training examples that candidates are compared on.
    pub examples: &'a [usize],
    /// The most candidates for which the budget has room. At least 1.
    pub max_candidates: usize,
}

impl Iteration<'_> {
    /// Returns the module's text in the base.
    #[must_use]
    pub fn base_text(&self) -> &ModuleText {
        &self.base.0[self.module_index]
    }

    /// Returns the base with `text` for the iteration's module.
    #[must_use]
    pub fn candidate(&self, text: &ModuleText) -> Candidate {
        self.base.with(self.module_index, text.clone())
    }
}

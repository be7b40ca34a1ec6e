//! A plan that is ready to answer rows without scoring them: its program, and the models that its modules ask.

use std::collections::BTreeMap;

use super::checks::check_context;
use super::engine::open_engine;
use super::program::build_program;
use crate::config::Plan;
use crate::engine::Engine;
use crate::error::RunError;
use crate::hooks::Hooks;
use crate::program::Program;

/// A plan without what only a search needs, and its program.
pub(super) struct Answering {
    /// The plan, without reflectors and judges.
    pub(super) plan: Plan,
    /// The program.
    pub(super) program: Program,
}

impl Answering {
    /// Builds the program of a plan.
    ///
    /// # Errors
    /// [`RunError::Data`] if a corpus cannot be used.
    pub(super) fn from_plan(plan: &Plan, hooks: &mut Hooks<'_>) -> Result<Self, RunError> {
        let plan = plan.without_scoring();
        let program = build_program(&plan, hooks)?;
        Ok(Self { plan, program })
    }

    /// Loads the models that the modules ask. `recorded` is the fingerprint of the run that the candidate is from: what was measured
    /// for that run is used again. It is empty if there is no run.
    ///
    /// # Errors
    /// [`RunError::ModelFile`], [`RunError::Engine`], [`RunError::Interrupted`], and [`RunError::Plan`] for a context that is too
    /// small.
    pub(super) fn open_engine(
        &self,
        recorded: &BTreeMap<String, String>,
        hooks: &mut Hooks<'_>,
    ) -> Result<Box<dyn Engine>, RunError> {
        let engine = open_engine(&self.plan, recorded, hooks.interrupted(), &mut |event| hooks.emit(event))?;
        check_context(&self.plan, &*engine)?;
        Ok(engine)
    }
}

//! The module whose model is trained.

use crate::config::Plan;
use crate::error::RunError;
use crate::program::{Module, Program};

/// Returns the only module of a program.
///
/// # Errors
/// [`RunError::Plan`] if the program has several: an answer that is given would not say which module wrote it.
pub(super) fn only_module(program: &Program) -> Result<&Module, RunError> {
    match program.modules.as_slice() {
        [module] => Ok(module),
        modules => Err(RunError::Plan(format!(
            "the program has {} modules; weights are trained for a program of one: write a task file with the module that is to be trained",
            modules.len()
        ))),
    }
}

/// Checks that answers can be judged without a model.
///
/// # Errors
/// [`RunError::Plan`] if the metric asks one.
pub(super) fn check_metric(plan: &Plan) -> Result<(), RunError> {
    if plan.metric.judges().is_empty() {
        return Ok(());
    }
    Err(RunError::Plan(
        "the metric asks a model (`judge`), which is not loaded while answers are judged; take a metric that asks none".into(),
    ))
}

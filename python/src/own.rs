//! A search for a better candidate of a program of Python.

use std::path::PathBuf;

use gepard::config;
use gepard::error::RunError;
use gepard::program::Program;
use gepard::run::{self, OwnParts};
use pyo3::prelude::*;
use serde_json::json;

use crate::engine::PythonEngine;
use crate::errors::{from_run_error, outcome};
use crate::interrupt::{Interrupt, watched};
use crate::listener::hooks;
use crate::program::{PythonProgram, StepMetric};

/// Searches for a better candidate of a program of Python. The task file `task` has its modules, data and settings; `program` runs
/// rollouts, and `reflector` answers the requests to reflectors. Returns the summary as JSON.
///
/// # Errors
/// The exception of the error's class, or the exception of `program`, `reflector` or `on_event`.
#[pyfunction]
#[pyo3(signature = (task, folder, program, reflector, interrupt, on_event=None))]
pub fn optimize_own(
    py: Python<'_>,
    task: PathBuf,
    folder: PathBuf,
    program: Py<PyAny>,
    reflector: Py<PyAny>,
    interrupt: Py<Interrupt>,
    on_event: Option<Py<PyAny>>,
) -> PyResult<String> {
    let plan = config::load(&task, &[]).map_err(|error| from_run_error(py, &RunError::Config(error)))?;
    let engine = PythonEngine::new(py, reflector, interrupt.clone_ref(py))?;
    let mut modules = Program::from_modules(plan.program_modules().collect());
    // The program reads the caller's own examples, not fields of the rows.
    modules.reads = Vec::new();
    let program = PythonProgram { program: modules, run: program, interrupt: interrupt.clone_ref(py) };
    let shared = interrupt.clone_ref(py);
    let result = watched(py, &interrupt, move || {
        let parts = OwnParts { program: Box::new(program), metric: Box::new(StepMetric), engine: Some(Box::new(engine)) };
        run::optimize_own_parts(&plan, parts, &folder, &mut hooks(&shared, on_event.as_ref()))
    })?;
    outcome(py, result, interrupt.get()).map(|summary| json!(summary).to_string())
}

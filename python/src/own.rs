//! A search for a better candidate of a program of Python.

use std::io;
use std::path::{Path, PathBuf};

use gepard::config;
use gepard::error::RunError;
use gepard::program::{Module, Program};
use gepard::report::best::{BestModule, PoolFileEntry};
use gepard::run::{self, OwnParts};
use gepard::run_directory::RunDirectoryError;
use gepard::run_directory::files::POOL;
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::engine::PythonEngine;
use crate::errors::{from_run_error, outcome};
use crate::interrupt::{Interrupt, watched};
use crate::listener::hooks;
use crate::program::{PythonProgram, StepMetric, shown_texts};

/// Searches for a better candidate of a program of Python. The task file `task` has its modules, data and settings; `program` runs
/// rollouts, and `reflector` answers the requests to reflectors. Returns the summary and the texts of all candidates, as JSON.
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
        let summary = run::optimize_own_parts(&plan, parts, &folder, &mut hooks(&shared, on_event.as_ref()))?;
        let modules: Vec<Module> = plan.program_modules().collect();
        Ok(json!({ "summary": summary, "texts": texts_of_pool(&modules, &folder)? }).to_string())
    })?;
    outcome(py, result, interrupt.get())
}

/// Returns the texts of the candidates of a finished run, in the order of the pool.
fn texts_of_pool(modules: &[Module], folder: &Path) -> Result<Vec<Value>, RunError> {
    let path = folder.join(POOL);
    let pool: io::Result<Vec<PoolFileEntry>> =
        std::fs::read(&path).and_then(|text| serde_json::from_slice(&text).map_err(io::Error::from));
    let pool = pool.map_err(|cause| RunDirectoryError::Io { doing: "read", path, cause })?;
    let texts = |entry: &PoolFileEntry| entry.file.modules.iter().map(BestModule::text).collect::<Vec<_>>();
    Ok(pool.iter().map(|entry| shown_texts(modules, &texts(entry))).collect())
}

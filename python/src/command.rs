//! The command line of gepard, started by Python.

use std::ffi::OsString;
use std::path::PathBuf;

use gepard::sandbox::Sandbox;
use pyo3::prelude::*;

/// Names the command `gepard` that shuts in generated code, which this interpreter cannot do itself. Only the first call counts.
#[pyfunction]
pub fn name_launcher(path: PathBuf) -> bool {
    Sandbox::name_launcher(path)
}

/// Runs a command line and returns its exit code. The first of `arguments` is the name of the program.
#[pyfunction]
pub fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| gepard::cli::main(&arguments))
}

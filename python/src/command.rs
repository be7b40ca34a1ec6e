//! The command line of gepard, started by Python.

use std::ffi::OsString;

use pyo3::prelude::*;

/// Runs a command line and returns its exit code. The first of `arguments` is the name of the program.
#[pyfunction]
pub fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| gepard::cli::main(&arguments))
}

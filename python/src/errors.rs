//! Errors of the library as exceptions of `gepard.errors`.

use gepard::error::RunError;
use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError};
use pyo3::prelude::*;

use crate::interrupt::Interrupt;

/// Returns the name of the class in `gepard.errors` for an exit code of the command line.
fn class_name(exit_code: u8) -> &'static str {
    match exit_code {
        2 => "ConfigError",
        3 => "DataError",
        4 => "ModelError",
        5 => "MetricError",
        6 => "RunDirectoryError",
        130 => "Interrupted",
        _ => "Error",
    }
}

/// Returns an exception of the class for an exit code, with `message` as its text.
pub fn exception(py: Python<'_>, exit_code: u8, message: &str) -> PyErr {
    let created = py.import("gepard.errors").and_then(|errors| errors.getattr(class_name(exit_code))?.call1((message,)));
    created.map_or_else(|_| PyRuntimeError::new_err(message.to_owned()), PyErr::from_value)
}

/// Returns the exception for an error of the library.
pub fn from_run_error(py: Python<'_>, error: &RunError) -> PyErr {
    exception(py, error.exit_code(), &error.to_string())
}

/// Returns the result of a run. If it was interrupted by an exception of the caller's own code, that exception is the error. After
/// Ctrl-C it is `gepard.Interrupted`.
///
/// # Errors
/// The exception.
pub fn outcome<T>(py: Python<'_>, result: Result<T, RunError>, interrupt: &Interrupt) -> PyResult<T> {
    match (interrupt.take_cause(), result) {
        (None, result) => result.map_err(|error| from_run_error(py, &error)),
        (Some(cause), _) if cause.is_instance_of::<PyKeyboardInterrupt>(py) => {
            let message = "interrupted; the journal is complete, and the same call goes on from there";
            Err(exception(py, 130, message))
        }
        (Some(cause), _) => Err(cause),
    }
}

//! The code of one answer, with its tests and limits.

use std::path::PathBuf;

use crate::sandbox::Limits;

/// A piece of code and its tests.
pub(super) struct Job<'a> {
    /// The code.
    pub(super) code: &'a str,
    /// The lines that run before the code. Empty where there are none.
    pub(super) setup: String,
    /// The name that the code must define. Empty where the task file asks for none.
    pub(super) entry: String,
    /// The texts of the tests.
    pub(super) tests: &'a [String],
    /// The seconds of computing that a test may take.
    pub(super) timeout: f64,
    /// The kilobytes that the code may print.
    pub(super) prints: u64,
    /// The limits of the program that runs the code.
    pub(super) limits: Limits,
    /// The files and folders that the code may read, besides those of the system and the interpreter.
    pub(super) read: &'a [PathBuf],
}

//! One answer's code with its tests and limits.

use std::path::PathBuf;

use crate::sandbox::Limits;

/// A piece of code and its tests.
pub(super) struct Job<'a> {
    pub(super) code: &'a str,
    pub(super) setup: String,
    pub(super) entry: String,
    pub(super) tests: &'a [String],
    pub(super) timeout: f64,
    /// Kilobytes.
    pub(super) prints: u64,
    pub(super) limits: Limits,
    pub(super) read: &'a [PathBuf],
}

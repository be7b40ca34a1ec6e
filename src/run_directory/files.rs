//! The files of a run directory: their names, and how they are written.

use std::path::Path;

use serde::Serialize;

use super::error::RunDirectoryError;
use crate::whole_file;

/// The append-only record of the run.
pub const JOURNAL: &str = "journal.jsonl";
/// The file that a process locks while it works on the run.
pub const LOCK: &str = "lock";
/// A file that a user makes to end the search.
pub const STOP: &str = "stop";
/// The checked task file.
pub const PLAN: &str = "plan.toml";
/// The figures of the finished run.
pub const SUMMARY: &str = "summary.json";
/// The best candidate, with the chat that each module sends.
pub const BEST: &str = "best.json";
/// All candidates of the pool, in the form of [`BEST`].
pub const POOL: &str = "pool.json";
/// The folder with the best candidate's instructions, a text file for each module.
pub const BEST_INSTRUCTIONS: &str = "best";
/// The HTML page.
pub const REPORT: &str = "report.html";

/// The files that a run overwrites. A folder that has one of them but no journal belongs to something else.
pub const OVERWRITTEN: [&str; 5] = [PLAN, BEST, POOL, SUMMARY, BEST_INSTRUCTIONS];

/// Writes a value as indented JSON. The file is complete or absent at every moment.
///
/// # Errors
/// [`RunDirectoryError::Io`]
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), RunDirectoryError> {
    let io = |cause| RunDirectoryError::Io { doing: "write", path: path.to_owned(), cause };
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|e| io(e.into()))?;
    bytes.push(b'\n');
    write_bytes(path, &bytes)
}

/// Writes a file that is complete or absent at every moment.
///
/// # Errors
/// [`RunDirectoryError::Io`]
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), RunDirectoryError> {
    whole_file::write(path, bytes).map_err(|cause| RunDirectoryError::Io { doing: "write", path: path.to_owned(), cause })
}

//! `kind = "command"` of a step or a metric: an outside program.

use std::path::PathBuf;

use serde::Serialize;

use super::fingerprint::Keys;

/// An outside program that a step or a metric asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommandPlan {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The folder in which the program runs; left out: the folder of the task file.
    pub folder: PathBuf,
    /// The most seconds that one answer may take.
    pub timeout: u64,
    /// The number of copies of the program that run at the same time; left out: one for each core.
    pub slots: usize,
}

/// The number of copies is outside, because the answers do not depend on it.
pub(super) static KEYS: Keys = Keys { inside: "command folder timeout", outside: "slots", ..Keys::NONE };

//! `kind = "command"` of a step or a metric: an outside program.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::section::Section;
use crate::process;

/// How an outside program is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommandPlan {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Where it runs; left out: the task file's folder.
    pub folder: PathBuf,
    /// Seconds that an answer may take.
    pub timeout: u64,
    /// How many run at a time; left out: one a core.
    pub slots: usize,
}

/// The longest a call may take, in seconds, unless the task file says otherwise.
const TIMEOUT: u64 = 30;

pub(super) fn read(section: &Section<'_>, base: &Path) -> CommandPlan {
    let command = section.texts("command").unwrap_or_default();
    if command.first().is_none_or(|program| program.is_empty()) {
        section.problem("command", "must be a program and its arguments, like [\"python3\", \"metric.py\"]");
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    CommandPlan {
        command,
        folder: section.path("folder", base).unwrap_or_else(|| base.to_owned()),
        timeout: section.integer("timeout", 1..=86_400).unwrap_or(TIMEOUT),
        slots: section.integer("slots", 1..=1024).unwrap_or(cores),
    }
}

impl CommandPlan {
    /// The same as a pool takes it.
    #[must_use]
    pub fn process(&self) -> process::Command {
        let timeout = Duration::from_secs(self.timeout);
        process::Command { argv: self.command.clone(), folder: self.folder.clone(), timeout, slots: self.slots }
    }
}

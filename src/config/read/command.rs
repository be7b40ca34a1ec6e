//! Reads the keys of `kind = "command"`, of a step or a metric.

use std::path::Path;

use super::section::Section;
use crate::config::command::CommandPlan;

/// The default of `timeout`, in seconds.
const DEFAULT_TIMEOUT: u64 = 30;

pub(super) fn read(section: &Section<'_>, folder: &Path) -> CommandPlan {
    let command = section.texts("command").unwrap_or_default();
    if command.first().is_none_or(|program| program.is_empty()) {
        section.problem("command", "must be a program and its arguments, like [\"python3\", \"metric.py\"]");
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    CommandPlan {
        command,
        folder: section.path("folder", folder).unwrap_or_else(|| folder.to_owned()),
        timeout: section.integer("timeout", 1..=86_400).unwrap_or(DEFAULT_TIMEOUT),
        slots: section.integer("slots", 1..=1024).unwrap_or(cores),
    }
}

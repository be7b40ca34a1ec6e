//! The description of an outside program.

use std::path::PathBuf;
use std::time::Duration;

/// A program of the user's that answers calls, and how it is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments. They are not interpreted by a shell.
    pub argv: Vec<String>,
    /// The folder that the program runs in.
    pub folder: PathBuf,
    /// The time limit of one call.
    pub timeout: Duration,
    /// The number of copies that may run at the same time.
    pub slots: usize,
}

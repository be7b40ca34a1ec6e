//! The description of one program's sandbox, and what the launcher answers.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The beginning of the answer of a launcher to `sandboxed --probe`. The means of isolation that it found follow.
pub const HANDSHAKE: &str = concat!("gepard-sandbox 1 ", env!("CARGO_PKG_VERSION"));

/// The exit code of a launcher that could not isolate the program. Its standard error then begins with [`Cell::refusal`].
pub const REFUSED: u8 = 125;

/// The limits of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The memory in bytes.
    pub memory: u64,
    /// The processor time of all threads together, in seconds.
    pub cpu: u64,
    /// The bytes that it may write to standard output and standard error together.
    pub output: u64,
    /// The size of the scratch folder in bytes.
    pub disk: u64,
    /// The number of processes and threads.
    pub tasks: u64,
}

/// The description of the sandbox of one program, which the launcher receives as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The folder that the program may write into and runs in.
    pub scratch: PathBuf,
    /// The files and folders that the program may read and execute, in addition to the system's.
    pub read: Vec<PathBuf>,
    /// Whether the program may start processes.
    pub processes: bool,
    /// The limits of the program.
    pub limits: Limits,
    /// A secret with which the launcher's message of refusal begins. The program does not know it, and cannot imitate a refusal.
    pub refusal: String,
}

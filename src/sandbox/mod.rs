//! Runs code that nobody has read, as if it were hostile.
//!
//! A program in the sandbox reads the system's libraries, its interpreter and what it is given; it writes into one scratch
//! folder, which is deleted. It has no network, starts no process (or only a few, none of which outlives it), signals nobody, sees
//! no environment and no process, and its memory, time, output and files are bounded.
//!
//! Linux only, without root and without user namespaces: a process is made that gives up these rights for itself and all that it
//! will become (Landlock for files, seccomp for system calls, resource limits), and then becomes the program. To give up rights
//! between fork and exec would take `unsafe`, so that process is `gepard` itself, asked for by the hidden command `gepard
//! sandboxed` ([`enter`]). Programs that use the library need that binary beside them or in `PATH`, or name it
//! ([`Sandbox::with_launcher`]).
//!
//! What is not kept from a program: whether a file exists and its size and dates, the time, the machine's load and name. No
//! sandbox stands above the kernel's own defects.

#[cfg(target_os = "linux")]
mod enter;
#[cfg(target_os = "linux")]
mod filter;
mod running;
mod scratch;
mod usage;

#[cfg(target_os = "linux")]
pub use enter::{enter, probe};
pub use running::{Event, Exceeded, Running};
pub use scratch::Scratch;

use std::collections::hash_map::RandomState;
use std::ffi::OsStr;
use std::hash::{BuildHasher, Hasher};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What a launcher answers `sandboxed --probe` with, followed by its version and what it found.
pub const HANDSHAKE: &str = concat!("gepard-sandbox 1 ", env!("CARGO_PKG_VERSION"));

/// The exit code of a launcher that could not shut the program in; with it comes [`Cell::refusal`].
pub const REFUSED: u8 = 125;

/// Why nothing can be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SandboxError {
    /// This machine cannot do it.
    #[error("there is no sandbox for generated code here: {0}")]
    Unavailable(String),
    /// What the launcher said when it could not shut a program in, or start it.
    #[error("{0}")]
    Refused(String),
    /// A program cannot be started.
    #[error("`{program}` cannot be started: {cause}")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        cause: String,
    },
}

/// What a program may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of memory.
    pub memory: u64,
    /// Seconds of computing, over all its threads.
    pub cpu: u64,
    /// Bytes that it may write to its standard output and error.
    pub output: u64,
    /// Bytes that it may write into its scratch folder.
    pub disk: u64,
    /// Processes and threads.
    pub tasks: u64,
}

/// What one program is shut into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// The folder that it may write into, and runs in.
    pub scratch: PathBuf,
    /// Files and folders that it may read and execute, besides the system's.
    pub read: Vec<PathBuf>,
    /// Whether it may start processes of its own.
    pub processes: bool,
    /// What it may use.
    pub limits: Limits,
    /// What a launcher's own refusal begins with: the program does not know it, so it cannot pretend one.
    pub refusal: String,
}

/// A way to run programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// The binary that shuts in; None: nothing does.
    launcher: Option<PathBuf>,
    /// What holds the programs, in words.
    means: String,
}

impl Sandbox {
    /// The sandbox of this machine: through this program if it is `gepard`, else through the `gepard` beside it or in `PATH`. It
    /// is tried out.
    ///
    /// # Errors
    /// [`SandboxError::Unavailable`] with the reason.
    pub fn find() -> Result<Self, SandboxError> {
        let mut why = None;
        for launcher in launchers() {
            match Self::with_launcher(&launcher) {
                Ok(sandbox) => return Ok(sandbox),
                Err(error) => why = why.or(Some(error)),
            }
        }
        let missing = "the program `gepard`, which shuts code in, is neither beside this program nor in PATH";
        Err(why.unwrap_or_else(|| SandboxError::Unavailable(missing.into())))
    }

    /// The same through a given `gepard`.
    ///
    /// # Errors
    /// [`SandboxError::Unavailable`] with the reason.
    pub fn with_launcher(launcher: &Path) -> Result<Self, SandboxError> {
        if cfg!(not(target_os = "linux")) {
            return Err(SandboxError::Unavailable("it needs Linux (Landlock and seccomp)".into()));
        }
        let failed = |cause: String| SandboxError::Unavailable(format!("{}: {cause}", launcher.display()));
        // Made and deleted here: who is shut in cannot even delete the folder that it may write into.
        let scratch = Scratch::new().map_err(|e| failed(format!("no folder for temporary files can be made: {e}")))?;
        let output = std::process::Command::new(launcher)
            .args(["sandboxed", "--probe"])
            .arg(scratch.path())
            .stdin(std::process::Stdio::null())
            .output()
            .map_err(|e| failed(e.to_string()))?;
        let (said, erred) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        match said.trim().strip_prefix(HANDSHAKE) {
            Some(means) if output.status.success() => {
                Ok(Self { launcher: Some(launcher.to_owned()), means: means.trim().to_owned() })
            }
            _ if erred.trim().is_empty() => Err(failed("it is no gepard of this version".into())),
            _ => Err(SandboxError::Refused(erred.trim().chars().take(300).collect())),
        }
    }

    /// No sandbox: programs do what they like, as the user who started gepard. Only times, output and files are watched.
    #[must_use]
    pub fn none() -> Self {
        Self { launcher: None, means: "nothing".into() }
    }

    /// What holds the programs, in words.
    #[must_use]
    pub fn means(&self) -> &str {
        &self.means
    }

    /// Whether anything holds the programs.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.launcher.is_some()
    }
}

/// Where a `gepard` may be.
fn launchers() -> Vec<PathBuf> {
    let mut all = Vec::new();
    if let Ok(own) = std::env::current_exe() {
        if own.file_stem() == Some(OsStr::new("gepard")) {
            return vec![own];
        }
        // Beside it, or one above: there cargo has it for examples and tests.
        all.extend(own.ancestors().skip(1).take(2).map(|folder| folder.join("gepard")));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    all.extend(std::env::split_paths(&path).map(|folder| folder.join("gepard")));
    all.retain(|file| file.is_file());
    all
}

/// A text that a program cannot guess, from the system's random numbers: it decides nothing, it marks what is ours.
pub(crate) fn secret() -> String {
    let word = || RandomState::new().build_hasher().finish();
    format!("gepard-{:016x}{:016x}", word(), word())
}

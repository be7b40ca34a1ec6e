//! Finding and testing the `gepard` binary that isolates programs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::cell::HANDSHAKE;
use super::error::SandboxError;
use super::scratch::Scratch;

/// The launcher that a host of the library has named.
static NAMED: OnceLock<PathBuf> = OnceLock::new();

/// A way to run programs: isolated by a launcher, or without isolation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// The path of the `gepard` binary that isolates programs; `None` for no isolation.
    pub(super) launcher: Option<PathBuf>,
    /// The means of isolation as text, such as `Landlock 7, seccomp`.
    means: String,
}

impl Sandbox {
    /// Returns the sandbox of this machine, after testing it. The launcher is this program if it is `gepard`, or else the one
    /// that was named, or a `gepard` beside this program or in `PATH`.
    ///
    /// # Errors
    /// [`SandboxError`] with the reason why there is no sandbox.
    pub fn find() -> Result<Self, SandboxError> {
        let mut first_error = None;
        for launcher in launchers() {
            match Self::with_launcher(&launcher) {
                Ok(sandbox) => return Ok(sandbox),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        let missing = "the program `gepard`, which shuts code in, is neither beside this program nor in PATH";
        Err(first_error.unwrap_or_else(|| SandboxError::Unavailable(missing.into())))
    }

    /// Names the `gepard` that [`Self::find`] tries first, for a process that is no `gepard` and has none beside it, such as an
    /// interpreter. Returns whether it was set: only the first call of a process has an effect.
    pub fn name_launcher(launcher: PathBuf) -> bool {
        NAMED.set(launcher).is_ok()
    }

    /// Returns the sandbox that uses the `gepard` binary at a given path, after testing it.
    ///
    /// # Errors
    /// [`SandboxError`] with the reason why there is no sandbox.
    pub fn with_launcher(launcher: &Path) -> Result<Self, SandboxError> {
        if cfg!(not(target_os = "linux")) {
            return Err(SandboxError::Unavailable("it needs Linux (Landlock and seccomp)".into()));
        }
        let failed = |cause: String| SandboxError::Unavailable(format!("{}: {cause}", launcher.display()));
        // The folder is created and deleted here, because a process in the sandbox cannot delete its scratch folder.
        let scratch = Scratch::new().map_err(|e| failed(format!("no folder for temporary files can be made: {e}")))?;
        let output = std::process::Command::new(launcher)
            .args(["sandboxed", "--probe"])
            .arg(scratch.path())
            .stdin(std::process::Stdio::null())
            .output()
            .map_err(|e| failed(e.to_string()))?;
        let (answer, message) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        match answer.trim().strip_prefix(HANDSHAKE) {
            Some(means) if output.status.success() => {
                Ok(Self { launcher: Some(launcher.to_owned()), means: means.trim().to_owned() })
            }
            _ if message.trim().is_empty() => Err(failed("it is no gepard of this version".into())),
            _ => Err(SandboxError::Refused(message.trim().chars().take(300).collect())),
        }
    }

    /// Returns a way to run programs without isolation, with the rights of the user. Only time, output and files are limited.
    #[must_use]
    pub fn none() -> Self {
        Self { launcher: None, means: "nothing".into() }
    }

    /// Returns the means of isolation as text; `nothing` without isolation.
    #[must_use]
    pub fn means(&self) -> &str {
        &self.means
    }

    /// Returns whether programs are isolated.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.launcher.is_some()
    }
}

/// Returns the paths of `gepard` binaries that may serve as launcher, in the order in which they are tried.
fn launchers() -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = NAMED.get().cloned().into_iter().collect();
    if let Ok(own) = std::env::current_exe() {
        if own.file_stem() == Some(OsStr::new("gepard")) {
            return vec![own];
        }
        // Beside this program, or in the folder above, where cargo puts it for examples and tests.
        all.extend(own.ancestors().skip(1).take(2).map(|folder| folder.join("gepard")));
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    all.extend(std::env::split_paths(&path).map(|folder| folder.join("gepard")));
    all.retain(|file| file.is_file());
    all
}

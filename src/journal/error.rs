//! What can be wrong with a run directory, and what to do about it.

use std::io::ErrorKind;
use std::path::PathBuf;

use super::VERSION;

/// What can be wrong with a run directory.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system failed.
    #[error("cannot {doing} {path}: {cause}{}", remedy(cause))]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A folder that is no run directory.
    #[error(
        "{path} holds no run: there is no journal in it, or nothing in the journal; give a folder that `gepard optimize` made"
    )]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// A file that no comparison of optimizers has written.
    #[error(
        "{path} is of no comparison: {cause}; type `gepard compare TASK.toml --optimizers …` again, which reads what is finished"
    )]
    NoContest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// Another process works on the run.
    #[error("another gepard is working on {path}; wait for it or give another --run")]
    Locked {
        /// The run directory.
        path: PathBuf,
    },
    /// The folder holds files that are no run's, and that a run would write over.
    #[error("{path} has a `{found}` but no journal, so it is no run's directory; give another --run, or remove it")]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// A file in it.
        found: &'static str,
    },
    /// The run directory was removed or replaced while the run worked in it.
    #[error("{path} was removed or replaced under way, so nothing more of the run can be kept; begin anew, or bring it back")]
    Gone {
        /// The journal.
        path: PathBuf,
    },
    /// A line is damaged.
    #[error(
        "{path}:{line}: {cause}; the run cannot be trusted from there on: restore the file, remove that line and all below \
         it to go on from there, or begin anew with another --run"
    )]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        cause: String,
    },
    /// The format is newer than this program.
    #[error("{path} has version {version} of the journal's format, this gepard reads up to {VERSION}; use a newer gepard")]
    Newer {
        /// The journal.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The format is older than this program reads.
    #[error(
        "{path} has version {version} of the journal's format, this gepard reads {VERSION}; go on with the gepard that \
         made it, or begin anew with another --run"
    )]
    Older {
        /// The journal.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The run was made by another plan.
    #[error("{path} holds a run of another plan; give another --run, or undo the difference:\n{}", differences.join("\n"))]
    OtherPlan {
        /// The run directory.
        path: PathBuf,
        /// What differs, a line each.
        differences: Vec<String>,
    },
    /// The replayed optimizer asked for something else than is recorded.
    #[error("{path}:{line}: the journal has {recorded}, but the run asks for {asked}; it was made by another gepard")]
    Mismatch {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is recorded there.
        recorded: String,
        /// What was asked.
        asked: String,
    },
}

/// What to do about a failure of the file system, as the end of a message.
fn remedy(cause: &std::io::Error) -> &'static str {
    match cause.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "; what was there is whole: make room, and the same command goes on"
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "; make it writable, or give another --run",
        ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::AlreadyExists => "; give another --run",
        _ => "",
    }
}

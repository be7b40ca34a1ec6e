//! Errors of a run directory.

use std::io::ErrorKind;
use std::path::PathBuf;

/// What can be wrong with a run directory or a file in it.
#[derive(Debug, thiserror::Error)]
pub enum RunDirectoryError {
    /// An operation of the file system failed.
    #[error("cannot {doing} {path}: {cause}{}", remedy(cause))]
    Io {
        /// The operation, as a verb that the path can follow: `read`, `write`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        cause: std::io::Error,
    },
    /// The folder has no journal, or an empty one.
    #[error(
        "{path} holds no run: it has no journal.jsonl, or nothing is in that file; give a folder that `gepard optimize` made"
    )]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// Another process has locked the run directory.
    #[error("another gepard is working on {path}; wait until it ends, or use another directory")]
    Locked {
        /// The run directory.
        path: PathBuf,
    },
    /// The folder has no journal, but a file with a name that a run would overwrite.
    #[error("{path} has a `{found}` but no journal, so it is not the directory of a run; give another --run, or remove it")]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// The name of the file.
        found: &'static str,
    },
    /// The journal's path no longer names the file that the run writes to.
    #[error(
        "{path} was removed or replaced during the run, so nothing more can be stored; restore the directory and type the same \
         command again, or start again with another --run"
    )]
    Gone {
        /// The journal.
        path: PathBuf,
    },
    /// A line of the journal is damaged.
    #[error(
        "{path}:{line}: {cause}; the journal cannot be used from this line on: restore the file, or remove this line and all \
         below it to resume before them, or start again with another --run"
    )]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong with the line.
        cause: String,
    },
    /// The journal has a newer format than this program reads.
    #[error("{path} has version {version} of the journal format; this gepard reads version {supported}: use a newer gepard")]
    Newer {
        /// The journal.
        path: PathBuf,
        /// The version of the journal.
        version: u32,
        /// The version that this program reads.
        supported: u32,
    },
    /// The journal has an older format than this program reads.
    #[error(
        "{path} has version {version} of the journal format; this gepard reads version {supported}: resume with the gepard \
         that made it, or start again with another --run"
    )]
    Older {
        /// The journal.
        path: PathBuf,
        /// The version of the journal.
        version: u32,
        /// The version that this program reads.
        supported: u32,
    },
    /// The recorded fingerprint differs from that of the plan.
    #[error("{path} holds a run of another plan; give another --run, or undo these differences:\n{}", differences.join("\n"))]
    OtherPlan {
        /// The run directory.
        path: PathBuf,
        /// A line for each difference.
        differences: Vec<String>,
    },
    /// The folder holds answers of another program or to other rows.
    #[error(
        "{path} holds answers that an earlier command has paid for, and that command was another one; remove the folder, give \
         another --output, or undo these differences:\n{}", differences.join("\n")
    )]
    OtherPredictions {
        /// The folder.
        path: PathBuf,
        /// A line for each difference.
        differences: Vec<String>,
    },
    /// The replayed optimizer asked for something else than the journal has.
    #[error(
        "{path}:{line}: the journal has {recorded}, but the run asks for {requested}; another version of gepard made it: resume \
         with that version, or start again with another --run"
    )]
    Mismatch {
        /// The journal.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
        /// The content of the line, in words.
        recorded: String,
        /// What the optimizer asked for, in words.
        requested: String,
    },
}

/// Returns what to do about a failure of the file system, as the end of a message.
fn remedy(cause: &std::io::Error) -> &'static str {
    match cause.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "; everything that was stored before is intact: free some space, and type the same command to resume"
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "; make it writable, or give another --run",
        ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::AlreadyExists => "; give another --run",
        _ => "",
    }
}

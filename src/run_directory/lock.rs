//! The lock of a run directory: one process works on a run at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use super::error::RunDirectoryError;
use super::files::{JOURNAL, LOCK, OVERWRITTEN};

/// Fails if another process holds the lock of the run directory `folder`. The lock is not taken: this is called before models
/// are loaded, and [`claim`] checks again.
///
/// # Errors
/// [`RunDirectoryError::Locked`]
pub fn check_unlocked(folder: &Path) -> Result<(), RunDirectoryError> {
    match File::open(folder.join(LOCK)).map(|lock| lock.try_lock()) {
        Ok(Err(TryLockError::WouldBlock)) => Err(RunDirectoryError::Locked { path: folder.to_owned() }),
        // `claim` reports every other error.
        _ => Ok(()),
    }
}

/// Makes the run directory `folder` if there is none, and locks it. The lock holds until the returned file is dropped.
///
/// # Errors
/// [`RunDirectoryError::Foreign`] if the folder has files that a run would overwrite, but no journal;
/// [`RunDirectoryError::Locked`] if another process works on the run; [`RunDirectoryError::Io`].
pub fn claim(folder: &Path) -> Result<File, RunDirectoryError> {
    let io = |doing, path: &Path, cause| RunDirectoryError::Io { doing, path: path.to_owned(), cause };
    std::fs::create_dir_all(folder).map_err(|cause| io("make the run directory", folder, cause))?;
    let overwritten = OVERWRITTEN.into_iter().find(|name| folder.join(name).exists());
    if let (false, Some(found)) = (folder.join(JOURNAL).exists(), overwritten) {
        return Err(RunDirectoryError::Foreign { path: folder.to_owned(), found });
    }
    let path = folder.join(LOCK);
    let lock = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
    let lock = lock.map_err(|cause| io("open", &path, cause))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(RunDirectoryError::Locked { path: folder.to_owned() }),
        Err(TryLockError::Error(cause)) => Err(io("lock", &path, cause)),
    }
}

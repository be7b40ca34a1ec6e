//! The lock of a run directory: one process works on a run at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use super::error::RunDirectoryError;
use super::files::{JOURNAL, LOCK, OVERWRITTEN};

/// Fails if the run directory `folder` cannot be claimed. Nothing is made and the lock is not taken: this is called before models are
/// loaded, and [`claim`] checks again.
///
/// # Errors
/// Those of [`claim`].
pub fn check_usable(folder: &Path) -> Result<(), RunDirectoryError> {
    refuse_foreign(folder)?;
    if let Ok(Err(TryLockError::WouldBlock)) = File::open(folder.join(LOCK)).map(|lock| lock.try_lock()) {
        return Err(RunDirectoryError::Locked { path: folder.to_owned() });
    }
    let existing = folder.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("."));
    let doing = if folder.is_dir() { "write into the run directory" } else { "make the run directory" };
    // The file has no name, so that nothing is left of it.
    let tried = tempfile::tempfile_in(existing);
    tried.map(drop).map_err(|cause| RunDirectoryError::Io { doing, path: folder.to_owned(), cause })
}

/// Refuses a folder without a journal that has files which a run would overwrite.
fn refuse_foreign(folder: &Path) -> Result<(), RunDirectoryError> {
    let overwritten = OVERWRITTEN.into_iter().find(|name| folder.join(name).exists());
    match overwritten.filter(|_| !folder.join(JOURNAL).exists()) {
        Some(found) => Err(RunDirectoryError::Foreign { path: folder.to_owned(), found }),
        None => Ok(()),
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
    refuse_foreign(folder)?;
    let path = folder.join(LOCK);
    let lock = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
    let lock = lock.map_err(|cause| io("open", &path, cause))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(RunDirectoryError::Locked { path: folder.to_owned() }),
        Err(TryLockError::Error(cause)) => Err(io("lock", &path, cause)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_written_is_found_without_making_anything() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("runs/first");
        assert!(check_usable(&new).is_ok() && check_usable(folder.path()).is_ok());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        for below in [&file, &file.join("run"), &file.join("a/run")] {
            let error = check_usable(below).unwrap_err().to_string();
            assert!(error.starts_with(&format!("cannot make the run directory {}: ", below.display())), "{error}");
        }
        std::fs::write(folder.path().join(OVERWRITTEN[0]), "").unwrap();
        assert!(matches!(check_usable(folder.path()), Err(RunDirectoryError::Foreign { .. })));
    }
}

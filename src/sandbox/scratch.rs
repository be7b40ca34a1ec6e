//! The scratch folder of a program, which is deleted afterwards whatever the program did in it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::secret::secret;

/// The largest number of files and folders that a scratch folder may contain.
const MOST_ENTRIES: usize = 4096;

/// A temporary folder, which is deleted when this value is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    /// Creates an empty one in the system's folder for temporary files.
    ///
    /// # Errors
    /// The error of the operating system.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self { folder: tempfile::Builder::new().prefix(&format!("gepard-code-{}-", std::process::id())).tempdir()? })
    }

    /// Returns the path of the folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the folder, and removes whatever a program left under its name.
    ///
    /// # Errors
    /// The error of the operating system.
    pub fn write(&self, name: &str, text: &str) -> std::io::Result<()> {
        let path = self.path().join(name);
        // A program may have left a folder there, or a link to one of the user's files, which must not be written to.
        match path.symlink_metadata() {
            Ok(found) if found.is_dir() => {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
                clear(&path);
                fs::remove_dir(&path)?;
            }
            Ok(_) => fs::remove_file(&path)?,
            Err(_) => {}
        }
        fs::OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
    }

    /// Makes all files in the folder executable. Programs in the sandbox cannot do so, because the system call would reach files
    /// outside of the folder as well.
    pub(crate) fn allow_execution(&self) {
        for entry in fs::read_dir(self.path()).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_file()) {
                drop(fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o700)));
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        clear(self.folder.path());
    }
}

/// The largest number of levels of subfolders that are searched.
const DEEPEST: usize = 64;

/// Returns the size in bytes of a folder that a program is writing into; `None` where it has too many entries or levels, or cannot
/// be read.
pub(super) fn size(folder: &Path) -> Option<u64> {
    let (mut bytes, mut entries, mut folders) = (0, 0, vec![(folder.to_owned(), 0)]);
    while let Some((folder, depth)) = folders.pop() {
        let listed = match fs::read_dir(&folder) {
            Ok(listed) if depth <= DEEPEST => listed,
            // A folder that was deleted in between counts as empty.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            _ => return None,
        };
        for entry in listed.flatten() {
            entries += 1;
            if entries > MOST_ENTRIES {
                return None;
            }
            match entry.metadata() {
                Ok(found) if found.is_dir() => folders.push((entry.path(), depth + 1)),
                Ok(found) => bytes += found.len(),
                Err(_) => {}
            }
        }
    }
    Some(bytes)
}

/// Deletes everything in a folder, whatever the depth and the permissions of its subfolders. Each round moves the subfolders of
/// subfolders up by one level, so that no path is too long for a system call.
fn clear(root: &Path) {
    let mut moved = 0_u64;
    // The program cannot have used this name.
    let mark = secret();
    loop {
        let mut has_more = false;
        for entry in entries(root) {
            if !entry.symlink_metadata().is_ok_and(|found| found.is_dir()) {
                drop(fs::remove_file(&entry));
                continue;
            }
            drop(fs::set_permissions(&entry, fs::Permissions::from_mode(0o700)));
            for inner in entries(&entry) {
                if inner.symlink_metadata().is_ok_and(|found| found.is_dir()) {
                    moved += 1;
                    drop(fs::set_permissions(&inner, fs::Permissions::from_mode(0o700)));
                    has_more |= fs::rename(&inner, root.join(format!(".{mark}-{moved}"))).is_ok();
                } else {
                    drop(fs::remove_file(&inner));
                }
            }
            drop(fs::remove_dir(&entry));
        }
        if !has_more {
            return;
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_replaces_the_link_or_folder_that_a_program_left() {
        let outside = tempfile::tempdir().unwrap();
        let own = outside.path().join("own");
        fs::write(&own, "kept").unwrap();
        let scratch = Scratch::new().unwrap();
        let path = scratch.path().join("test");
        std::os::unix::fs::symlink(&own, &path).unwrap();
        scratch.write("test", "new").unwrap();
        assert_eq!((fs::read_to_string(&own).unwrap(), fs::read_to_string(&path).unwrap()), ("kept".into(), "new".into()));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), "x").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
        scratch.write("test", "newer").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "newer");
    }

    #[test]
    fn deep_folders_and_folders_without_permissions_are_deleted() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("kept"), "x").unwrap();
        let scratch = Scratch::new().unwrap();
        let path = scratch.path().to_owned();
        std::os::unix::fs::symlink(outside.path(), path.join("link")).unwrap();
        fs::create_dir(path.join("closed")).unwrap();
        fs::write(path.join("closed/file"), "x").unwrap();
        fs::set_permissions(path.join("closed"), fs::Permissions::from_mode(0o000)).unwrap();
        // The nested folders have a longer path than a system call allows: two halves are made, and one is moved into the other.
        let deep = |name: &str| {
            let mut folder = path.join(name);
            for _ in 0..300 {
                fs::create_dir(&folder).unwrap();
                folder.push("deeper");
            }
            folder.pop();
            folder
        };
        let end = deep("a");
        deep("b");
        fs::rename(path.join("b"), end.join("b")).unwrap();
        drop(scratch);
        assert!(!path.exists());
        assert!(outside.path().join("kept").exists());
    }

    #[test]
    fn a_folder_with_too_many_entries_has_no_size() {
        let scratch = Scratch::new().unwrap();
        scratch.write("a", "abc").unwrap();
        assert_eq!(size(scratch.path()), Some(3));
        for n in 0..MOST_ENTRIES {
            scratch.write(&n.to_string(), "").unwrap();
        }
        assert_eq!(size(scratch.path()), None);
    }
}

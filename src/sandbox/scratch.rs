//! A folder that a program may do anything in, and that is gone afterwards whatever it did.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The most entries that are counted; who has more has too many.
const MOST_ENTRIES: usize = 4096;

/// A folder of its own, deleted when it is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    /// An empty one, in the system's folder for temporary files.
    ///
    /// # Errors
    /// What the system says.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self { folder: tempfile::Builder::new().prefix(&format!("gepard-code-{}-", std::process::id())).tempdir()? })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts a file into it, in the place of what a program has left under its name.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, name: &str, text: &str) -> std::io::Result<()> {
        let path = self.path().join(name);
        // A program may have put a folder there, or a link to a file of the user's: nothing is written through it.
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

    /// Makes what was built in it executable: programs in the sandbox cannot, for the call would reach files outside as well.
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

/// The deepest that folders may lie in each other.
const DEEPEST: usize = 64;

/// Bytes in a folder that a program is writing into; None: more than can be counted, or hidden from us.
pub(super) fn size(folder: &Path) -> Option<u64> {
    let (mut bytes, mut entries, mut folders) = (0, 0, vec![(folder.to_owned(), 0)]);
    while let Some((folder, depth)) = folders.pop() {
        let listed = match fs::read_dir(&folder) {
            Ok(listed) if depth <= DEEPEST => listed,
            // What vanished in between counts nothing.
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

/// Deletes all that is in a folder: however deep (each round lifts what is below by one level, so that no path gets long), and
/// whatever rights its folders have.
fn clear(root: &Path) {
    let mut lifted = 0_u64;
    // A name that nobody could have taken before.
    let mark = super::secret();
    loop {
        let mut left = false;
        for entry in entries(root) {
            if !entry.symlink_metadata().is_ok_and(|found| found.is_dir()) {
                drop(fs::remove_file(&entry));
                continue;
            }
            drop(fs::set_permissions(&entry, fs::Permissions::from_mode(0o700)));
            for inner in entries(&entry) {
                if inner.symlink_metadata().is_ok_and(|found| found.is_dir()) {
                    lifted += 1;
                    drop(fs::set_permissions(&inner, fs::Permissions::from_mode(0o700)));
                    left |= fs::rename(&inner, root.join(format!(".{mark}-{lifted}"))).is_ok();
                } else {
                    drop(fs::remove_file(&inner));
                }
            }
            drop(fs::remove_dir(&entry));
        }
        if !left {
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
    fn nothing_is_written_through_what_a_program_has_left() {
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
    fn nothing_is_left_however_deep_and_whatever_its_rights() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("kept"), "x").unwrap();
        let scratch = Scratch::new().unwrap();
        let path = scratch.path().to_owned();
        std::os::unix::fs::symlink(outside.path(), path.join("link")).unwrap();
        fs::create_dir(path.join("closed")).unwrap();
        fs::write(path.join("closed/file"), "x").unwrap();
        fs::set_permissions(path.join("closed"), fs::Permissions::from_mode(0o000)).unwrap();
        // Deeper than a path may be long: each half is made on its own, then one is put into the other.
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
    fn more_than_can_be_counted_is_told() {
        let scratch = Scratch::new().unwrap();
        scratch.write("a", "abc").unwrap();
        assert_eq!(size(scratch.path()), Some(3));
        for n in 0..MOST_ENTRIES {
            scratch.write(&n.to_string(), "").unwrap();
        }
        assert_eq!(size(scratch.path()), None);
    }
}

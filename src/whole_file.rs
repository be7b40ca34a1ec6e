//! Files that are written completely or not at all.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::NamedTempFile;

/// Writes a file under a temporary name and renames it when it is complete. An existing file at `path` is replaced. The folder
/// must exist.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = unfinished(path.parent().unwrap_or(path), ".writing-")?;
    file.as_file_mut().write_all(bytes)?;
    file.as_file().sync_data()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Creates a temporary file in `folder`. It is removed when it is dropped, unless it was given a name. It has the permissions that
/// the user's umask allows, because `tempfile` would make it readable by its owner only.
pub(crate) fn unfinished(folder: &Path, prefix: &str) -> io::Result<NamedTempFile> {
    let file = tempfile::Builder::new().prefix(prefix).permissions(Permissions::from_mode(0o666)).tempfile_in(folder);
    file.map_err(without_name)
}

/// Removes the name of the temporary file, which `tempfile` appends to the error's message.
fn without_name(error: io::Error) -> io::Error {
    match error.to_string().split_once(" at path ") {
        Some((cause, _)) => io::Error::new(error.kind(), cause),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_file_is_replaced_and_no_temporary_file_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for bytes in [&b"one"[..], b"two"] {
            write(&path, bytes).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let error = write(&folder.path().join("none/file"), b"").unwrap_err();
        assert_eq!(error.to_string(), "No such file or directory (os error 2)");
    }
}

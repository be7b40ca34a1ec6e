//! Reading a journal that another process may be writing: without a lock, without a change.

use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::Path;

use super::{JournalError, Record, VERSION, line};

/// Hands every record of the run in `folder` to `take`, in order, with its line (from 1). A last line without its end is
/// being written, or was torn; it is passed over.
///
/// # Errors
/// [`JournalError::NoRun`] for a folder without a run, [`JournalError`] for a journal that cannot be trusted, and whatever
/// `take` fails with.
pub fn read(folder: &Path, take: &mut dyn FnMut(usize, Record) -> Result<(), JournalError>) -> Result<(), JournalError> {
    let path = folder.join("journal.jsonl");
    let io = |cause| JournalError::Io { doing: "read", path: path.clone(), cause };
    let file = File::open(&path).map_err(|cause| match cause.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => JournalError::NoRun { path: folder.to_owned() },
        _ => io(cause),
    })?;
    let mut reader = BufReader::new(file);
    let mut bytes = Vec::new();
    for number in 1.. {
        line::read(&mut reader, &mut bytes).map_err(io)?;
        if bytes.last() != Some(&b'\n') {
            if number == 1 {
                return Err(JournalError::NoRun { path: folder.to_owned() });
            }
            break;
        }
        let damaged = |cause| JournalError::Damaged { path: path.clone(), line: number, cause };
        let record = line::decode(&bytes).map_err(damaged)?;
        match &record {
            Record::Header { version, .. } if number == 1 => supported(&path, *version)?,
            Record::Header { .. } => return Err(damaged("a second header".into())),
            _ if number == 1 => return Err(damaged("the first line is no header".into())),
            _ => {}
        }
        take(number, record)?;
    }
    Ok(())
}

/// That this program reads `version` of the format.
pub(super) fn supported(path: &Path, version: u32) -> Result<(), JournalError> {
    match version.cmp(&VERSION) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(JournalError::Newer { path: path.to_owned(), version }),
        std::cmp::Ordering::Less => Err(JournalError::Older { path: path.to_owned(), version }),
    }
}

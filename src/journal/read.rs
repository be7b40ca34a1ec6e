//! Reading a journal that another process may be writing, without locking or changing it.

use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::Path;

use super::line;
use super::record::Record;
use super::version::check_version;
use crate::run_directory::RunDirectoryError;
use crate::run_directory::files::JOURNAL;

/// Calls `on_record` with each record of the run in `folder`, in order, and the number of its line (from 1). A last line without
/// a line feed is being written or was torn; it is ignored.
///
/// # Errors
/// [`RunDirectoryError::NoRun`] for a folder without a run, another [`RunDirectoryError`] for a journal that cannot be used, and
/// any error of `on_record`.
pub fn read(
    folder: &Path,
    on_record: &mut dyn FnMut(usize, Record) -> Result<(), RunDirectoryError>,
) -> Result<(), RunDirectoryError> {
    let path = folder.join(JOURNAL);
    let io = |cause| RunDirectoryError::Io { doing: "read", path: path.clone(), cause };
    let file = File::open(&path).map_err(|cause| match cause.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => RunDirectoryError::NoRun { path: folder.to_owned() },
        _ => io(cause),
    })?;
    let mut reader = BufReader::new(file);
    let mut bytes = Vec::new();
    for number in 1.. {
        line::read(&mut reader, &mut bytes).map_err(io)?;
        if bytes.last() != Some(&b'\n') {
            if number == 1 {
                return Err(RunDirectoryError::NoRun { path: folder.to_owned() });
            }
            break;
        }
        let damaged = |cause| RunDirectoryError::Damaged { path: path.clone(), line: number, cause };
        let record = line::decode(&bytes).map_err(damaged)?;
        match &record {
            Record::Header { version, .. } if number == 1 => check_version(&path, *version)?,
            Record::Header { .. } => return Err(damaged("this is a second header".into())),
            _ if number == 1 => return Err(damaged("the first line is not a header".into())),
            _ => {}
        }
        on_record(number, record)?;
    }
    Ok(())
}

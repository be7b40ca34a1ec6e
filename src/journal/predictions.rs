//! The journal of answers to new rows. Its lines are those of a run's journal, and its header is the same.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::file::check_header;
use super::line::{self, Outline};
use super::record::Record;
use super::version::VERSION;
use crate::evaluate::{Cost, Prediction};
use crate::run_directory::files::JOURNAL;
use crate::run_directory::{RunDirectoryError, claim};

/// The least time between two syncs to the disk. A power failure can lose the answers of this time.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// The answers to one sub-wave of rows: the content of a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubWavePredictions {
    /// The index of the first row, from 0.
    pub first: usize,
    /// The answers, in the order of the rows.
    pub rows: Vec<Prediction>,
    /// The tokens and seconds that they took.
    pub cost: Cost,
}

/// An open journal of answers. It holds the lock of its folder until it is dropped. Only the positions of its lines are in memory.
#[derive(Debug)]
pub struct PredictionJournal {
    path: PathBuf,
    file: File,
    /// The first byte and the length of each line below the header.
    lines: Vec<(u64, usize)>,
    last_sync: Instant,
    _lock: File,
}

impl PredictionJournal {
    /// Opens the journal in `folder`. Both are made if they are not there. A torn last line is dropped.
    ///
    /// # Errors
    /// [`RunDirectoryError`]; [`RunDirectoryError::OtherPlan`] if the journal was begun with another fingerprint.
    pub fn open(folder: &Path, fingerprint: &BTreeMap<String, String>) -> Result<Self, RunDirectoryError> {
        let lock = claim(folder)?;
        let path = folder.join(JOURNAL);
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
        let file = file.map_err(|cause| RunDirectoryError::Io { doing: "open", path: path.clone(), cause })?;
        let mut journal = Self { path, file, lines: Vec::new(), last_sync: Instant::now(), _lock: lock };
        let bytes = journal.scan(fingerprint)?;
        journal.file.set_len(bytes).map_err(|cause| journal.io("drop the torn last line of", cause))?;
        if bytes == 0 {
            journal.write(&line::encode(&Record::Header { version: VERSION, fingerprint: fingerprint.clone() }))?;
        }
        Ok(journal)
    }

    /// Checks every line and stores the positions. Returns the bytes of all whole lines.
    fn scan(&mut self, fingerprint: &BTreeMap<String, String>) -> Result<u64, RunDirectoryError> {
        let damaged = |line, cause: &str| RunDirectoryError::Damaged { path: self.path.clone(), line, cause: cause.to_owned() };
        let mut reader = BufReader::with_capacity(1 << 20, &self.file);
        let mut bytes = Vec::new();
        let mut offset = 0;
        let mut lines = Vec::new();
        if !line::is_beginning(reader.fill_buf().map_err(|cause| self.io("read", cause))?) {
            return Err(damaged(1, "the file does not begin like a journal"));
        }
        for number in 1.. {
            let length = line::read(&mut reader, &mut bytes).map_err(|cause| self.io("read", cause))?;
            if bytes.last() != Some(&b'\n') {
                if line::has_changed_end(&bytes) {
                    return Err(damaged(number, "the end of the line was changed"));
                }
                break;
            }
            if number == 1 {
                match line::outline(&bytes).map_err(|cause| damaged(1, &cause))? {
                    Outline::Header(version) => check_header(&self.path, version, &bytes, fingerprint)?,
                    _ => return Err(damaged(1, "the first line is not a header")),
                }
            } else {
                line::decode::<SubWavePredictions>(&bytes).map_err(|cause| damaged(number, &cause))?;
                lines.push((offset, length));
            }
            offset += length as u64;
        }
        self.lines = lines;
        Ok(offset)
    }

    /// Returns the number of sub-waves.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are no sub-waves.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Appends a sub-wave. After the return it survives the end of the process, and after at most a second also that of the machine.
    ///
    /// # Errors
    /// [`RunDirectoryError::Io`], for example on a full disk; the journal then ends with its last whole line.
    pub fn append(&mut self, sub_wave: &SubWavePredictions) -> Result<(), RunDirectoryError> {
        let position = self.write(&line::encode(sub_wave))?;
        self.lines.push(position);
        if self.last_sync.elapsed() >= SYNC_INTERVAL {
            self.sync()?;
        }
        Ok(())
    }

    /// Writes a line at the end. Returns its first byte and its length.
    fn write(&mut self, bytes: &[u8]) -> Result<(u64, usize), RunDirectoryError> {
        let offset = self.file.seek(SeekFrom::End(0)).map_err(|cause| self.io("seek in", cause))?;
        if let Err(cause) = self.file.write_all(bytes) {
            // The part of the line that was written is removed. If that fails too, the line is torn and will be dropped.
            drop(self.file.set_len(offset));
            return Err(self.io("write", cause));
        }
        Ok((offset, bytes.len()))
    }

    /// Reads the sub-wave at `index`, from 0. None past the end.
    ///
    /// # Errors
    /// [`RunDirectoryError`] if it can no longer be read.
    pub fn read(&mut self, index: usize) -> Result<Option<SubWavePredictions>, RunDirectoryError> {
        let Some(&(offset, length)) = self.lines.get(index) else { return Ok(None) };
        let mut bytes = vec![0; length];
        let read = self.file.seek(SeekFrom::Start(offset)).and_then(|_| self.file.read_exact(&mut bytes));
        read.map_err(|cause| self.io("read", cause))?;
        line::decode(&bytes).map(Some).map_err(|cause| self.damaged(index, cause))
    }

    /// Returns the error that the sub-wave at `index` is damaged.
    #[must_use]
    pub fn damaged(&self, index: usize, cause: String) -> RunDirectoryError {
        // The header is line 1.
        RunDirectoryError::Damaged { path: self.path.clone(), line: index + 2, cause }
    }

    /// Writes all answers to the disk.
    ///
    /// # Errors
    /// [`RunDirectoryError::Io`]
    pub fn sync(&mut self) -> Result<(), RunDirectoryError> {
        self.last_sync = Instant::now();
        self.file.sync_data().map_err(|cause| self.io("sync", cause))
    }

    fn io(&self, doing: &'static str, cause: std::io::Error) -> RunDirectoryError {
        RunDirectoryError::Io { doing, path: self.path.clone(), cause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("candidate".to_owned(), value.to_owned())])
    }

    fn sub_wave(first: usize) -> SubWavePredictions {
        let outputs = BTreeMap::from([("a".to_owned(), format!("answer {first}"))]);
        let usage = crate::engine::Usage::default();
        SubWavePredictions { first, rows: vec![Prediction { outputs, error: None, usage }], cost: Cost::default() }
    }

    #[test]
    fn answers_come_back_and_a_torn_line_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let open = |value| PredictionJournal::open(folder.path(), &fingerprint(value));
        let mut journal = open("x").unwrap();
        [0, 1].iter().for_each(|&first| journal.append(&sub_wave(first)).unwrap());
        assert!(matches!(open("x"), Err(RunDirectoryError::Locked { .. })));
        drop(journal);
        let path = folder.path().join(JOURNAL);
        let whole = std::fs::read(&path).unwrap();
        // Every byte at which a crash can end the file.
        for end in 0..whole.len() {
            std::fs::write(&path, &whole[..end]).unwrap();
            let mut journal = open("x").unwrap();
            let lines = whole[..end].iter().filter(|&&byte| byte == b'\n').count();
            assert_eq!(journal.len(), lines.saturating_sub(1), "{end}");
            journal.append(&sub_wave(7)).unwrap();
            assert_eq!(journal.read(journal.len() - 1).unwrap(), Some(sub_wave(7)));
            assert_eq!(journal.read(journal.len()).unwrap(), None);
        }
        assert!(matches!(open("y"), Err(RunDirectoryError::OtherPlan { .. })));
        let mut changed = whole.clone();
        changed[whole.len() - 10] ^= 1;
        std::fs::write(&path, changed).unwrap();
        assert!(matches!(open("x"), Err(RunDirectoryError::Damaged { line: 3, .. })));
    }
}

//! The open journal of a run: it answers an optimizer from its records, and appends new ones.

use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::fingerprint::differences;
use super::line::{self, Outline};
use super::record::{Limits, Record};
use super::version::{VERSION, check_version};
use crate::run_directory::files::{JOURNAL, STOP};
use crate::run_directory::{RunDirectoryError, claim};

/// The least time between two syncs to the disk. A power failure can lose the records of this time.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// Names a record that was replayed or appended, to read it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordId(usize);

/// The position of a record in the file.
#[derive(Debug, Clone, Copy)]
struct Position {
    /// Bytes before the line.
    offset: u64,
    /// Bytes of the line.
    length: usize,
    /// The number of the line, from 1.
    line: usize,
}

/// What a pass over the whole file finds.
#[derive(Debug, Default)]
struct Contents {
    /// The records that answer the optimizer, in order.
    ordered: Vec<Position>,
    /// Test evaluations by key. They can be anywhere after the header, because each process that ends a run appends its own.
    tests: BTreeMap<String, Position>,
    /// Changes of the limits, by the number of ordered records before each.
    limits: BTreeMap<usize, Limits>,
    /// Complete lines.
    lines: usize,
    /// Bytes of the complete lines.
    bytes: u64,
    /// The run's clock after the last record, in seconds.
    seconds: f64,
}

/// An open journal. It holds the lock of its run directory until it is dropped.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    contents: Contents,
    /// The index in `contents.ordered` of the record that is replayed next.
    next: usize,
    last_sync: Instant,
    _lock: File,
}

impl Journal {
    /// Opens the journal of the run directory `folder`. A directory and a journal are made if there are none.
    ///
    /// # Errors
    /// [`RunDirectoryError`]. The journal is not changed then: a torn last line is still there.
    pub fn open(folder: &Path, fingerprint: &BTreeMap<String, String>) -> Result<Self, RunDirectoryError> {
        let lock = claim(folder)?;
        let path = folder.join(JOURNAL);
        let io = |doing| {
            let path = path.clone();
            move |cause| RunDirectoryError::Io { doing, path, cause }
        };
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(io("open"))?;
        let contents = scan(&file, &path, fingerprint)?;
        file.set_len(contents.bytes).map_err(io("drop the torn last line of"))?;
        let mut journal = Self { path, file, contents, next: 0, last_sync: Instant::now(), _lock: lock };
        if journal.contents.lines == 0 {
            journal.append(&Record::Header { version: VERSION, fingerprint: fingerprint.clone() })?;
        }
        Ok(journal)
    }

    /// Returns the path of the file that a user makes to end the search. The result found until then is kept.
    #[must_use]
    pub fn stop_file(&self) -> PathBuf {
        self.path.with_file_name(STOP)
    }

    /// Returns the number of records that answer the optimizer in order.
    #[must_use]
    pub fn recorded(&self) -> usize {
        self.contents.ordered.len()
    }

    /// Returns whether the next answer to the optimizer comes from the journal.
    #[must_use]
    pub fn is_replaying(&self) -> bool {
        self.next < self.contents.ordered.len()
    }

    /// Returns the seconds of work on the search that the journal had when it was opened.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.contents.seconds
    }

    /// Returns the limits under which the next record was made; after the last record, the limits in force at the end. None if
    /// no limits are recorded.
    #[must_use]
    pub fn limits(&self) -> Option<Limits> {
        self.contents.limits.range(..=self.next).next_back().map(|(_, limits)| *limits)
    }

    /// Returns the next record in order; None after the last one.
    ///
    /// # Errors
    /// [`RunDirectoryError`] if the record cannot be read again.
    pub fn replay(&mut self) -> Result<Option<Record>, RunDirectoryError> {
        let Some(&position) = self.contents.ordered.get(self.next) else {
            return Ok(None);
        };
        self.next += 1;
        self.read(position).map(Some)
    }

    /// Returns the id of the ordered record that was replayed or appended last; None if there was none.
    #[must_use]
    pub fn last_id(&self) -> Option<RecordId> {
        self.next.checked_sub(1).map(RecordId)
    }

    /// Reads a record again that was replayed or appended.
    ///
    /// # Errors
    /// [`RunDirectoryError`] if the record cannot be read.
    pub fn reread(&mut self, RecordId(index): RecordId) -> Result<Option<Record>, RunDirectoryError> {
        self.contents.ordered.get(index).copied().map(|position| self.read(position)).transpose()
    }

    /// Returns the record of the test evaluation with the given key; None if there is none.
    ///
    /// # Errors
    /// [`RunDirectoryError`] if the record cannot be read again.
    pub fn test(&mut self, key: &str) -> Result<Option<Record>, RunDirectoryError> {
        self.contents.tests.get(key).copied().map(|position| self.read(position)).transpose()
    }

    /// Returns the error for a replayed record that is not what the run asks for. Both are described in words.
    #[must_use]
    pub fn mismatch(&self, recorded: String, requested: String) -> RunDirectoryError {
        let last = self.next.checked_sub(1).and_then(|index| self.contents.ordered.get(index));
        let line = last.map_or(0, |position| position.line);
        RunDirectoryError::Mismatch { path: self.path.clone(), line, recorded, requested }
    }

    /// Appends a record. It is in the file after the return, whatever happens to the process. If the last sync to the disk was a
    /// second ago or longer, all records are synced; a failure of the machine can lose those that are not.
    ///
    /// # Errors
    /// [`RunDirectoryError::Io`], for example on a full disk; the journal then ends with its last complete record.
    pub fn append(&mut self, record: &Record) -> Result<(), RunDirectoryError> {
        let bytes = line::encode(record);
        self.check_still_there()?;
        let offset = self.file.seek(SeekFrom::End(0)).map_err(|cause| self.io("seek in", cause))?;
        if let Err(cause) = self.file.write_all(&bytes) {
            // The part of the line that was written is removed. If that fails too, the line is torn and will be dropped.
            drop(self.file.set_len(offset));
            return Err(self.io("write", cause));
        }
        self.contents.lines += 1;
        let position = Position { offset, length: bytes.len(), line: self.contents.lines };
        match record {
            Record::Header { .. } => {}
            Record::Test { key, .. } => drop(self.contents.tests.insert(key.clone(), position)),
            Record::Limits { limits } => drop(self.contents.limits.insert(self.contents.ordered.len(), *limits)),
            Record::Rollouts { .. } | Record::Reflections { .. } | Record::Scores { .. } | Record::Note { .. } => {
                self.contents.ordered.push(position);
                self.next = self.contents.ordered.len();
            }
        }
        if self.last_sync.elapsed() >= SYNC_INTERVAL {
            self.sync()?;
        }
        Ok(())
    }

    /// Fails if the path no longer names the open file: whatever is written to a removed file is lost.
    fn check_still_there(&self) -> Result<(), RunDirectoryError> {
        let identity = |about: Metadata| (about.dev(), about.ino());
        match (std::fs::metadata(&self.path).map(identity), self.file.metadata().map(identity)) {
            (Ok(named), Ok(open)) if named == open => Ok(()),
            _ => Err(RunDirectoryError::Gone { path: self.path.clone() }),
        }
    }

    /// Writes all records to the disk.
    ///
    /// # Errors
    /// [`RunDirectoryError::Io`]
    pub fn sync(&mut self) -> Result<(), RunDirectoryError> {
        self.last_sync = Instant::now();
        self.file.sync_data().map_err(|cause| self.io("sync", cause))
    }

    fn read(&mut self, position: Position) -> Result<Record, RunDirectoryError> {
        let mut bytes = vec![0; position.length];
        let read = self.file.seek(SeekFrom::Start(position.offset)).and_then(|_| self.file.read_exact(&mut bytes));
        read.map_err(|cause| self.io("read", cause))?;
        let damaged = |cause| RunDirectoryError::Damaged { path: self.path.clone(), line: position.line, cause };
        line::decode(&bytes).map_err(damaged)
    }

    fn io(&self, doing: &'static str, cause: std::io::Error) -> RunDirectoryError {
        RunDirectoryError::Io { doing, path: self.path.clone(), cause }
    }
}

/// Checks every line of the journal at `path` and returns where its records are. A torn last line is left out.
fn scan(file: &File, path: &Path, fingerprint: &BTreeMap<String, String>) -> Result<Contents, RunDirectoryError> {
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut bytes = Vec::new();
    let mut contents = Contents::default();
    let read = |cause| RunDirectoryError::Io { doing: "read", path: path.to_owned(), cause };
    let damaged = |line, cause: &str| RunDirectoryError::Damaged { path: path.to_owned(), line, cause: cause.to_owned() };
    // A torn line is dropped. Without this check, a file of another program would be taken for one.
    if !line::is_beginning(reader.fill_buf().map_err(read)?) {
        return Err(damaged(1, "the file does not begin like a journal"));
    }
    loop {
        let length = line::read(&mut reader, &mut bytes).map_err(read)?;
        let line = contents.lines + 1;
        if bytes.last() != Some(&b'\n') {
            if line::has_changed_end(&bytes) {
                return Err(damaged(line, "the end of the line was changed"));
            }
            return Ok(contents);
        }
        let position = Position { offset: contents.bytes, length, line };
        match line::outline(&bytes).map_err(|cause| damaged(line, &cause))? {
            Outline::Header(_) if line > 1 => return Err(damaged(line, "this is a second header")),
            Outline::Header(version) => check_header(path, version, &bytes, fingerprint)?,
            _ if line == 1 => return Err(damaged(line, "the first line is not a header")),
            Outline::Ordered(elapsed) => {
                contents.ordered.push(position);
                contents.seconds = elapsed.unwrap_or(contents.seconds);
            }
            Outline::Limits(limits) => drop(contents.limits.insert(contents.ordered.len(), limits)),
            Outline::Test(key) => drop(contents.tests.insert(key, position)),
        }
        contents.bytes += length as u64;
        contents.lines = line;
    }
}

/// Fails unless the header has the version that this program reads and the fingerprint of the plan.
pub(super) fn check_header(
    path: &Path,
    version: u32,
    line: &[u8],
    fingerprint: &BTreeMap<String, String>,
) -> Result<(), RunDirectoryError> {
    check_version(path, version)?;
    let recorded = match line::decode(line) {
        Ok(Record::Header { fingerprint, .. }) => fingerprint,
        Ok(_) => BTreeMap::new(),
        Err(cause) => return Err(RunDirectoryError::Damaged { path: path.to_owned(), line: 1, cause }),
    };
    match differences(&recorded, fingerprint) {
        differences if differences.is_empty() => Ok(()),
        differences => Err(RunDirectoryError::OtherPlan { path: path.parent().unwrap_or(path).to_owned(), differences }),
    }
}

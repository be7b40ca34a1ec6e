//! The append-only record of a run, and its replay.
//!
//! Every answer that cost something is appended before the optimizer sees it. To resume, the
//! optimizer starts over with the same seed and is answered from here until the journal runs dry.
//!
//! A line is `{"crc":"…","record":{…}}`, the checksum being the CRC-32 of the record's bytes. The
//! first record holds the format's version and the run's fingerprint. A last line without its end
//! was torn by a crash and is dropped; anything else that is broken is an error naming the line.
//!
//! Of a record, only its place is kept in memory: whatever is asked for again is read again.

mod error;
mod fingerprint;
mod line;
mod read;
mod record;

pub use error::JournalError;
pub use fingerprint::recorded_fingerprint;
pub use read::read;
pub use record::{CandidateAsk, Limits, Record, RolloutAsk};

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::line::Outline;

/// The version of the format that this code writes.
pub const VERSION: u32 = 4;

/// The least time between two syncs to the disk: what a power cut can cost.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// What a run writes beside its journal.
const RESULTS: [&str; 4] = ["plan.toml", "best.json", "summary.json", "best"];

/// A record that can be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stored(usize);

/// Where a record stands in the file.
#[derive(Debug, Clone, Copy)]
struct Place {
    offset: u64,
    length: usize,
    line: usize,
}

/// An open journal. Holds the lock on its run directory until dropped.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    /// Records in the order in which the optimizer asked for them.
    places: Vec<Place>,
    next: usize,
    /// Test evaluations, which are looked up by name: they stand wherever a run ended.
    tests: BTreeMap<String, Place>,
    /// Limits, by how many records in order were there before.
    limits: BTreeMap<usize, Limits>,
    lines: usize,
    seconds: f64,
    synced: Instant,
    _lock: File,
}

/// That no other process works in the run directory `folder` now; to be asked before models are loaded.
/// [`Journal::open`] asks again, and keeps the lock.
///
/// # Errors
/// [`JournalError::Locked`]
pub fn check_unlocked(folder: &Path) -> Result<(), JournalError> {
    match File::open(folder.join("lock")).map(|lock| lock.try_lock()) {
        Ok(Err(TryLockError::WouldBlock)) => Err(JournalError::Locked { path: folder.to_owned() }),
        // What else is wrong with the folder is for `Journal::open` to tell.
        _ => Ok(()),
    }
}

impl Journal {
    /// Opens the journal of the run directory `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// [`JournalError`]; nothing is changed then, and a torn last line is still there.
    pub fn open(folder: &Path, fingerprint: &BTreeMap<String, String>) -> Result<Self, JournalError> {
        let io = |doing, path: &Path| {
            let path = path.to_owned();
            move |cause| JournalError::Io { doing, path, cause }
        };
        std::fs::create_dir_all(folder).map_err(io("make the run directory", folder))?;
        let path = folder.join("journal.jsonl");
        if let (false, Some(found)) = (path.exists(), RESULTS.into_iter().find(|name| folder.join(name).exists())) {
            return Err(JournalError::Foreign { path: folder.to_owned(), found });
        }
        let lock_path = folder.join("lock");
        let mut writable = OpenOptions::new();
        writable.create(true).truncate(false).read(true).write(true);
        let lock = writable.open(&lock_path).map_err(io("open", &lock_path))?;
        lock.try_lock().map_err(|e| match e {
            TryLockError::WouldBlock => JournalError::Locked { path: folder.to_owned() },
            TryLockError::Error(cause) => JournalError::Io { doing: "lock", path: lock_path.clone(), cause },
        })?;
        let file = writable.open(&path).map_err(io("open", &path))?;
        let mut journal = Self {
            path,
            file,
            places: Vec::new(),
            next: 0,
            tests: BTreeMap::new(),
            limits: BTreeMap::new(),
            lines: 0,
            seconds: 0.0,
            synced: Instant::now(),
            _lock: lock,
        };
        let end = journal.scan(folder, fingerprint)?;
        journal.file.set_len(end).map_err(io("drop the torn last line of", &journal.path))?;
        journal.file.seek(SeekFrom::End(0)).map_err(io("seek in", &journal.path))?;
        if journal.lines == 0 {
            journal.append(&Record::Header { version: VERSION, fingerprint: fingerprint.clone() })?;
            journal.places.clear();
            journal.next = 0;
        }
        Ok(journal)
    }

    /// Checks every line and remembers where the records are. Returns where the last whole one ends.
    fn scan(&mut self, folder: &Path, fingerprint: &BTreeMap<String, String>) -> Result<u64, JournalError> {
        let mut reader = BufReader::with_capacity(1 << 20, &self.file);
        let mut bytes = Vec::new();
        let (mut offset, mut lines, mut seconds) = (0, 0, self.seconds);
        let (mut places, mut tests, mut limits) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        let read = |cause| JournalError::Io { doing: "read", path: self.path.clone(), cause };
        let damaged = |line, cause: &str| JournalError::Damaged { path: self.path.clone(), line, cause: cause.to_owned() };
        // A file of somebody else's is not taken for a torn line, which would be dropped.
        if !line::is_beginning(reader.fill_buf().map_err(read)?) {
            return Err(damaged(1, "the file does not begin like a journal"));
        }
        loop {
            let length = line::read(&mut reader, &mut bytes).map_err(read)?;
            let at = lines + 1;
            if bytes.last() != Some(&b'\n') {
                if line::has_another_end(&bytes) {
                    return Err(damaged(at, "the line's end was changed"));
                }
                break;
            }
            let place = Place { offset, length, line: at };
            match line::outline(&bytes).map_err(|cause| damaged(at, &cause))? {
                Outline::Header { .. } if at > 1 => return Err(damaged(at, "a second header")),
                Outline::Header { version } => self.check_header(folder, version, &bytes, fingerprint)?,
                _ if at == 1 => return Err(damaged(at, "the first line is no header")),
                Outline::Ordered(elapsed) => {
                    places.push(place);
                    seconds = elapsed.unwrap_or(seconds);
                }
                Outline::Limits(then) => drop(limits.insert(places.len(), then)),
                Outline::Test(key) => drop(tests.insert(key, place)),
            }
            offset += length as u64;
            lines = at;
        }
        (self.places, self.tests, self.limits) = (places, tests, limits);
        (self.lines, self.seconds) = (lines, seconds);
        Ok(offset)
    }

    /// That the run was begun by a gepard like this one, with the same plan.
    fn check_header(
        &self,
        folder: &Path,
        version: u32,
        line: &[u8],
        fingerprint: &BTreeMap<String, String>,
    ) -> Result<(), JournalError> {
        read::supported(&self.path, version)?;
        let recorded = match line::decode(line) {
            Ok(Record::Header { fingerprint, .. }) => fingerprint,
            Ok(_) => BTreeMap::new(),
            Err(cause) => return Err(JournalError::Damaged { path: self.path.clone(), line: 1, cause }),
        };
        match fingerprint::differences(&recorded, fingerprint) {
            differences if differences.is_empty() => Ok(()),
            differences => Err(JournalError::OtherPlan { path: folder.to_owned(), differences }),
        }
    }

    /// The file that a user makes to end the search; what was found until then is kept.
    #[must_use]
    pub fn stop_file(&self) -> PathBuf {
        self.path.with_file_name("stop")
    }

    /// The number of records that an optimizer can be answered from.
    #[must_use]
    pub fn recorded(&self) -> usize {
        self.places.len()
    }

    /// Whether the optimizer is still answered from the journal.
    #[must_use]
    pub fn is_replaying(&self) -> bool {
        self.next < self.places.len()
    }

    /// Seconds of work that the recorded part of the run took.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// What the record that comes next was made under; after the last one, what was in force at the end. None where nothing
    /// is recorded.
    #[must_use]
    pub fn limits(&self) -> Option<Limits> {
        self.limits.range(..=self.next).next_back().map(|(_, limits)| *limits)
    }

    /// The next record in order, or None when the journal has run dry.
    ///
    /// # Errors
    /// [`JournalError`] where it cannot be read again.
    pub fn replay(&mut self) -> Result<Option<Record>, JournalError> {
        let Some(&place) = self.places.get(self.next) else {
            return Ok(None);
        };
        self.next += 1;
        self.read(place).map(Some)
    }

    /// The record that was replayed or appended last; None before any was.
    #[must_use]
    pub fn last(&self) -> Option<Stored> {
        self.next.checked_sub(1).map(Stored)
    }

    /// A record that was replayed or appended before.
    ///
    /// # Errors
    /// [`JournalError`] where it cannot be read again.
    pub fn again(&mut self, Stored(place): Stored) -> Result<Option<Record>, JournalError> {
        self.places.get(place).copied().map(|place| self.read(place)).transpose()
    }

    /// The test evaluation called `key`, if it is recorded.
    ///
    /// # Errors
    /// [`JournalError`] where it cannot be read again.
    pub fn test(&mut self, key: &str) -> Result<Option<Record>, JournalError> {
        self.tests.get(key).copied().map(|place| self.read(place)).transpose()
    }

    /// That the record just replayed is not what the run asks for.
    #[must_use]
    pub fn mismatch(&self, recorded: String, asked: String) -> JournalError {
        let line = self.next.checked_sub(1).and_then(|at| self.places.get(at)).map_or(0, |place| place.line);
        JournalError::Mismatch { path: self.path.clone(), line, recorded, asked }
    }

    /// Appends a record. When this returns, it survives the end of the process; within a second,
    /// that of the machine.
    ///
    /// # Errors
    /// [`JournalError::Io`], a full disk for one; the journal ends with its last whole record then.
    pub fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        let bytes = line::encode(record);
        let io = |doing, path: &Path, cause| JournalError::Io { doing, path: path.to_owned(), cause };
        self.check_still_there()?;
        let end = self.file.seek(SeekFrom::End(0)).map_err(|e| io("seek in", &self.path, e))?;
        if let Err(cause) = self.file.write_all(&bytes) {
            // What was written of the line is taken back; if that fails too, it is a torn last line.
            drop(self.file.set_len(end));
            return Err(io("write", &self.path, cause));
        }
        self.lines += 1;
        let place = Place { offset: end, length: bytes.len(), line: self.lines };
        match record {
            Record::Test { key, .. } => {
                self.tests.insert(key.clone(), place);
            }
            Record::Limits { limits } => {
                self.limits.insert(self.places.len(), *limits);
            }
            _ => {
                self.places.push(place);
                self.next = self.places.len();
            }
        }
        if self.synced.elapsed() >= SYNC_EVERY {
            self.sync()?;
        }
        Ok(())
    }

    /// That the path still names the file that is written: what goes into a removed file is lost.
    fn check_still_there(&self) -> Result<(), JournalError> {
        let place = |about: std::fs::Metadata| (about.dev(), about.ino());
        match (std::fs::metadata(&self.path).map(place), self.file.metadata().map(place)) {
            (Ok(named), Ok(open)) if named == open => Ok(()),
            _ => Err(JournalError::Gone { path: self.path.clone() }),
        }
    }

    /// Brings everything to the disk.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.synced = Instant::now();
        self.file.sync_data().map_err(|cause| JournalError::Io { doing: "sync", path: self.path.clone(), cause })
    }

    fn read(&mut self, place: Place) -> Result<Record, JournalError> {
        let mut bytes = vec![0; place.length];
        let io = |cause| JournalError::Io { doing: "read", path: self.path.clone(), cause };
        self.file.seek(SeekFrom::Start(place.offset)).map_err(io)?;
        self.file.read_exact(&mut bytes).map_err(io)?;
        line::decode(&bytes).map_err(|cause| JournalError::Damaged { path: self.path.clone(), line: place.line, cause })
    }
}

#[cfg(test)]
mod tests;

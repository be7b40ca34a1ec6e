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

mod line;
mod read;
mod record;

pub use read::read;
pub use record::{CandidateAsk, Cost, Record, RolloutAsk, Scored, Verdict};

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::line::Outline;

/// The version of the format that this code writes.
pub const VERSION: u32 = 2;

/// The least time between two syncs to the disk: what a power cut can cost.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// What can be wrong with a run directory.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system failed.
    #[error("cannot {doing} {path}: {cause}{}", remedy(cause))]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A folder that is no run directory.
    #[error(
        "{path} holds no run: there is no journal in it, or nothing in the journal; give a folder that `gepard optimize` made"
    )]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// A file that no comparison of optimizers has written.
    #[error(
        "{path} is of no comparison: {cause}; type `gepard compare TASK.toml --optimizers …` again, which reads what is finished"
    )]
    NoContest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// Another process works on the run.
    #[error("another gepard is working on {path}; wait for it or give another --run")]
    Locked {
        /// The run directory.
        path: PathBuf,
    },
    /// The folder holds files that are no run's, and that a run would write over.
    #[error("{path} has a `{found}` but no journal, so it is no run's directory; give another --run, or remove it")]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// A file in it.
        found: &'static str,
    },
    /// The run directory was removed or replaced while the run worked in it.
    #[error("{path} was removed or replaced under way, so nothing more of the run can be kept; begin anew, or bring it back")]
    Gone {
        /// The journal.
        path: PathBuf,
    },
    /// A line is damaged.
    #[error(
        "{path}:{line}: {cause}; the run cannot be trusted from there on: restore the file, remove that line and all below \
         it to go on from there, or begin anew with another --run"
    )]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        cause: String,
    },
    /// The format is newer than this program.
    #[error("{path} has version {version} of the journal's format, this gepard reads up to {VERSION}; use a newer gepard")]
    Newer {
        /// The journal.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The format is older than this program reads.
    #[error(
        "{path} has version {version} of the journal's format, this gepard reads {VERSION}; go on with the gepard that \
         made it, or begin anew with another --run"
    )]
    Older {
        /// The journal.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The run was made by another plan.
    #[error("{path} holds a run of another plan; give another --run, or undo the difference:\n{}", differences.join("\n"))]
    OtherPlan {
        /// The run directory.
        path: PathBuf,
        /// What differs, a line each.
        differences: Vec<String>,
    },
    /// The replayed optimizer asked for something else than is recorded.
    #[error("{path}:{line}: the journal has {recorded}, but the run asks for {asked}; it was made by another gepard")]
    Mismatch {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is recorded there.
        recorded: String,
        /// What was asked.
        asked: String,
    },
}

/// What to do about a failure of the file system, as the end of a message.
fn remedy(cause: &std::io::Error) -> &'static str {
    match cause.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "; what was there is whole: make room, and the same command goes on"
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => "; make it writable, or give another --run",
        ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::AlreadyExists => "; give another --run",
        _ => "",
    }
}

/// What a run writes beside its journal.
const RESULTS: [&str; 4] = ["plan.toml", "best.json", "summary.json", "best"];

/// The most bytes of a journal's first line that are read before it is known to be one.
const LONGEST_HEADER: u64 = 16 << 20;

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
    lines: usize,
    seconds: f64,
    synced: Instant,
    _lock: File,
}

/// What the run in `folder` was begun with; empty where there is none. What is damaged is for [`Journal::open`] to tell.
#[must_use]
pub fn recorded_fingerprint(folder: &Path) -> BTreeMap<String, String> {
    let mut first = Vec::new();
    let file = File::open(folder.join("journal.jsonl"));
    let read = file.and_then(|file| BufReader::new(file.take(LONGEST_HEADER)).read_until(b'\n', &mut first));
    match read.ok().and_then(|_| line::decode(&first).ok()) {
        Some(Record::Header { fingerprint, .. }) => fingerprint,
        _ => BTreeMap::new(),
    }
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
        let (mut places, mut tests) = (Vec::new(), BTreeMap::new());
        let read = |cause| JournalError::Io { doing: "read", path: self.path.clone(), cause };
        let damaged = |line, cause: &str| JournalError::Damaged { path: self.path.clone(), line, cause: cause.to_owned() };
        // A file of somebody else's is not taken for a torn line, which would be dropped.
        if !line::is_beginning(reader.fill_buf().map_err(read)?) {
            return Err(damaged(1, "the file does not begin like a journal"));
        }
        loop {
            bytes.clear();
            let length = reader.read_until(b'\n', &mut bytes).map_err(read)?;
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
                Outline::Test(key) => drop(tests.insert(key, place)),
            }
            offset += length as u64;
            lines = at;
        }
        (self.places, self.tests, self.lines, self.seconds) = (places, tests, lines, seconds);
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
        match differences(&recorded, fingerprint) {
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

fn differences(recorded: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> Vec<String> {
    let keys: std::collections::BTreeSet<&String> = recorded.keys().chain(wanted.keys()).collect();
    // Long texts are shown from a little before where they part.
    let show = |value: Option<&String>, same: usize| match value {
        None => "(not set)".to_owned(),
        Some(text) => {
            let from = if text.chars().count() > 100 { same.saturating_sub(20) } else { 0 };
            let shown: String = text.chars().skip(from).take(100).collect();
            let (before, after) = (from > 0, text.chars().count() > from + 100);
            format!("{}{shown}{}", if before { "…" } else { "" }, if after { "…" } else { "" })
        }
    };
    let difference = |key: &String| {
        let (was, is) = (recorded.get(key), wanted.get(key));
        let same = was.zip(is).map_or(0, |(a, b)| a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count());
        format!("  {key}: the run has {}, now it is {}", show(was, same), show(is, same))
    };
    keys.into_iter().filter(|key| recorded.get(*key) != wanted.get(*key)).map(difference).collect()
}

#[cfg(test)]
mod tests;

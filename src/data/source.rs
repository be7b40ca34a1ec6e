//! A file that is read where a row stands. It is not mapped into memory: a file that another program shortens meanwhile is an
//! error then, and not the end of the process.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::hash;

/// Bytes that are read at a time where a file is gone through.
const BUFFER: usize = 1 << 16;

/// The file, opened once: one that is put in its place meanwhile is another.
#[derive(Debug)]
pub(super) struct Source {
    file: File,
}

impl Source {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)? })
    }

    /// The bytes from `start` to `end`.
    pub(super) fn bytes(&self, start: usize, end: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; end.saturating_sub(start)];
        self.reading(start).read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// A reader of all from `start` on, with a place in the file of its own.
    pub(super) fn from(&self, start: usize) -> BufReader<Reading<'_>> {
        BufReader::with_capacity(BUFFER, self.reading(start))
    }

    fn reading(&self, start: usize) -> Reading<'_> {
        Reading { file: &self.file, at: start as u64 }
    }

    /// The first bytes, at most `most`.
    pub(super) fn beginning(&self, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.from(0).take(most as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The SHA-256 of all bytes, in hexadecimal.
    pub(super) fn sha256(&self) -> io::Result<String> {
        let (sha256, _) = hash::each_piece(self.from(0), |error| error, |_| Ok(()))?;
        Ok(sha256)
    }
}

/// One of several readers of a file.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    file: &'a File,
    at: u64,
}

impl Read for Reading<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(bytes, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

//! A data file that is opened once and read at any position.
//!
//! The file is not mapped into memory: if another program shortens a mapped file, the process is killed. Here it is an error.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::hash;

/// The number of bytes that are read at a time from a file that is read as a whole.
const BUFFER: usize = 1 << 16;

/// An open data file. It stays the same file, even if another one is put under its path meanwhile.
#[derive(Debug)]
pub(super) struct Source {
    file: File,
}

impl Source {
    /// Opens the file at `path`.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)? })
    }

    /// Returns the bytes from `start` to `end`.
    pub(super) fn bytes(&self, start: usize, end: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; end.saturating_sub(start)];
        self.unbuffered_from(start).read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Returns a buffered reader of all bytes from `start` on. Several readers of one file do not disturb each other.
    pub(super) fn reader_from(&self, start: usize) -> BufReader<PositionedReader<'_>> {
        BufReader::with_capacity(BUFFER, self.unbuffered_from(start))
    }

    fn unbuffered_from(&self, start: usize) -> PositionedReader<'_> {
        PositionedReader { file: &self.file, position: start as u64 }
    }

    /// Returns the first bytes of the file, at most `most`.
    pub(super) fn beginning(&self, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.reader_from(0).take(most as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Returns the SHA-256 of all bytes, in hexadecimal.
    pub(super) fn sha256(&self) -> io::Result<String> {
        let (sha256, _) = hash::each_piece(self.reader_from(0), |error| error, |_| Ok(()))?;
        Ok(sha256)
    }
}

/// A reader with a position of its own in a shared file.
#[derive(Debug)]
pub(super) struct PositionedReader<'a> {
    file: &'a File,
    position: u64,
}

impl Read for PositionedReader<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(bytes, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

//! A file that is read where a row stands. It is not mapped into memory: a file that another program shortens meanwhile is an
//! error then, and not the end of the process.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::hash;

/// Bytes that are read at a time where a file is gone through.
const BUFFER: usize = 1 << 16;

#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    file: File,
}

impl Source {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), file: File::open(path)? })
    }

    /// The bytes from `start` to `end`.
    pub(super) fn bytes(&self, start: usize, end: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; end.saturating_sub(start)];
        read_exact_at(&self.file, &mut bytes, start as u64)?;
        Ok(bytes)
    }

    /// A reader of all from `start` on, with a place in the file of its own.
    pub(super) fn from(&self, start: usize) -> io::Result<BufReader<File>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(start as u64))?;
        Ok(BufReader::with_capacity(BUFFER, file))
    }

    /// The first bytes, at most `most`.
    pub(super) fn beginning(&self, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.from(0)?.take(most as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The SHA-256 of all bytes, in hexadecimal.
    pub(super) fn sha256(&self) -> io::Result<String> {
        let (sha256, _) = hash::each_piece(self.from(0)?, |error| error, |_| Ok(()))?;
        Ok(sha256)
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => (bytes, offset) = (&mut bytes[read..], offset + read as u64),
        }
    }
    Ok(())
}

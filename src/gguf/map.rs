//! A read-only memory map of a model file.
//!
//! llama.cpp maps the file anyway, so the header, the hash and the recoded copy share its pages in the page cache instead of
//! copying them into buffers. A map has one danger that reading has not: if another process shortens the file while a page of it
//! is read, the kernel ends this process with SIGBUS, as it would inside llama.cpp. The file's length and modification time are
//! therefore compared with those at opening before each piece is handed out, so that a file that changed before or between two
//! pieces is an error. A truncation within one piece (at most [`PIECE`] bytes, well under a millisecond) is what remains.

use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::time::SystemTime;

use memmap2::Mmap;
use sha2::{Digest, Sha256};

use crate::hash::hex;

/// The number of bytes of a file that are handed out between two checks.
const PIECE: usize = 1 << 20;

/// A model file that is mapped into memory for reading.
#[derive(Debug)]
pub struct ModelMap {
    file: File,
    map: Mmap,
    modified: Option<SystemTime>,
}

impl ModelMap {
    /// Maps the whole file at `path`.
    ///
    /// # Errors
    /// The operating system's error where the file cannot be opened or mapped.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let modified = file.metadata()?.modified().ok();
        // SAFETY: the map is read-only and private to this type. Another process may still change the file, whose bytes are
        // only ever hashed, copied or parsed with every length checked, never trusted; shortening it is caught by `check`
        // before each piece, with the remaining race described at the top of this file.
        #[allow(unsafe_code)]
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self { file, map, modified })
    }

    /// Returns the length of the file in bytes, as it was when it was mapped.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.map.len() as u64
    }

    /// Returns whether the file had no bytes when it was mapped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Returns the bytes of `range`, after checking that the file is still the one that was mapped.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] where the range ends behind the file or the file became shorter,
    /// [`io::ErrorKind::InvalidData`] where it was changed otherwise.
    pub fn bytes(&self, range: Range<u64>) -> io::Result<&[u8]> {
        self.check(&self.file.metadata()?)?;
        let bounds = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
        bounds.and_then(|(start, end)| self.map.get(start..end)).ok_or_else(|| ended("it ends before the bytes that are needed"))
    }

    /// Calls `consume` with the bytes of `range` in pieces of at most `piece` bytes, and checks the file before each.
    ///
    /// # Errors
    /// Those of [`Self::bytes`] and those of `consume`.
    pub fn for_each_piece(
        &self,
        range: Range<u64>,
        piece: usize,
        mut consume: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut start = range.start;
        while start < range.end {
            let end = range.end.min(start + piece as u64);
            consume(self.bytes(start..end)?)?;
            start = end;
        }
        Ok(())
    }

    /// Returns the SHA-256 of the whole file in lower-case hexadecimal, and calls `consume` with each piece of it on the way.
    ///
    /// # Errors
    /// Those of [`Self::bytes`], converted by `failed`, and those of `consume`.
    pub fn sha256<E>(
        &self,
        failed: impl FnOnce(io::Error) -> E,
        mut consume: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<String, E> {
        let mut digest = Sha256::new();
        let mut start = 0;
        while start < self.len() {
            let end = self.len().min(start + PIECE as u64);
            let piece = match self.bytes(start..end) {
                Ok(piece) => piece,
                Err(error) => return Err(failed(error)),
            };
            digest.update(piece);
            consume(piece)?;
            start = end;
        }
        Ok(hex(&digest.finalize()))
    }

    /// Compares the file as it is now with the one that was mapped.
    fn check(&self, now: &Metadata) -> io::Result<()> {
        if now.len() < self.len() {
            return Err(ended("it became shorter while it was read"));
        }
        if now.len() > self.len() || now.modified().ok() != self.modified {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it was changed while it was read"));
        }
        Ok(())
    }
}

fn ended(cause: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn pieces_cover_the_range_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let content: Vec<u8> = (0..=255).cycle().take(1000).collect();
        std::fs::write(&path, &content).unwrap();
        let map = ModelMap::open(&path).unwrap();
        let (mut read, mut sizes) = (Vec::new(), Vec::new());
        map.for_each_piece(3..1000, 400, |piece| {
            sizes.push(piece.len());
            read.extend_from_slice(piece);
            Ok(())
        })
        .unwrap();
        assert_eq!((sizes, read), (vec![400, 400, 197], content[3..].to_vec()));
        assert_eq!(map.bytes(900..1001).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_file_that_changed_after_mapping_is_an_error_before_its_bytes_are_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, vec![1; 3 * PIECE]).unwrap();
        let map = ModelMap::open(&path).unwrap();
        let file = File::options().append(true).open(&path).unwrap();
        let mut pieces = 0;
        let shortened = map.for_each_piece(0..map.len(), PIECE, |_| {
            pieces += 1;
            file.set_len(5)
        });
        assert_eq!((pieces, shortened.unwrap_err().kind()), (1, io::ErrorKind::UnexpectedEof));
        let map = ModelMap::open(&path).unwrap();
        (&file).write_all(b"more").unwrap();
        assert_eq!(map.bytes(0..5).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn the_hash_covers_all_pieces() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let content = vec![7; 2 * PIECE + 9];
        std::fs::write(&path, &content).unwrap();
        let mut sizes = Vec::new();
        let consume = |piece: &[u8]| {
            sizes.push(piece.len());
            Ok::<(), io::Error>(())
        };
        let sha256 = ModelMap::open(&path).unwrap().sha256(|error| error, consume).unwrap();
        assert_eq!((sha256, sizes), (crate::hash::sha256_hex(&content), vec![PIECE, PIECE, 9]));
        let stopped = ModelMap::open(&path).unwrap().sha256(|error| error, |_| Err(io::ErrorKind::Interrupted.into()));
        assert_eq!(stopped.unwrap_err().kind(), io::ErrorKind::Interrupted);
    }

    #[test]
    fn an_empty_file_has_no_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "").unwrap();
        let map = ModelMap::open(&path).unwrap();
        assert!(map.is_empty() && map.bytes(0..0).unwrap().is_empty());
    }
}

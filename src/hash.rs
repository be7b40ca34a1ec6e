//! Hashes of content, for fingerprints, cache keys and seeds.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

/// Returns the SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Returns the SHA-256 of `bytes`, in hexadecimal.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The number of bytes that are read at a time.
const PIECE: usize = 1 << 20;

/// Reads `from` to its end and calls `then` with each piece. Returns the SHA-256 of all bytes, in hexadecimal, and their number.
///
/// # Errors
/// The first error of `then`. An error in reading is converted by `failed`.
pub fn each_piece<E>(
    mut from: impl Read,
    failed: impl FnOnce(io::Error) -> E,
    mut then: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(String, u64), E> {
    let mut piece = vec![0; PIECE];
    let mut digest = Sha256::new();
    let mut bytes = 0;
    loop {
        let filled = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(filled) => filled,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(error)),
        };
        let filled = piece.get(..filled).unwrap_or_default();
        digest.update(filled);
        bytes += filled.len() as u64;
        then(filled)?;
    }
    Ok((hex(&digest.finalize()), bytes))
}

/// Returns the bytes in lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns a 64-bit hash of several texts that depends on where each of them ends: the first eight bytes, big-endian, of the
/// SHA-256 over the texts, each preceded by its length as 64 bits, little-endian.
#[must_use]
pub fn number(parts: &[&str]) -> u64 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let digest = hasher.finalize();
    digest.iter().take(8).fold(0, |number, &byte| number << 8 | u64::from(byte))
}

//! Names for content: hashes that go into fingerprints, cache keys and seeds.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

/// The SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The SHA-256 of `bytes` in hexadecimal.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes that are read at a time.
const PIECE: usize = 1 << 20;

/// Gives each piece of what is read to `then`; returns the SHA-256 of the whole in hexadecimal, and its size in bytes.
///
/// # Errors
/// That of `then`, and what `failed` makes of one in reading.
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

/// Bytes in lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A 64-bit number that depends on every part and on where each ends: the first eight bytes of
/// the SHA-256 over the parts, each preceded by its length.
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

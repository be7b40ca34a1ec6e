//! Texts that a program in the sandbox cannot guess.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// Returns a text that a program cannot guess, from the system's random numbers. It marks messages and files, and influences no
/// result.
pub(crate) fn secret() -> String {
    let word = || RandomState::new().build_hasher().finish();
    format!("gepard-{:016x}{:016x}", word(), word())
}

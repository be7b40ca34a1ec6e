//! The numbers that name a module of a program and a candidate of the pool.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Names a module: its index among the modules of its program, which is also that of its text in a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModuleIndex(pub usize);

/// Names an accepted candidate of a search: its index in the pool, in the order of acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PoolIndex(pub usize);

impl PoolIndex {
    /// The seed, which is the first candidate of every pool.
    pub const SEED: Self = Self(0);
}

impl fmt::Display for PoolIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

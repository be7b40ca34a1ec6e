//! The number that names an example of a split.

use serde::{Deserialize, Serialize};

/// Names an example: its index among the examples of its split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExampleIndex(pub usize);

impl ExampleIndex {
    /// Returns the indices of all examples of a split of `count` examples, ascending.
    #[must_use]
    pub fn all(count: usize) -> Vec<Self> {
        (0..count).map(Self).collect()
    }
}

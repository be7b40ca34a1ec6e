//! `[optimize.ape]`

use serde::Serialize;

use super::strength::Strength;
use crate::config::fingerprint::Keys;

/// `[optimize.ape]`: the numbers of APE (arXiv 2211.01910).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ApePlan {
    /// The defaults of the other keys of this table. `small` has 8 candidates, all of which are scored on half of the rows, and the
    /// better half of them on the rest.
    pub preset: Strength,
    /// The instructions of an iteration, as far as the budget holds them.
    pub candidates: usize,
    /// The pairs of input and output that an instruction is inferred from.
    pub pairs: usize,
    /// The parts of the rows that an instruction is scored on one after the other. All instructions get the first part; as many parts
    /// again go to those with the highest upper confidence bounds; None: with `small`, the better half gets the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts: Option<usize>,
    /// The weight of the uncertainty in the upper confidence bound.
    pub exploration: f64,
}

pub(in crate::config) static KEYS: Keys = Keys { inside: "preset candidates pairs parts exploration", ..Keys::NONE };

impl ApePlan {
    /// Returns the numbers of a preset.
    #[must_use]
    pub fn of(preset: Strength) -> Self {
        let reference = Self { preset, candidates: 50, pairs: 5, parts: Some(5), exploration: 1.0 };
        match preset {
            Strength::Reference => reference,
            Strength::Small => Self { candidates: 8, parts: None, ..reference },
        }
    }
}

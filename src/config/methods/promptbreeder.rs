//! `[optimize.promptbreeder]`

use serde::Serialize;

use super::strength::Strength;
use crate::config::fingerprint::Keys;

/// `[optimize.promptbreeder]`: the numbers of Promptbreeder (arXiv 2309.16797).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PromptbreederPlan {
    /// The defaults of the other keys of this table. `small` has 10 units.
    pub preset: Strength,
    /// The units of the population, as far as the budget holds them.
    pub units: usize,
    /// The most demonstrations of a unit.
    pub demonstrations: usize,
    /// The probability that a new unit gets the task prompt of another one, from 0 to 1.
    pub crossover: f64,
}

pub(in crate::config) static KEYS: Keys = Keys { inside: "preset units demonstrations crossover", ..Keys::NONE };

impl PromptbreederPlan {
    /// Returns the numbers of a preset.
    #[must_use]
    pub fn of(preset: Strength) -> Self {
        let units = if preset == Strength::Reference { 50 } else { 10 };
        Self { preset, units, demonstrations: 3, crossover: 0.1 }
    }
}

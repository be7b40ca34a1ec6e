//! `[optimize.bootstrap-rs]`

use serde::Serialize;

use super::strength::Strength;
use crate::config::fingerprint::Keys;

/// `[optimize.bootstrap-rs]`: the numbers of `BootstrapFewShotWithRandomSearch` in dspy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BootstrapRsPlan {
    /// The defaults of the other keys of this table. `small` has 6 sets of at most 8 demonstrations.
    pub preset: Strength,
    /// The number of shuffled sets. They are made after the four fixed ones: the seed, no demonstrations, labelled examples, and
    /// an unshuffled set.
    pub sets: usize,
    /// The most demonstrations of a set that are calls of the teacher. A shuffled set has a random number of them, from 1.
    pub bootstrapped: usize,
    /// The number of demonstrations up to which a set is filled with labelled training examples, as far as they fit
    /// `max_prompt_tokens`. The calls of the teacher are kept even if they are more. The teacher is shown as many labelled
    /// examples.
    pub labelled: usize,
    /// The least score of a teacher's call that becomes a demonstration, from 0 to 1; None: any score above 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

pub(in crate::config) static KEYS: Keys = Keys { inside: "preset sets bootstrapped labelled threshold", ..Keys::NONE };

impl BootstrapRsPlan {
    /// Returns the numbers of a preset.
    #[must_use]
    pub fn of(preset: Strength) -> Self {
        let reference = Self { preset, sets: 16, bootstrapped: 4, labelled: 16, threshold: None };
        match preset {
            Strength::Reference => reference,
            Strength::Small => Self { sets: 6, labelled: 8, ..reference },
        }
    }
}

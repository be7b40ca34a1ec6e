//! `[optimize.simba]`

use serde::Serialize;

use super::strength::Strength;
use crate::config::fingerprint::Keys;

/// `[optimize.simba]`: the numbers of `SIMBA` in dspy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SimbaPlan {
    /// The defaults of the other keys of this table. `small` has minibatches of 8 examples, 3 draws and at most 4 new candidates
    /// a step.
    pub preset: Strength,
    /// The training examples of a step. There are fewer if the budget would not hold three steps.
    pub minibatch: usize,
    /// How often each example of the minibatch is answered. A step makes at most one new candidate more than this.
    pub candidates: usize,
    /// The most steps.
    pub steps: usize,
    /// The number of demonstrations from which on a new candidate drops at least one of its parent's; with fewer, it may drop
    /// some. With 0, none are added, only advice.
    pub demonstrations: usize,
    /// The temperature of the answers that are compared with each other, up to 2.
    pub answer_temperature: f64,
    /// The temperature of the softmax over mean scores by which the candidate of each answer is drawn.
    pub sampling_temperature: f64,
    /// The temperature of the softmax over mean scores by which the candidate that is changed is drawn.
    pub candidate_temperature: f64,
}

pub(in crate::config) static KEYS: Keys = Keys {
    inside: "preset minibatch candidates steps demonstrations answer_temperature sampling_temperature candidate_temperature",
    ..Keys::NONE
};

impl SimbaPlan {
    /// Returns the numbers of a preset.
    #[must_use]
    pub fn of(preset: Strength) -> Self {
        let reference = Self {
            preset,
            minibatch: 32,
            candidates: 6,
            steps: 8,
            demonstrations: 4,
            answer_temperature: 1.0,
            sampling_temperature: 0.2,
            candidate_temperature: 0.2,
        };
        match preset {
            Strength::Reference => reference,
            Strength::Small => Self { minibatch: 8, candidates: 3, ..reference },
        }
    }
}

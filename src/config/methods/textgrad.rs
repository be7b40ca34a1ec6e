//! `[optimize.textgrad]`

use serde::Serialize;

use super::strength::Strength;
use crate::config::fingerprint::Keys;

/// `[optimize.textgrad]`: the numbers of TextGrad (arXiv 2406.07496).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TextgradPlan {
    /// The defaults of the other keys of this table. `small` has criticism of at most 160 tokens without its context.
    pub preset: Strength,
    /// The training rows of an update.
    pub minibatch: usize,
    /// The most epochs over the training rows.
    pub epochs: usize,
    /// Whether the question for a new instruction shows what was criticised: inputs and answer.
    pub context: bool,
    /// The most tokens of a criticism, which is then asked for in three sentences; None: `reflection_tokens`, without a wish for brevity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub criticism_tokens: Option<u32>,
}

pub(in crate::config) static KEYS: Keys = Keys { inside: "preset minibatch epochs context criticism_tokens", ..Keys::NONE };

impl TextgradPlan {
    /// Returns the numbers of a preset.
    #[must_use]
    pub fn of(preset: Strength) -> Self {
        let reference = Self { preset, minibatch: 3, epochs: 3, context: true, criticism_tokens: None };
        match preset {
            Strength::Reference => reference,
            Strength::Small => Self { context: false, criticism_tokens: Some(160), ..reference },
        }
    }
}

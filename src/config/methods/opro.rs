//! `[optimize.opro]`

use serde::Serialize;

use super::strength::Strength;
use crate::config::fingerprint::Keys;

/// `[optimize.opro]`: the numbers of OPRO (arXiv 2309.03409).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OproPlan {
    /// The defaults of the other keys of this table. With `small`, an instruction is scored on as many rows that about four steps fit
    /// the budget.
    pub preset: Strength,
    /// The new instructions of a step.
    pub proposals: usize,
    /// The most scored instructions that the reflector reads. The best are taken.
    pub trajectory: usize,
    /// The rows of the training data that the reflector reads, with their right outputs.
    pub exemplars: usize,
    /// The share of the training rows that an instruction is scored on, above 0 and at most 1: 0.2 in the paper for tasks with few rows,
    /// 0.035 for one with thousands. At least 5 rows; None: with `small`, as many that about four steps fit the budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<f64>,
    /// The temperature of new instructions, up to 2.
    pub temperature: f64,
}

pub(in crate::config) static KEYS: Keys = Keys { inside: "preset proposals trajectory exemplars rows temperature", ..Keys::NONE };

impl OproPlan {
    /// Returns the numbers of a preset.
    #[must_use]
    pub fn of(preset: Strength) -> Self {
        let rows = (preset == Strength::Reference).then_some(0.2);
        Self { preset, proposals: 8, trajectory: 20, exemplars: 3, rows, temperature: 1.0 }
    }
}

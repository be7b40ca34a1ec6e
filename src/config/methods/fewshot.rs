//! `[optimize.fewshot]`

use serde::Serialize;

use crate::config::fingerprint::Keys;

/// `[optimize.fewshot]`: the numbers of the control `fewshot`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FewshotPlan {
    /// The most sets of demonstrations that are drawn; None: as many as the budget holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draws: Option<usize>,
    /// The share of `max_prompt_tokens` that a drawn prompt may fill, above 0 and at most 1.
    pub room: f64,
}

pub(in crate::config) static KEYS: Keys = Keys { inside: "draws room", ..Keys::NONE };

impl Default for FewshotPlan {
    fn default() -> Self {
        Self { draws: None, room: 1.0 }
    }
}

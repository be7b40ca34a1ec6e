//! `[optimize.evoprompt]`

use serde::Serialize;

use super::strength::Strength;
use crate::config::fingerprint::Keys;

/// `[optimize.evoprompt]`: the numbers of both algorithms of EvoPrompt (arXiv 2309.08532).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvopromptPlan {
    /// The defaults of the other keys of this table. `small` has room for 4 generations.
    pub preset: Strength,
    /// The prompts of the population, and the children of a generation.
    pub population: usize,
    /// The generations for which the budget should have room. Prompts are compared on fewer training rows if it has not.
    pub generations: usize,
    /// Whether the population begins with the seed and with the seed that names the labels, and with paraphrases of both. The authors
    /// begin with prompts of people, which name them. Otherwise it begins with the seed and paraphrases of it.
    pub label_seeds: bool,
    /// Whether the question for a new prompt has a worked example of what is asked, as that of the authors.
    pub worked_example: bool,
}

pub(in crate::config) static KEYS: Keys =
    Keys { inside: "preset population generations label_seeds worked_example", ..Keys::NONE };

impl EvopromptPlan {
    /// Returns the numbers of a preset.
    #[must_use]
    pub fn of(preset: Strength) -> Self {
        let generations = if preset == Strength::Reference { 10 } else { 4 };
        Self { preset, population: 10, generations, label_seeds: true, worked_example: true }
    }
}

//! `[optimize.miprov2]`

use serde::{Serialize, Serializer};

use super::strength::Strength;
use crate::config::fingerprint::Keys;
use crate::config::named::{Named, named};

named! {
    /// How many options a search makes, and how many trials.
    Effort {
        /// 6 sets of demonstrations and 3 instructions a module.
        Light = "light",
        /// 12 sets of demonstrations and 6 instructions a module.
        Medium = "medium",
        /// 18 sets of demonstrations and 9 instructions a module.
        Heavy = "heavy",
    }
}

impl Effort {
    /// Returns the number of sets. The instructions are half as many.
    fn sets(self) -> usize {
        match self {
            Self::Light => 6,
            Self::Medium => 12,
            Self::Heavy => 18,
        }
    }
}

/// `[optimize.miprov2]`: the numbers of `MIPROv2` in dspy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Miprov2Plan {
    /// The defaults of the other keys of this table. `small` has 4 sets, 4 instructions, one summary of ten rows, and minibatches for
    /// which the budget holds ten trials.
    pub preset: Strength,
    /// The numbers of sets and instructions, and of trials, if these have no keys of their own.
    pub effort: Effort,
    /// The sets of demonstrations of a module, with the seed's; None: by `effort`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sets: Option<usize>,
    /// The instructions of a module, with the seed's; None: by `effort`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<usize>,
    /// The most trials; None: the larger of 2 × choices × log2(sets) and 1.5 × sets, where a module has two choices, and one without
    /// demonstrations. With `small`, as many as the budget holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trials: Option<usize>,
    /// The most demonstrations of a set that are calls of the teacher.
    pub bootstrapped: usize,
    /// The number of demonstrations up to which a set is filled with labelled training examples. The calls of the teacher are kept
    /// even if they are more. If `bootstrapped` and `labelled` are 0, prompts have no demonstrations, and there are as many
    /// instructions as there would be sets. The teacher is shown as many labelled examples; None: as many as fit
    /// `max_prompt_tokens`, of which a quarter is left for the instruction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labelled: Option<usize>,
    /// The least score of a teacher's call that becomes a demonstration, from 0 to 1; None: any score above 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// The validation rows of a trial. If there are at most `whole` validation rows, a trial has all of them.
    pub minibatch: usize,
    /// The most validation rows of which each trial has all.
    pub whole: usize,
    /// The number of trials from one validation on all rows to the next.
    pub validate_every: usize,
    /// The rows of a batch from which the data is described. Each batch adds observations, and a last question sums them up.
    pub summary_rows: usize,
    /// The most batches.
    pub summary_batches: usize,
    /// Whether the role of each module is described to the writer of instructions.
    pub module_descriptions: bool,
    /// The temperature of instructions and descriptions, up to 2.
    pub temperature: f64,
}

pub(in crate::config) static KEYS: Keys = Keys {
    inside: "preset effort sets instructions trials bootstrapped labelled threshold minibatch whole validate_every summary_rows \
        summary_batches module_descriptions temperature",
    ..Keys::NONE
};

/// The sets and instructions of the preset `small`.
const SMALL_OPTIONS: usize = 4;

impl Miprov2Plan {
    /// Returns the numbers of a preset.
    #[must_use]
    pub fn of(preset: Strength) -> Self {
        let reference = Self {
            preset,
            effort: Effort::Light,
            sets: None,
            instructions: None,
            trials: None,
            bootstrapped: 4,
            labelled: None,
            threshold: None,
            minibatch: 35,
            whole: 50,
            validate_every: 5,
            summary_rows: 10,
            summary_batches: 10,
            module_descriptions: true,
            temperature: 1.0,
        };
        match preset {
            Strength::Reference => reference,
            Strength::Small => Self {
                sets: Some(SMALL_OPTIONS),
                instructions: Some(SMALL_OPTIONS),
                whole: 8,
                summary_batches: 1,
                module_descriptions: false,
                ..reference
            },
        }
    }

    /// Returns the number of sets of a module, with the seed's.
    #[must_use]
    pub fn sets(&self) -> usize {
        self.sets.unwrap_or(self.effort.sets())
    }

    /// Whether prompts have no demonstrations.
    #[must_use]
    pub fn is_zero_shot(&self) -> bool {
        self.bootstrapped == 0 && self.labelled == Some(0)
    }

    /// Returns the number of instructions of a module, with the seed's.
    #[must_use]
    pub fn instructions(&self) -> usize {
        let sets = self.effort.sets();
        self.instructions.unwrap_or(if self.is_zero_shot() { sets } else { sets / 2 })
    }

    /// Returns the most trials if `modules` modules may change; None: as many as the budget holds.
    #[must_use]
    pub fn trials(&self, modules: usize) -> Option<usize> {
        let sets = self.sets() as f64;
        let choices = if self.is_zero_shot() { modules } else { 2 * modules };
        let by_sets = || (2.0 * choices as f64 * sets.log2()).max(1.5 * sets) as usize;
        self.trials.or_else(|| (self.preset == Strength::Reference).then(by_sets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trials_are_those_of_the_reference() {
        let trials =
            |effort: Effort, modules: usize| Miprov2Plan { effort, ..Miprov2Plan::of(Strength::Reference) }.trials(modules);
        assert_eq!(
            [Effort::Light, Effort::Medium, Effort::Heavy].map(|effort| trials(effort, 1)),
            [Some(10), Some(18), Some(27)]
        );
        assert_eq!(trials(Effort::Light, 2), Some(20));
        let zero_shot = Miprov2Plan { bootstrapped: 0, labelled: Some(0), ..Miprov2Plan::of(Strength::Reference) };
        assert_eq!((zero_shot.trials(2), zero_shot.instructions()), (Some(10), 6));
        assert_eq!(Miprov2Plan::of(Strength::Small).trials(1), None);
    }
}

//! `[program]` and `[[loop]]`: the order in which modules and steps run.

use serde::Serialize;

use super::fingerprint::Keys;
use crate::program::Condition;

/// The table `[program]` of a task file: the order of modules and steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ProgramPlan {
    /// The names of all modules and steps in the order in which they run; left out: the order of the task file.
    pub order: Vec<String>,
}

pub(super) static PROGRAM_KEYS: Keys = Keys { inside: "order", ..Keys::NONE };

/// `[[loop]]`: modules and steps that are repeated.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoopPlan {
    /// The names of the modules and steps that are repeated. They must be neighbours in the order of the program.
    pub over: Vec<String>,
    /// The most rounds, 1 to 20. With every round of all loops, a rollout may have at most 200 calls of modules and steps.
    pub repeat: usize,
    /// A condition like `when`. The loop ends after a round in which it holds; None: it ends after the last round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Condition>,
}

pub(super) static LOOP_KEYS: Keys = Keys { inside: "over repeat until", ..Keys::NONE };

impl LoopPlan {
    /// Returns the first and the last index of the loop's modules and steps in `order`. None if they are not neighbours there.
    #[must_use]
    pub fn span(&self, order: &[String]) -> Option<(usize, usize)> {
        let first = order.iter().position(|name| Some(name) == self.over.first())?;
        let last = first + self.over.len() - 1;
        (order.get(first..=last)? == self.over).then_some((first, last))
    }
}

//! The mutation operators of Promptbreeder.

use crate::event::MethodStep;

/// How a unit is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// A model writes a new task prompt from the task alone.
    ZeroOrder,
    /// A model changes the task prompt by the mutation prompt.
    FirstOrder,
    /// A model continues a list of the population's task prompts.
    Distribution,
    /// A model continues that list in ascending order of the scores.
    RankedDistribution,
    /// A model continues the list of the task prompts that were the best, in the order of time.
    Lineage,
    /// A model writes a new mutation prompt from a thinking style; it is used for a first-order mutation.
    ZeroOrderHyper,
    /// A model improves the mutation prompt; it is used for a first-order mutation.
    FirstOrderHyper,
    /// A model writes a task prompt from correct answers.
    Lamarckian,
}

impl Mutation {
    /// All mutation operators, in the order of the enum.
    pub const ALL: [Self; 8] = [
        Self::ZeroOrder,
        Self::FirstOrder,
        Self::Distribution,
        Self::RankedDistribution,
        Self::Lineage,
        Self::ZeroOrderHyper,
        Self::FirstOrderHyper,
        Self::Lamarckian,
    ];

    /// Returns the step by which events and the summary name this mutation.
    #[must_use]
    pub fn step(self) -> MethodStep {
        match self {
            Self::ZeroOrder => MethodStep::ZeroOrder,
            Self::FirstOrder => MethodStep::FirstOrder,
            Self::Distribution => MethodStep::Distribution,
            Self::RankedDistribution => MethodStep::RankedDistribution,
            Self::Lineage => MethodStep::Lineage,
            Self::ZeroOrderHyper => MethodStep::ZeroOrderHyper,
            Self::FirstOrderHyper => MethodStep::FirstOrderHyper,
            Self::Lamarckian => MethodStep::Lamarckian,
        }
    }

    /// Whether it changes the mutation prompt.
    pub(super) fn changes_mutation_prompt(self) -> bool {
        matches!(self, Self::ZeroOrderHyper | Self::FirstOrderHyper)
    }
}

//! The mutation operators of Promptbreeder.

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

    /// Returns the name in events and in the summary.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ZeroOrder => "zero-order",
            Self::FirstOrder => "first-order",
            Self::Distribution => "distribution",
            Self::RankedDistribution => "ranked-distribution",
            Self::Lineage => "lineage",
            Self::ZeroOrderHyper => "zero-order-hyper",
            Self::FirstOrderHyper => "first-order-hyper",
            Self::Lamarckian => "lamarckian",
        }
    }

    /// Whether it changes the mutation prompt.
    pub(super) fn changes_mutation_prompt(self) -> bool {
        matches!(self, Self::ZeroOrderHyper | Self::FirstOrderHyper)
    }
}

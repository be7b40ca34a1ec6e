//! Why a search ends.

use serde::{Deserialize, Serialize};

/// The reason why a search ended. Its `Display` is a clause, such as "the time is up".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The rest of the budget is smaller than the most that another iteration can charge.
    BudgetSpent,
    /// The time of the budget is up.
    TimeUp,
    /// The tokens of the budget are spent.
    TokensSpent,
    /// A whole epoch charged no rollout, because everything it asked for was reused.
    NothingLeft,
    /// The plan's limit of reflections is reached.
    ReflectionsSpent,
    /// The seed scores 1 on every validation example.
    SeedIsPerfect,
    /// A candidate has the validation score at which the plan stops.
    ScoreReached,
    /// There was no new best candidate in as many iterations as the plan allows.
    NoImprovement,
    /// The optimizer has made all the trials that it makes.
    TrialsDone,
    /// A file named `stop` was found in the run directory.
    StopFile,
}

impl std::fmt::Display for StopReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::BudgetSpent => "the budget does not hold another iteration",
            Self::TimeUp => "the time is up",
            Self::TokensSpent => "the tokens of the budget are spent",
            Self::NothingLeft => "a whole epoch asked for nothing new: there is nothing left to try",
            Self::ReflectionsSpent => "the limit of reflections is reached",
            Self::SeedIsPerfect => "the seed scores 1 on every validation example",
            Self::ScoreReached => "the score to stop at is reached",
            Self::NoImprovement => "the last iterations brought no better candidate",
            Self::TrialsDone => "all trials are done",
            Self::StopFile => "a `stop` file was found in the run directory",
        })
    }
}

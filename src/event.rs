//! Everything that happens in a run. Terminal, JSON stream and report are readers of this one enum;
//! the library itself never prints.

use std::path::PathBuf;

use serde::Serialize;

use crate::data::split::Split;
use crate::engine::EngineProgress;

/// One thing that happened. Scores are means from 0 to 1 unless called sums.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The plan is read and the data checked.
    Started {
        /// The run directory.
        run: PathBuf,
        /// Training, validation and test examples.
        examples: [usize; 3],
        /// Whether validation examples were taken from the training data.
        val_from_train: bool,
        /// The budget as the plan has it.
        budget: String,
    },
    /// Weights are in memory.
    ModelsLoaded {
        /// How long it took.
        seconds: f64,
    },
    /// A journal was found: what it holds is not computed again. Events up to
    /// [`Event::CaughtUp`] repeat what happened then.
    Resumed {
        /// Its records.
        records: usize,
        /// Seconds of work in them.
        seconds: f64,
    },
    /// The journal has run dry; from here on everything is new.
    CaughtUp,
    /// A list of rollouts begins.
    Evaluating {
        /// What for.
        purpose: Purpose,
        /// The data.
        split: Split,
        /// Rollouts to be run.
        fresh: usize,
        /// Rollouts answered from the cache.
        reused: usize,
    },
    /// A sign of life from the engine, several times a second; never journaled.
    Progress {
        /// Since the list of requests began.
        done: EngineProgress,
        /// Requests in the list.
        of: usize,
        /// Seconds since it began.
        seconds: f64,
    },
    /// A list of rollouts is done.
    Evaluated {
        /// What for.
        purpose: Purpose,
        /// The mean score of those that were scored; None where none was.
        mean: Option<f64>,
        /// Rollouts charged to the budget so far.
        spent: u64,
        /// Seconds of work so far.
        elapsed: f64,
    },
    /// The metric failed on a rollout, twice.
    Unscored {
        /// The example.
        example: String,
        /// What it said.
        cause: String,
    },
    /// An iteration begins.
    Iteration {
        /// From 1.
        iteration: u64,
        /// The candidate to be improved.
        parent: usize,
        /// Ids of the training examples.
        minibatch: Vec<String>,
    },
    /// Every score of the minibatch was perfect: nothing to learn.
    Perfect {
        /// The iteration.
        iteration: u64,
    },
    /// A reflector is asked.
    Reflecting {
        /// The iteration.
        iteration: u64,
        /// The module whose instruction is rewritten.
        module: String,
        /// The model that is asked.
        reflector: String,
        /// Examples that found room in its context.
        examples: usize,
    },
    /// The reflector has answered.
    Reflected {
        /// Seconds of work so far.
        elapsed: f64,
    },
    /// A reflection brought no prompt that could be tried.
    Unusable {
        /// The iteration.
        iteration: u64,
        /// Why.
        reason: &'static str,
        /// What the reflector wrote, or why it was not asked.
        text: String,
    },
    /// A new instruction is tried on the minibatch.
    Proposed {
        /// The iteration.
        iteration: u64,
        /// The module.
        module: String,
        /// The instruction.
        instruction: String,
    },
    /// It was no better.
    Rejected {
        /// The iteration.
        iteration: u64,
        /// The sum of the parent's scores on the minibatch.
        parent_sum: f64,
        /// The sum of the child's.
        child_sum: f64,
    },
    /// A candidate joined the pool: the seed, or a child that won its minibatch.
    Accepted {
        /// The iteration; 0 for the seed.
        iteration: u64,
        /// Its place in the pool.
        candidate: usize,
        /// Its parents' places.
        parents: Vec<usize>,
        /// Its instructions by module, in order.
        instructions: Vec<(String, String)>,
        /// Its mean on the validation examples.
        mean: f64,
        /// Its score on each of them, in order; None where the metric failed.
        scores: Vec<Option<f64>>,
        /// Rollouts charged when it joined.
        spent: u64,
    },
    /// The search is over.
    Stopped {
        /// Why.
        reason: StopReason,
    },
    /// The test data was scored.
    Tested {
        /// Which candidate.
        candidate: usize,
        /// Its mean; None where the metric failed on all of them.
        mean: Option<f64>,
    },
}

/// What rollouts are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The seed on all validation examples.
    SeedValidation,
    /// The parent on a minibatch, with traces.
    Parent,
    /// The child on the same minibatch.
    Gate,
    /// An accepted child on all validation examples.
    Validation,
    /// The seed or the best on the test examples.
    Test,
}

impl Event {
    /// Whether it is a decision of the optimizer, which the journal holds and a replay repeats.
    #[must_use]
    pub fn is_decision(&self) -> bool {
        matches!(
            self,
            Self::Iteration { .. }
                | Self::Perfect { .. }
                | Self::Reflecting { .. }
                | Self::Unusable { .. }
                | Self::Proposed { .. }
                | Self::Rejected { .. }
                | Self::Accepted { .. }
        )
    }
}

/// Why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// What is left of the budget does not hold another iteration's worst case.
    BudgetSpent,
    /// The time is up.
    TimeUp,
    /// A whole epoch charged no rollout: all of it was known already.
    NothingLeft,
    /// The cap on reflections is reached.
    ReflectionsSpent,
    /// The seed scores 1 on every validation example.
    SeedIsPerfect,
}

impl std::fmt::Display for StopReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::BudgetSpent => "the budget does not hold another iteration",
            Self::TimeUp => "the time is up",
            Self::NothingLeft => "a whole epoch brought nothing that was not known: there is nothing left to learn",
            Self::ReflectionsSpent => "the cap on reflections is reached",
            Self::SeedIsPerfect => "the seed is perfect on every validation example",
        })
    }
}

//! Everything that happens in a run. Terminal, JSON stream and report are readers of this one enum;
//! the library itself never prints.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::data::split::Split;
use crate::engine::EngineProgress;
use crate::engine::settings::Preparation;

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
        /// The most rollouts of the search; None where only time counts. The test evaluations come on top.
        most_rollouts: Option<u64>,
        /// The most seconds of the search; None where only rollouts count.
        most_seconds: Option<u64>,
    },
    /// Something that may take long begins with a model, before it can answer.
    Preparing {
        /// What.
        what: Preparation,
        /// Its name in the task file.
        model: String,
        /// Bytes of its file.
        bytes: u64,
    },
    /// A corpus is read, and its index built unless it is there.
    Indexing {
        /// Its file.
        corpus: PathBuf,
        /// Bytes of it.
        bytes: u64,
    },
    /// Weights are in memory.
    ModelsLoaded {
        /// How long it took.
        seconds: f64,
    },
    /// A model was run for the first time on this machine, and what is fastest for it was found.
    ModelMeasured {
        /// Its name in the task file.
        model: String,
        /// Threads of llama.cpp.
        threads: usize,
        /// Tokens in a batch.
        chunk: usize,
        /// How long the measurement took.
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
    /// A method that is made for one prompt turns to the next module of a program of several.
    Turn {
        /// The iteration that it begins with.
        iteration: u64,
        /// The module whose instruction is changed from now on.
        module: String,
        /// Modules that have their turn, one after the other.
        of: usize,
    },
    /// An iteration begins that writes new instructions.
    Iteration {
        /// From 1.
        iteration: u64,
        /// The candidates to be improved, each once.
        parents: Vec<usize>,
        /// Ids of the training examples.
        minibatch: Vec<String>,
    },
    /// Every score of a parent on the minibatch was perfect: nothing to learn.
    Perfect {
        /// The iteration.
        iteration: u64,
        /// The parent.
        parent: usize,
    },
    /// A reflector is asked what was wrong in each failure.
    Diagnosing {
        /// The iteration.
        iteration: u64,
        /// The candidate to be improved.
        parent: usize,
        /// The module.
        module: String,
        /// The model that is asked.
        reflector: String,
        /// Failures, a question each.
        questions: usize,
        /// Failures that found no room in its context.
        left_out: usize,
    },
    /// What it said.
    Diagnosed {
        /// The iteration.
        iteration: u64,
        /// The candidate.
        parent: usize,
        /// The module.
        module: String,
        /// A sentence each; answers without one are left out.
        sentences: Vec<String>,
    },
    /// A reflector is asked for a proposal.
    Reflecting {
        /// The iteration.
        iteration: u64,
        /// Which of the iteration's proposals, from 1.
        proposal: usize,
        /// The candidate to be improved.
        parent: usize,
        /// The module whose text is changed.
        module: String,
        /// How.
        operator: &'static str,
        /// The model that is asked.
        reflector: String,
        /// Questions, all asked at once.
        questions: usize,
        /// Examples that found room in its context.
        examples: usize,
        /// Rollouts that found none.
        left_out: usize,
        /// Whether the first answer was unusable, and this is the second time.
        again: bool,
    },
    /// The reflectors have answered.
    Reflected {
        /// Seconds of work so far.
        elapsed: f64,
    },
    /// An attempt brought no text that could be tried.
    Unusable {
        /// The iteration.
        iteration: u64,
        /// Which of its proposals.
        proposal: usize,
        /// The module.
        module: String,
        /// How it was to be changed.
        operator: &'static str,
        /// Why.
        reason: &'static str,
        /// What the reflector wrote, or why it was not asked.
        text: String,
    },
    /// New texts are tried on the minibatch.
    Proposed {
        /// The iteration.
        iteration: u64,
        /// Which of its proposals.
        proposal: usize,
        /// The parent.
        parent: usize,
        /// The operator that each of the changed modules owes its text to, by module.
        operators: Vec<(String, &'static str)>,
        /// The modules that are new, with their instructions.
        instructions: Vec<(String, String)>,
        /// Ids of their worked examples.
        demonstrations: Vec<(String, Vec<String>)>,
        /// What its rollouts stand under in the journal.
        key: String,
    },
    /// A proposal was scored on some examples, and compares by that with the others of its method. No validation in full.
    Tried {
        /// The iteration.
        iteration: u64,
        /// Which of its proposals.
        proposal: usize,
        /// The data.
        split: Split,
        /// Examples that it has been scored on.
        examples: usize,
        /// Its mean on them.
        mean: f64,
    },
    /// Every training example was attempted once more, with what earlier attempts at it have taught (reflexion).
    Attempted {
        /// The trial, from 1; the first has nothing to remember.
        trial: u64,
        /// The mean of the last attempts at all of the examples.
        mean: f64,
        /// Examples whose last attempt was right.
        solved: usize,
        /// Of how many.
        of: usize,
    },
    /// A proposal did not pass the gate.
    Rejected {
        /// The iteration.
        iteration: u64,
        /// Which of its proposals.
        proposal: usize,
        /// The sum of the parent's scores on the examples that the child was run on.
        parent_sum: f64,
        /// The sum of the child's.
        child_sum: f64,
        /// Examples that the child was run on: fewer than the minibatch has, where the rest could not have helped.
        run: usize,
    },
    /// A proposal passed the gate.
    Passed {
        /// The iteration.
        iteration: u64,
        /// Which of its proposals.
        proposal: usize,
        /// The sum of the parent's scores on the minibatch.
        parent_sum: f64,
        /// The sum of the child's.
        child_sum: f64,
    },
    /// A proposal passed the gate, but another of the iteration gained more and is kept alone.
    PassedOver {
        /// The iteration.
        iteration: u64,
        /// Which of its proposals.
        proposal: usize,
    },
    /// An iteration begins that merges two candidates.
    Merging {
        /// From 1.
        iteration: u64,
        /// Their places.
        parents: [usize; 2],
        /// Their common ancestor's place.
        ancestor: usize,
        /// The merged candidate's instructions by module, in order.
        instructions: Vec<(String, String)>,
        /// Ids of the validation examples of its gate.
        examples: Vec<String>,
        /// What its rollouts stand under in the journal.
        key: String,
    },
    /// A merge was due, but no two candidates can be merged: the iteration goes on to reflect.
    NothingToMerge {
        /// The iteration.
        iteration: u64,
    },
    /// A merged candidate was worse than the better of its parents.
    MergeRejected {
        /// The iteration.
        iteration: u64,
        /// The sums of the parents' scores on the gate's examples.
        parent_sums: [f64; 2],
        /// The sum of the merged candidate's.
        child_sum: f64,
    },
    /// A validation was given up: the candidate is behind. It joins the pool as one that was validated in part.
    ValidationGivenUp {
        /// The iteration.
        iteration: u64,
        /// The place in the pool that it will have.
        candidate: usize,
        /// Examples that it was run on.
        validated: usize,
        /// Of how many.
        of: usize,
        /// Its sum less that of the pool's best, on those.
        lead: f64,
        /// Behind whom.
        behind: Behind,
    },
    /// A candidate joined the pool: the seed, a child that passed its gate, or a merged one.
    Accepted {
        /// The iteration; 0 for the seed.
        iteration: u64,
        /// Its place in the pool.
        candidate: usize,
        /// Its parents' places: none for the seed, two for a merged one.
        parents: Vec<usize>,
        /// Which of its iteration's proposals it is; 0 where it is none.
        proposal: usize,
        /// Its instructions by module, in order.
        instructions: Vec<(String, String)>,
        /// Ids of its worked examples, by module, where it has any.
        demonstrations: Vec<(String, Vec<String>)>,
        /// Tokens of instructions and worked examples.
        prompt_tokens: usize,
        /// Its mean on the validation examples that it was run on.
        mean: f64,
        /// Its score on each validation example, in order; None where it was not run or the metric failed.
        scores: Vec<Option<f64>>,
        /// Its means by objective, where the metric names any.
        objectives: BTreeMap<String, f64>,
        /// Whether it was run on all validation examples. Who was not is never the answer.
        complete: bool,
        /// Rollouts charged when it joined.
        spent: u64,
        /// What its rollouts stand under in the journal.
        key: String,
    },
    /// An iteration charged no rollout: all it asked for was known.
    Idle {
        /// The iteration.
        iteration: u64,
        /// Idle iterations in a row.
        in_a_row: usize,
        /// As many as end the search.
        of: usize,
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

/// Behind whom a candidate is whose validation is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behind {
    /// The best of the pool.
    Best,
    /// Another candidate of the same race.
    Another,
    /// Nobody, but nothing was right.
    NothingRight,
    /// Nobody, but the budget does not hold the rest.
    Budget,
}

impl Behind {
    /// In words, once it has happened.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Best => "it was behind the best candidate",
            Self::Another => "it was not ahead of another proposal of its iteration",
            Self::NothingRight => "nothing was right",
            Self::Budget => "the budget did not hold the rest",
        }
    }
}

/// What rollouts are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The seed on all validation examples.
    SeedValidation,
    /// The seed on a few training examples, for calls that later prompts can show.
    Bootstrap,
    /// The parent on a minibatch, with traces.
    Parent,
    /// The child on the same minibatch.
    Gate,
    /// A merged candidate on a few validation examples.
    MergeGate,
    /// Candidates on a part of the training or validation examples, to compare them.
    Trial,
    /// An accepted child on validation examples.
    Validation,
    /// The seed or the best on the test examples.
    Test,
}

impl Event {
    /// Whether it is a decision of the optimizer, which the journal holds and a replay repeats.
    #[must_use]
    pub fn is_decision(&self) -> bool {
        match self {
            Self::Turn { .. }
            | Self::Iteration { .. }
            | Self::Tried { .. }
            | Self::Attempted { .. }
            | Self::Perfect { .. }
            | Self::Diagnosing { .. }
            | Self::Diagnosed { .. }
            | Self::Reflecting { .. }
            | Self::Unusable { .. }
            | Self::Proposed { .. }
            | Self::Rejected { .. }
            | Self::Passed { .. }
            | Self::PassedOver { .. }
            | Self::Merging { .. }
            | Self::NothingToMerge { .. }
            | Self::MergeRejected { .. }
            | Self::ValidationGivenUp { .. }
            | Self::Accepted { .. }
            | Self::Idle { .. } => true,
            Self::Started { .. }
            | Self::Preparing { .. }
            | Self::Indexing { .. }
            | Self::ModelsLoaded { .. }
            | Self::ModelMeasured { .. }
            | Self::Resumed { .. }
            | Self::CaughtUp
            | Self::Evaluating { .. }
            | Self::Progress { .. }
            | Self::Evaluated { .. }
            | Self::Unscored { .. }
            | Self::Reflected { .. }
            | Self::Stopped { .. }
            | Self::Tested { .. } => false,
        }
    }
}

/// Why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    /// A candidate has the score that the plan asks for.
    ScoreReached,
    /// As many iterations as the plan allows brought no new best candidate.
    NoImprovement,
    /// The trials that the method allows are made.
    TrialsDone,
    /// A `stop` file was found in the run directory.
    StopFile,
}

impl std::fmt::Display for StopReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::BudgetSpent => "the budget does not hold another iteration",
            Self::TimeUp => "the time is up",
            Self::NothingLeft => "a whole epoch brought nothing that was not known: there is nothing left to learn",
            Self::ReflectionsSpent => "the cap on reflections is reached",
            Self::SeedIsPerfect => "the seed is perfect on every validation example",
            Self::ScoreReached => "the score to stop at is reached",
            Self::NoImprovement => "the last iterations brought no better candidate",
            Self::TrialsDone => "all trials are made",
            Self::StopFile => "a `stop` file was found in the run directory",
        })
    }
}

//! The events of a run that are no decisions: loading models, evaluating, the progress of a wave, the end.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::StopReason;
use crate::data::split::Split;
use crate::engine::EngineProgress;
use crate::engine::settings::Preparation;
use crate::program::PoolIndex;

/// An event of a run that is not a decision of the optimizer. The journal does not store it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Lifecycle {
    /// The plan was read and the data was checked.
    Started {
        /// The path of the run directory.
        run: PathBuf,
        /// The numbers of training, validation and test examples, in this order.
        examples: [usize; 3],
        /// Whether the validation examples were taken from the training data.
        val_from_train: bool,
        /// The most rollouts that the search may charge. None where they are not limited. The test evaluations are not
        /// counted.
        most_rollouts: Option<u64>,
        /// The most seconds that the search may take. None where they are not limited.
        most_seconds: Option<u64>,
        /// The most tokens that the search may compute and generate. None where they are not limited.
        most_tokens: Option<u64>,
    },
    /// Something about the task that its user should know before time is spent.
    Noted {
        /// What it is, and what can be done, as one sentence or more.
        note: String,
    },
    /// A server failed and gets no requests until it answers again. Its requests go to the others.
    ServerOut {
        /// The server's URL.
        server: String,
        /// Why, as a sentence without a stop.
        cause: String,
    },
    /// A server that had been left out answers again and gets requests.
    ServerBack {
        /// The server's URL.
        server: String,
    },
    /// A preparation step of a model begins that may take long.
    Preparing {
        /// The preparation step.
        what: Preparation,
        /// The name of the model in the task file.
        model: String,
        /// The size of the model file in bytes.
        bytes: u64,
    },
    /// A corpus is about to be read. Its index is built too, unless it was built before.
    Indexing {
        /// The path of the corpus file.
        corpus: PathBuf,
        /// The size of the corpus file in bytes.
        bytes: u64,
    },
    /// The weights of all models are in memory.
    ModelsLoaded {
        /// The seconds that loading took.
        seconds: f64,
    },
    /// The fastest threads and batch size of a model were measured, because it is new on this machine. If this takes more than 60
    /// seconds, the defaults are used.
    ModelMeasured {
        /// The name of the model in the task file.
        model: String,
        /// The number of llama.cpp threads that is used.
        threads: usize,
        /// The number of tokens in a batch that is used.
        chunk: usize,
        /// The seconds that the measurement took.
        seconds: f64,
        /// Whether the result was stored in the cache folder, so that the next start need not measure it.
        is_kept: bool,
        /// Whether the measurement came to its end. Otherwise threads and batch size are the defaults.
        is_complete: bool,
    },
    /// The run directory has a journal, from which the run resumes. The events from here to [`Lifecycle::CaughtUp`] repeat
    /// what happened before.
    Resumed {
        /// The number of records in the journal.
        records: usize,
        /// The seconds of work that the journal stands for.
        seconds: f64,
    },
    /// The journal has no more records. Everything from here on is new.
    CaughtUp,
    /// A wave of rollouts begins.
    Evaluating {
        /// The purpose of the rollouts.
        purpose: Purpose,
        /// The part of the data that the examples are from.
        split: Split,
        /// The number of rollouts that have to be run.
        fresh: usize,
        /// The number of rollouts that are reused from the journal's cache.
        reused: usize,
    },
    /// The engine reports its progress on a list of requests, several times a second.
    Progress {
        /// What the engine has done since the list of requests began.
        done: EngineProgress,
        /// The number of requests in the list.
        of: usize,
        /// The seconds since the list of requests began.
        seconds: f64,
        /// The number of requests under way at each server that has some, by its URL. Empty without servers.
        under_way: BTreeMap<String, usize>,
    },
    /// A wave of rollouts is complete.
    Evaluated {
        /// The purpose of the rollouts.
        purpose: Purpose,
        /// The mean score of the rollouts that were scored. None where none was.
        mean: Option<f64>,
        /// The number of rollouts charged to the budget so far.
        spent: u64,
        /// The number of tokens that the search has computed and generated so far.
        tokens: u64,
        /// The seconds of work of the search so far, over all processes that took part in it.
        elapsed: f64,
    },
    /// The metric failed on a rollout, twice.
    Unscored {
        /// The id of the example.
        example: String,
        /// The error message of the metric.
        cause: String,
    },
    /// The reflectors have answered a list of requests.
    Reflected {
        /// The number of tokens that the search has computed and generated so far.
        tokens: u64,
        /// The seconds of work of the search so far, over all processes that took part in it.
        elapsed: f64,
    },
    /// The search is over. The test evaluations follow, if there are test examples.
    Stopped {
        /// The stop reason.
        reason: StopReason,
    },
    /// New rows are answered: once before the first, and again after every sub-wave.
    Predicting {
        /// The number of rows that are answered, those of an earlier process included.
        done: usize,
        /// The number of all rows.
        of: usize,
        /// The number of answered rows that have an error.
        failed: usize,
        /// The seconds until all rows are answered, at the pace so far. None before this process has answered a row.
        seconds_left: Option<f64>,
    },
    /// A candidate was scored on the test examples.
    Tested {
        /// The pool index of the candidate.
        candidate: PoolIndex,
        /// The mean score on the test examples. None where the metric failed on all of them.
        mean: Option<f64>,
    },
}

/// The purpose of a wave of rollouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Scores the seed on all validation examples.
    SeedValidation,
    /// Runs the seed on a few training examples, to collect demonstrations.
    Bootstrap,
    /// Runs parents on a minibatch, for their traces and as the gate's reference.
    Parent,
    /// Runs children on the same minibatch.
    Gate,
    /// Runs a merged candidate on a few validation examples.
    MergeGate,
    /// Scores candidates on a part of the training or validation examples, to compare them with each other.
    Trial,
    /// Scores accepted children on validation examples.
    Validation,
    /// Scores the seed or the best candidate on the test examples.
    Test,
}

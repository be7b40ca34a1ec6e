//! The records of a journal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::data::Example;
use crate::data::split::Split;
use crate::engine::{Completion, Message};
use crate::evaluate::{Cost, Scored};
use crate::event::Decision;

/// The content of one line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Record {
    /// The first line: what the answers in all later lines depend on.
    Header {
        /// The version of the journal's format.
        version: u32,
        /// The fingerprint of the run: plan, data, models, build.
        fingerprint: BTreeMap<String, String>,
    },
    /// A sub-wave of rollouts of the search.
    Rollouts {
        /// The rollouts that were asked for.
        ask: SubWaveRequest,
        /// The scored rollouts, in the order of the examples in `ask`.
        rollouts: Vec<Scored>,
        /// The tokens and seconds that they took.
        cost: Cost,
    },
    /// A list of reflections.
    Reflections {
        /// A hash of the requests.
        ask: String,
        /// The chat of each request. Empty in journals that were written before this was recorded.
        #[serde(default)]
        read: Vec<Vec<Message>>,
        /// The answers, in the order of the requests.
        completions: Vec<Completion>,
        /// The tokens and seconds that they took.
        cost: Cost,
    },
    /// Log-probabilities of right answers to training examples.
    Scores {
        /// A hash of the requests.
        ask: String,
        /// The log-probabilities, in the order of the requests; None where a request was refused.
        log_probabilities: Vec<Option<f64>>,
        /// The tokens and seconds that they took.
        cost: Cost,
    },
    /// The limits under which the records that follow were made. They are not part of the fingerprint, because a run can be
    /// extended under other limits, and they do not answer the optimizer.
    Limits {
        /// The limits.
        limits: Limits,
    },
    /// A decision of the optimizer, which the replayed optimizer must repeat.
    Note {
        /// The decision.
        event: Decision,
    },
    /// A sub-wave of a test evaluation, found by its key.
    Test {
        /// The candidate's key and the index of the sub-wave: `KEY/INDEX`.
        key: String,
        /// The rollouts that were asked for.
        ask: SubWaveRequest,
        /// The scored rollouts, in the order of the examples in `ask`.
        rollouts: Vec<Scored>,
        /// The tokens and seconds that they took.
        cost: Cost,
    },
}

/// When a search ends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// The most rollouts; None without such a limit.
    pub rollouts: Option<u64>,
    /// The most seconds; None without such a limit.
    pub seconds: Option<u64>,
    /// The most tokens of rollouts and reflections; None without such a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// The most proposals that reflectors are asked for; None without such a limit.
    pub reflections: Option<u64>,
    /// The most iterations without a better candidate; None without such a limit.
    pub patience: Option<u64>,
    /// The mean score on the validation examples, in [0, 1], at which the search ends.
    pub score: f64,
}

/// The rollouts that were asked for in one sub-wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubWaveRequest {
    /// The split that the examples belong to.
    pub split: Split,
    /// The candidates and their examples, in the order of the rollouts.
    #[serde(rename = "of")]
    pub candidates: Vec<CandidateExamples>,
    /// Whether the answers were drawn at another temperature than the modules' own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drawn: bool,
}

/// The part of a sub-wave that belongs to one candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateExamples {
    /// The candidate's key.
    pub candidate: String,
    /// The ids of the examples, in order.
    pub examples: Vec<String>,
}

impl SubWaveRequest {
    /// Describes rollouts that are given as pairs of a candidate's key and an example.
    #[must_use]
    pub fn new<'a>(split: Split, rollouts: impl IntoIterator<Item = (&'a str, &'a Example)>) -> Self {
        let mut candidates: Vec<CandidateExamples> = Vec::new();
        for (key, example) in rollouts {
            match candidates.last_mut().filter(|last| last.candidate == key) {
                Some(last) => last.examples.push(example.id.clone()),
                None => {
                    let examples = vec![example.id.clone()];
                    candidates.push(CandidateExamples { candidate: key.to_owned(), examples });
                }
            }
        }
        Self { split, candidates, drawn: false }
    }
}

impl std::fmt::Display for SubWaveRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rollouts on {} of", self.split)?;
        self.candidates.iter().try_for_each(|part| write!(f, " candidate {} [{}]", part.candidate, part.examples.join(", ")))
    }
}

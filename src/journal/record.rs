//! What a journal holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::data::Example;
use crate::data::split::Split;
use crate::engine::{Completion, Message};
use crate::evaluate::{Cost, Scored};

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Record {
    /// The first line: what every later one depends on.
    Header {
        /// Of the format.
        version: u32,
        /// Of the run: plan, data, models, build, shape of the engine's work.
        fingerprint: BTreeMap<String, String>,
    },
    /// One sub-wave of rollouts.
    Rollouts {
        /// What was asked for.
        ask: RolloutAsk,
        /// The answers, in the order of the examples.
        rollouts: Vec<Scored>,
        /// What they took.
        cost: Cost,
    },
    /// One list of reflections.
    Reflections {
        /// A hash of the requests.
        ask: String,
        /// What was read: each request's chat.
        #[serde(default)]
        read: Vec<Vec<Message>>,
        /// The answers, in order.
        completions: Vec<Completion>,
        /// What they took.
        cost: Cost,
    },
    /// What the records that follow were made under. It answers nobody, and is no part of the fingerprint: a run goes on under
    /// other limits.
    Limits {
        /// When the search ends.
        limits: Limits,
    },
    /// A decision of the optimizer: an event, which the replayed optimizer must repeat.
    Note {
        /// The event.
        event: serde_json::Value,
    },
    /// One sub-wave of a test evaluation, found again by its key.
    Test {
        /// Candidate and place of the sub-wave.
        key: String,
        /// What was asked for.
        ask: RolloutAsk,
        /// The answers, in the order of the examples.
        rollouts: Vec<Scored>,
        /// What they took.
        cost: Cost,
    },
}

/// What ends a search, and what a search may therefore do meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// The most rollouts; None where only time counts.
    pub rollouts: Option<u64>,
    /// The most seconds; None where only rollouts count.
    pub seconds: Option<u64>,
    /// The most proposals that reflectors are asked for.
    pub reflections: Option<u64>,
    /// Iterations without a better candidate.
    pub patience: Option<u64>,
    /// The score on validation that is enough, from 0 to 1.
    pub score: f64,
}

/// A sub-wave that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutAsk {
    /// The data.
    pub split: Split,
    /// Candidates and their examples, in order.
    pub of: Vec<CandidateAsk>,
}

/// A candidate's part of a sub-wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateAsk {
    /// The candidate's key.
    pub candidate: String,
    /// Ids of the examples, in order.
    pub examples: Vec<String>,
}

impl RolloutAsk {
    /// Asks for rollouts: pairs of a candidate's key and an example.
    #[must_use]
    pub fn new<'a>(split: Split, rollouts: impl IntoIterator<Item = (&'a str, &'a Example)>) -> Self {
        let mut of: Vec<CandidateAsk> = Vec::new();
        for (key, example) in rollouts {
            match of.last_mut().filter(|last| last.candidate == key) {
                Some(last) => last.examples.push(example.id.clone()),
                None => of.push(CandidateAsk { candidate: key.to_owned(), examples: vec![example.id.clone()] }),
            }
        }
        Self { split, of }
    }
}

impl std::fmt::Display for RolloutAsk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rollouts on {} of", self.split)?;
        self.of.iter().try_for_each(|of| write!(f, " candidate {} [{}]", of.candidate, of.examples.join(", ")))
    }
}

//! The decisions of an optimizer as a journal has them, read back: the part of each that a reader wants.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::event::Behind;

/// A decision. The fields are those of the [`Event`](crate::event::Event) of the same name.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Decision {
    Iteration {
        iteration: u64,
        parents: Vec<usize>,
        minibatch: Vec<String>,
    },
    Turn {
        module: String,
    },
    Tried {
        proposal: usize,
        examples: usize,
        mean: f64,
    },
    Attempted {
        mean: f64,
    },
    Perfect {
        parent: usize,
    },
    Diagnosing {
        parent: usize,
        module: String,
        reflector: String,
        questions: usize,
        left_out: usize,
    },
    Diagnosed {
        parent: usize,
        module: String,
        sentences: Vec<String>,
    },
    Reflecting {
        proposal: usize,
        parent: usize,
        module: String,
        operator: String,
        reflector: String,
        questions: usize,
        examples: usize,
        left_out: usize,
        again: bool,
    },
    Unusable {
        proposal: usize,
        module: String,
        operator: String,
        reason: String,
        text: String,
    },
    Proposed {
        proposal: usize,
        parent: usize,
        operators: Vec<(String, String)>,
        instructions: Vec<(String, String)>,
        demonstrations: Vec<(String, Vec<String>)>,
        key: String,
    },
    Rejected {
        proposal: usize,
        parent_sum: f64,
        child_sum: f64,
        run: usize,
    },
    Passed {
        proposal: usize,
        parent_sum: f64,
        child_sum: f64,
    },
    PassedOver {
        proposal: usize,
    },
    Merging {
        iteration: u64,
        parents: [usize; 2],
        ancestor: usize,
        instructions: Vec<(String, String)>,
        examples: Vec<String>,
        key: String,
    },
    NothingToMerge {},
    MergeRejected {
        parent_sums: [f64; 2],
        child_sum: f64,
    },
    ValidationGivenUp {
        candidate: usize,
        validated: usize,
        of: usize,
        lead: f64,
        behind: Behind,
    },
    Accepted {
        iteration: u64,
        candidate: usize,
        parents: Vec<usize>,
        proposal: usize,
        instructions: Vec<(String, String)>,
        demonstrations: Vec<(String, Vec<String>)>,
        prompt_tokens: usize,
        mean: f64,
        scores: Vec<Option<f64>>,
        objectives: BTreeMap<String, f64>,
        complete: bool,
        spent: u64,
        key: String,
    },
    Idle {
        in_a_row: usize,
        of: usize,
    },
}

//! `[[step]]`: the parts of a program that ask no model.

use std::path::PathBuf;

use serde::Serialize;

use super::command::{self, CommandPlan};
use super::fingerprint::Keys;
use crate::data::Indexing;
use crate::program::Condition;
use crate::program::tools::template_fields;

/// `[[step]]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepPlan {
    /// The name of the step, unique among modules and steps.
    pub name: String,
    /// The condition under which the step runs, as for a module; None: always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// What the step does.
    #[serde(flatten)]
    pub does: StepKind,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum StepKind {
    /// Fetches the rows of a corpus that fit a query best.
    Retrieve {
        /// The JSONL file of the rows that are searched.
        corpus: PathBuf,
        /// The field whose text is searched for.
        query: String,
        /// The field that the rows are written to, the best first.
        output: String,
        /// The most rows that are fetched.
        k: usize,
        /// Which fields are searched, and how.
        #[serde(flatten)]
        indexing: Indexing,
        /// The fields of a row that are written to the output; left out: the fields that are searched.
        show: Vec<String>,
        /// The field that identifies a row in traces and for the metric `retrieval`; left out: the first of `fields`.
        key: String,
    },
    /// Asks an outside program.
    Command {
        /// The program.
        #[serde(flatten)]
        command: CommandPlan,
        /// The fields that the program reads.
        inputs: Vec<String>,
        /// The fields that the program writes. None of them can be `error`.
        outputs: Vec<String>,
    },
    /// Fills fields into a text.
    Template {
        /// A text with fields in it, in Jinja: `"{{ question }} ({{ year }})"`.
        template: String,
        /// The field that the filled text is written to.
        output: String,
    },
}

/// The corpus is outside: the run adds a hash of its content.
pub(super) static KEYS: Keys = Keys {
    inside: "name when kind query output k fields stem stop_words show key inputs outputs template",
    outside: "corpus",
    same_table: &[&command::KEYS],
    ..Keys::NONE
};

impl StepPlan {
    /// Returns the names of the fields that the step reads.
    #[must_use]
    pub fn inputs(&self) -> Vec<String> {
        match &self.does {
            StepKind::Retrieve { query, .. } => vec![query.clone()],
            StepKind::Command { inputs, .. } => inputs.clone(),
            StepKind::Template { template, .. } => template_fields(template).unwrap_or_default(),
        }
    }

    /// Returns the names of the fields that the step writes.
    #[must_use]
    pub fn outputs(&self) -> Vec<String> {
        match &self.does {
            StepKind::Retrieve { output, .. } | StepKind::Template { output, .. } => vec![output.clone()],
            StepKind::Command { outputs, .. } => outputs.clone(),
        }
    }
}

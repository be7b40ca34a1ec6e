//! A step of a program that asks no model.

use std::sync::Arc;

use serde_json::Value;

use crate::data::{Example, to_text};
use crate::program::parse::Outputs;

/// A step of a program that asks no model.
#[derive(Debug, Clone)]
pub struct Tool {
    /// The step's name, unique among modules and steps.
    pub name: String,
    /// The fields that the step reads: fields of the example, or outputs of what ran before.
    pub inputs: Vec<String>,
    /// The fields that the step writes.
    pub outputs: Vec<String>,
    /// The work of the step.
    pub action: Arc<dyn Action>,
}

/// An input of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// The name of the field.
    pub name: String,
    /// Its value: that of the example with its type, or what a module or step has written.
    pub value: Value,
}

impl Input {
    /// Returns the value as a prompt shows it. Null is empty text.
    #[must_use]
    pub fn text(&self) -> String {
        if self.value.is_null() { String::new() } else { to_text(&self.value) }
    }
}

impl Tool {
    /// Tries the step on an example, if it depends on fields of the example alone and takes no time. `is_written` says whether a
    /// module or step writes a field.
    ///
    /// # Errors
    /// Why the step fails.
    pub fn try_on(&self, example: &Example, is_written: impl Fn(&str) -> bool) -> Result<(), Fault> {
        if !self.action.can_be_tried() || self.inputs.iter().any(|input| is_written(input)) {
            return Ok(());
        }
        let input = |name: &String| Input { name: name.clone(), value: example.fields.get(name).cloned().unwrap_or_default() };
        self.action.act(&self.inputs.iter().map(input).collect::<Vec<_>>()).map(drop)
    }
}

/// The result of a step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Made {
    /// The fields that the step wrote.
    pub outputs: Outputs,
    /// The keys of the rows that the step retrieved, the best first.
    pub retrieved: Vec<String>,
}

/// Why a step gave no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The inputs are of no use to the step. The rollout fails with this reason and scores 0.
    Fails(String),
    /// The step itself broke down. This says nothing about the candidate: the rollout is not scored.
    Broken(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Fails(cause) | Self::Broken(cause)) = self;
        f.write_str(cause)
    }
}

/// The work of a step. Called from several threads at once. The same inputs must give the same result.
pub trait Action: Send + Sync + std::fmt::Debug {
    /// Computes the step's outputs from its inputs, which are in the step's order.
    ///
    /// # Errors
    /// A [`Fault`] that names the cause.
    fn act(&self, inputs: &[Input]) -> Result<Made, Fault>;

    /// Whether the step depends on its inputs alone and takes no time, so that it can be tried on every example before a run.
    fn can_be_tried(&self) -> bool {
        false
    }

    /// Whether the step searches for its input, so that the module that writes this input writes a query.
    fn is_search(&self) -> bool {
        false
    }

    /// Returns the SHA-256 of the files that the step reads besides its inputs, for the run's fingerprint. None if it reads none.
    fn sha256(&self) -> Option<String> {
        None
    }
}

//! Steps that ask no model, between modules.

mod command;
mod retrieve;
mod template;

pub use command::{Command, Search, error_in};
pub use retrieve::Retrieve;
pub use template::{Template, template_fields};

use std::sync::Arc;

use super::parse::Outputs;

/// A step of a program that asks no model.
#[derive(Debug, Clone)]
pub struct Tool {
    /// Its name, unique among modules and steps.
    pub name: String,
    /// The fields it reads: of the example, or outputs of what ran before.
    pub inputs: Vec<String>,
    /// The fields it writes.
    pub outputs: Vec<String>,
    /// What it does.
    pub does: Arc<dyn Act>,
}

/// What a step made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Made {
    /// The fields it wrote.
    pub outputs: Outputs,
    /// What it retrieved, by the rows' key field, the best first.
    pub retrieved: Vec<String>,
}

/// Why a step made nothing, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It cannot do anything with what it was given: the rollout fails with these words, and scores 0.
    Fails(String),
    /// It broke down itself, which says nothing about the candidate: the rollout is not scored.
    Broken(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Fails(words) | Self::Broken(words)) = self;
        f.write_str(words)
    }
}

/// What a step does. Called from several threads at once; the same inputs must give the same.
pub trait Act: Send + Sync + std::fmt::Debug {
    /// Makes outputs of inputs, which stand in the step's order.
    ///
    /// # Errors
    /// Why it cannot.
    fn act(&self, inputs: &[(String, String)]) -> Result<Made, Fault>;

    /// Whether it searches for its input, so that this is a query.
    fn searches(&self) -> bool {
        false
    }

    /// The SHA-256 of what it reads beside its inputs, for a run's fingerprint.
    fn sha256(&self) -> Option<String> {
        None
    }
}

//! The operators of GEPA that a task file can name.

use serde::{Deserialize, Serialize};

/// A way to change a module's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operator {
    /// Adds what the training data shows about the form of the outputs. Asks no model.
    Format,
    /// Adds one of the sentences in `hints`. Asks no model.
    Hint,
    /// Shows each call the demonstrations that are the most similar to its inputs. Asks no model.
    Nearest,
    /// Adds or exchanges demonstrations, from the training data or from rollouts of the search with right answers. Asks no model.
    Examples,
    /// Turns reasoning before the answer on or off. Asks no model.
    Reason,
    /// Moves one part of the chat: the instruction, the demonstrations, or the beginning of the answer. Asks no model.
    Layout,
    /// Adds a short description of each value of an output, written from training examples with that value.
    Describe,
    /// Adds, replaces or deletes one sentence. A reflector chooses from a comparison: two values that are confused, or an example
    /// that another candidate did better.
    Edit,
    /// Adds rules that a reflector infers from failures.
    Rule,
    /// Replaces the whole instruction by a new one from a reflector.
    Rewrite,
    /// Removes one sentence. Asks no model.
    Drop,
    /// Replaces the instruction by a shorter one with the same content.
    Shorten,
    /// Replaces the whole instruction, with the prompt of the Python package `gepa`.
    Paper,
}

impl Operator {
    /// All operators but [`Operator::Paper`], in the order in which they are first tried: the cheap ones first.
    pub const ALL: [Self; 12] = [
        Self::Format,
        Self::Hint,
        Self::Nearest,
        Self::Examples,
        Self::Reason,
        Self::Layout,
        Self::Describe,
        Self::Edit,
        Self::Rule,
        Self::Rewrite,
        Self::Drop,
        Self::Shorten,
    ];

    /// Returns the name of the operator in a task file and in the summary.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Hint => "hint",
            Self::Nearest => "nearest",
            Self::Examples => "examples",
            Self::Reason => "reason",
            Self::Layout => "layout",
            Self::Describe => "describe",
            Self::Edit => "edit",
            Self::Rule => "rule",
            Self::Rewrite => "rewrite",
            Self::Drop => "drop",
            Self::Shorten => "shorten",
            Self::Paper => "paper",
        }
    }
}

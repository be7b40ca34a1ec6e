//! The operators that a task file can name.

use serde::Serialize;

/// A way to change a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operator {
    /// Adds general advice on how to write what is no closed set of values. No model is asked.
    Advice,
    /// Adds what the training data says of the outputs. No model is asked.
    Format,
    /// Adds worked examples, or swaps some: labels of the training data, or calls of the search with what was right. No model is asked.
    Examples,
    /// Lets the student reason before it answers, or no longer. No model is asked.
    Reason,
    /// Moves one part of the chat: the instruction, the worked examples, or what leads to the answer. No model is asked.
    Layout,
    /// Adds a few words on each value of a closed set, written from its training examples.
    Describe,
    /// Adds the rules that the failures teach.
    Rule,
    /// Writes the whole instruction anew.
    Rewrite,
    /// Leaves a sentence out. No model is asked.
    Drop,
    /// Says the same in fewer and simpler words.
    Shorten,
    /// Writes the whole instruction anew, as the Python package `gepa` asks for it and reads it.
    Paper,
}

impl Operator {
    /// All but the paper's, in the order in which they are first tried: the cheap ones first.
    pub const ALL: [Self; 10] = [
        Self::Advice,
        Self::Format,
        Self::Examples,
        Self::Reason,
        Self::Layout,
        Self::Describe,
        Self::Rule,
        Self::Rewrite,
        Self::Drop,
        Self::Shorten,
    ];

    /// Its name in a task file and in the summary.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Advice => "advice",
            Self::Format => "format",
            Self::Examples => "examples",
            Self::Reason => "reason",
            Self::Layout => "layout",
            Self::Describe => "describe",
            Self::Rule => "rule",
            Self::Rewrite => "rewrite",
            Self::Drop => "drop",
            Self::Shorten => "shorten",
            Self::Paper => "paper",
        }
    }
}

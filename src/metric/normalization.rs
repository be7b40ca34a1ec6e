//! How the metrics `exact` and `f1` read texts.

use super::{hotpotqa, words};

/// What does not count when two texts are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalization {
    /// Case, white space, quotes, English articles, and the commas and full stops of a sentence do not count. Signs, points and
    /// commas in numbers, and all other marks do.
    #[default]
    Text,
    /// As in HotpotQA's and SQuAD's evaluation: ASCII punctuation does not count at all, so that `-5` is `5`.
    Hotpotqa,
}

impl Normalization {
    /// Returns whether two answers are equal.
    pub(super) fn exact(self, given: &str, expected: &str) -> bool {
        match self {
            Self::Text => words::exact(given, expected),
            Self::Hotpotqa => hotpotqa::exact(given, expected),
        }
    }

    /// Returns the F1 of two answers' words in [0, 1].
    pub(super) fn f1(self, given: &str, expected: &str) -> f64 {
        match self {
            Self::Text => words::f1(given, expected),
            Self::Hotpotqa => hotpotqa::f1(given, expected),
        }
    }

    /// Returns the words of a text.
    pub(super) fn words(self, text: &str) -> Vec<String> {
        match self {
            Self::Text => words::words(&super::normalize::normal(text)),
            Self::Hotpotqa => hotpotqa::words(text),
        }
    }

    /// Returns the number of words that [`Normalization::f1`] counts in a text.
    pub(super) fn count(self, text: &str) -> usize {
        match self {
            Self::Text => words::count(text),
            Self::Hotpotqa => hotpotqa::words(text).len(),
        }
    }
}

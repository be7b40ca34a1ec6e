//! What the arguments of constraints stand for: a number to compare with, a range of lengths, a text that is searched for.

use regex::{Regex, RegexBuilder};

/// How a count is compared with a number: the two relations of IFEval (arXiv 2311.07911).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    LessThan,
    AtLeast,
}

/// A number with which a count is compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count {
    pub(super) relation: Relation,
    pub(super) number: usize,
}

impl Count {
    /// Returns whether a count has the relation to the number.
    pub(super) fn holds(self, found: usize) -> bool {
        match self.relation {
            Relation::LessThan => found < self.number,
            Relation::AtLeast => found >= self.number,
        }
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let relation = match self.relation {
            Relation::LessThan => "fewer than",
            Relation::AtLeast => "at least",
        };
        write!(f, "{relation} {}", self.number)
    }
}

/// A text that is searched for, and its pattern.
#[derive(Debug, Clone)]
pub(super) struct Keyword {
    pub(super) text: String,
    pub(super) pattern: Regex,
}

/// A range of lengths, both ends included. None stands for no limit.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Range {
    pub(super) least: Option<usize>,
    pub(super) most: Option<usize>,
}

impl Range {
    /// Returns whether a length is in the range.
    pub(super) fn holds(self, found: usize) -> bool {
        self.least.is_none_or(|least| found >= least) && self.most.is_none_or(|most| found <= most)
    }

    /// Returns the range in words. None where there is no limit.
    pub(super) fn words(self, what: &str) -> Option<String> {
        match (self.least, self.most) {
            (None, None) => None,
            (Some(least), None) => Some(format!("at least {least} {what}")),
            (None, Some(most)) => Some(format!("at most {most} {what}")),
            (Some(least), Some(most)) => Some(format!("{least} to {most} {what}")),
        }
    }
}

/// Compiles a keyword. As in the reference, it is a pattern without regard to case. If it is not a valid pattern, it is searched
/// for literally.
pub(super) fn keyword(text: String) -> Result<Keyword, String> {
    let build = |source: &str| RegexBuilder::new(source).case_insensitive(true).build();
    let pattern = build(&text).or_else(|_| build(&regex::escape(&text))).map_err(|e| e.to_string())?;
    Ok(Keyword { text, pattern })
}

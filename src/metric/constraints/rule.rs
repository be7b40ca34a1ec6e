//! What a kind of constraint is once its arguments are read: what it asks for, and how a text is checked.

use std::sync::Arc;

use super::arguments::Arguments;

/// What a check says of a text. Ok: the text meets the constraint. Err: it does not, with what the text has instead, in words,
/// where that can be told.
pub(super) type Verdict = Result<(), Option<String>>;

/// Reads the arguments of one kind. The error says what is wrong with them.
pub(super) type Reader = fn(&Arguments<'_>) -> Result<Rule, String>;

/// A constraint whose arguments are read.
#[derive(Clone)]
pub(super) struct Rule {
    /// What is asked for, in words.
    pub(super) asks: String,
    check: Arc<dyn Fn(&str) -> Verdict + Send + Sync>,
}

impl Rule {
    pub(super) fn new(asks: impl Into<String>, check: impl Fn(&str) -> Verdict + Send + Sync + 'static) -> Self {
        Self { asks: asks.into(), check: Arc::new(check) }
    }

    /// Checks a text.
    pub(super) fn check(&self, text: &str) -> Verdict {
        (self.check)(text)
    }
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rule").field("asks", &self.asks).finish_non_exhaustive()
    }
}

/// Returns a verdict without words.
pub(super) fn plain(holds: bool) -> Verdict {
    if holds { Ok(()) } else { Err(None) }
}

/// Returns a verdict. `words` say what the text has instead.
pub(super) fn told(holds: bool, words: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(Some(words())) }
}

/// Returns a verdict that tells a count.
pub(super) fn counted(holds: bool, found: usize, what: &str) -> Verdict {
    told(holds, || format!("it has {found} {what}"))
}

/// Returns a verdict on a count that must be at least `least`.
pub(super) fn at_least(least: usize, found: usize, what: &str) -> Verdict {
    counted(found >= least, found, what)
}

/// Returns a verdict that fails for the first item that `fault` finds wrong. `fault` returns what is wrong with an item.
pub(super) fn first_fault<T>(items: impl IntoIterator<Item = T>, fault: impl FnMut(T) -> Option<String>) -> Verdict {
    items.into_iter().find_map(fault).map_or(Ok(()), |words| Err(Some(words)))
}

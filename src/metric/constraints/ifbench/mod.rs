//! The kinds of constraints of IFBench (arXiv 2507.02833): 58 beside those of IFEval.
//!
//! The verdicts are those of the public checkers (allenai/IFBench), with their peculiarities, so that scores can be compared:
//! what a check accepts is not always all that its name says. Where the reference uses data that was learned or collected (how
//! sentences end, which words are verbs, how many syllables a word has), a rule or a list of words stands in its place, and the
//! verdicts mostly agree.

pub(super) mod counts;
pub(super) mod custom;
pub(super) mod format;
pub(super) mod repeat;
pub(super) mod sentences;
pub(super) mod sequences;
mod shapes;
mod splitter;
mod table;
#[cfg(test)]
mod tests_support;
mod text;
mod tokens;
mod verbs;
mod vocabulary;
pub(super) mod words;

/// Returns the number of sentences of a text.
pub(super) fn sentence_count(text: &str) -> usize {
    splitter::sentences(text).len()
}

//! Forms in which texts are compared, and short forms of texts for feedback.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::error::MetricError;
use crate::data::{Example, cut_middle, to_text};

/// Returns the texts that an example's field expects: one text, or the items of a list that is not empty.
///
/// # Errors
/// [`MetricError::Example`] where the field is missing, null, or an empty list.
pub(super) fn expected(example: &Example, field: &str) -> Result<Vec<String>, MetricError> {
    let bad = |cause: String| MetricError::example(example, cause);
    let texts = match example.fields.get(field) {
        None | Some(Value::Null) => return Err(bad(format!("it has no `{field}`"))),
        Some(Value::Array(items)) => items.iter().map(to_text).collect(),
        Some(other) => vec![to_text(other)],
    };
    if texts.is_empty() { Err(bad(format!("`{field}` is an empty list"))) } else { Ok(texts) }
}

/// Returns the form in which labels are compared: lower case, without white space and the marks `.`, `"`, `'`, backquote and `*` at
/// both ends.
pub(super) fn normalize_label(text: &str) -> String {
    let is_mark = |c: char| c.is_whitespace() || matches!(c, '.' | '"' | '\'' | '`' | '*');
    text.trim_matches(is_mark).to_lowercase()
}

/// Shortens a text for feedback: of one with more than `most` characters, the beginning and the end, with `…` between them.
pub(super) fn shorten(text: &str, most: usize) -> String {
    cut_middle(text, most, |_| " … ".to_owned())
}

fn single_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the text in lower case, with single spaces.
pub(super) fn lower_case(text: &str) -> String {
    single_spaced(&text.to_lowercase())
}

/// Returns the text in lower case, without ASCII punctuation, with single spaces.
pub(super) fn without_punctuation(text: &str) -> String {
    single_spaced(&text.to_lowercase().chars().filter(|c| !c.is_ascii_punctuation()).collect::<String>())
}

/// Normalizes an answer as HotpotQA's evaluation does (`normalize_answer` in `hotpot_evaluate_v1.py`): lower case, no punctuation,
/// no articles, single spaces.
#[must_use]
pub fn normalize_answer(text: &str) -> String {
    static ARTICLES: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\b(a|an|the)\b").ok());
    let text = without_punctuation(text);
    let without = ARTICLES.as_ref().map_or_else(|| text.clone(), |articles| articles.replace_all(&text, " ").into_owned());
    single_spaced(&without)
}

#[cfg(test)]
mod tests {
    use super::shorten;

    #[test]
    fn long_text_is_cut_in_the_middle() {
        assert_eq!(shorten("abcdefghijkl", 6), "abcd … kl");
        assert_eq!(shorten("äöü", 3), "äöü");
    }
}

//! Exact match and F1 of HotpotQA's official evaluation (arXiv 1809.09600, `hotpot_evaluate_v1.py`), which are SQuAD's: lower case,
//! no punctuation, no articles, single spaces.
//!
//! If nothing of the expected text is left after that (the choice `A`, the sign `+`), articles are kept, and if need be punctuation
//! too. Otherwise every answer of that kind would count as right.

use super::words::overlap;

fn single_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn lower_case(text: &str) -> String {
    single_spaced(&text.to_lowercase())
}

fn without_punctuation(text: &str) -> String {
    single_spaced(&text.to_lowercase().chars().filter(|c| !c.is_ascii_punctuation()).collect::<String>())
}

/// Normalizes an answer as HotpotQA's evaluation does (`normalize_answer`): lower case, no ASCII punctuation, no articles, single
/// spaces.
#[must_use]
pub fn normalize_answer(text: &str) -> String {
    let text = without_punctuation(text);
    single_spaced(
        &pattern!(r"\b(a|an|the)\b").map_or_else(|| text.clone(), |articles| articles.replace_all(&text, " ").into_owned()),
    )
}

/// Returns the words of a text, normalized as by [`normalize_answer`].
pub(super) fn words(text: &str) -> Vec<String> {
    normalize_answer(text).split_whitespace().map(str::to_owned).collect()
}

/// Normalizes two answers in the same way: by the first of three ways that leaves something of the expected one.
fn normalize_both(given: &str, expected: &str) -> (String, String) {
    let ways: [fn(&str) -> String; 3] = [normalize_answer, without_punctuation, lower_case];
    let leaves_something = |way: &fn(&str) -> String| !way(expected).is_empty();
    let way = ways.into_iter().find(leaves_something).unwrap_or(normalize_answer);
    (way(given), way(expected))
}

/// Returns whether two answers are equal after normalization (see the module's documentation).
#[must_use]
pub fn exact(given: &str, expected: &str) -> bool {
    let (given, expected) = normalize_both(given, expected);
    given == expected
}

/// Returns the F1 of two answers' words in [0, 1], normalized as by [`exact`]. `yes`, `no` and `noanswer` are right or wrong as a
/// whole, as in HotpotQA's evaluation.
#[must_use]
pub fn f1(given: &str, expected: &str) -> f64 {
    let (given, expected) = normalize_both(given, expected);
    let words = |text: &str| text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    overlap(&words(&given), &words(&expected), &["yes", "no", "noanswer"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_an_article_or_a_mark_is_told_from_others() {
        for (expected, given, score) in [
            ("A", "a", 1.0),
            ("A", "(A)", 1.0),
            ("A", "the", 0.0),
            ("An", "a", 0.0),
            ("A", "", 0.0),
            ("+", " +\n", 1.0),
            ("+", "-", 0.0),
            ("+", "", 0.0),
            ("The A", "the  a.", 1.0),
            ("-5", "5", 1.0),
        ] {
            assert_eq!(f64::from(exact(given, expected)), score, "exact: {given:?} for {expected:?}");
            assert_eq!(f1(given, expected), score, "f1: {given:?} for {expected:?}");
        }
    }
}

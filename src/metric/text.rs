//! The metrics `exact`, `f1`, `contains` and `regex`: compare an output with texts.
//!
//! Exact match and F1 are those of HotpotQA's official evaluation (arXiv 1809.09600, `hotpot_evaluate_v1.py`): lower case, no
//! punctuation, no articles, single spaces. If nothing of the expected text is left after that (the choice `A`, the sign `+`),
//! articles are kept, and if need be punctuation too. Otherwise every answer of that kind would count as right.

use std::collections::BTreeMap;

use regex::Regex;

use super::answer_loss::answer_loss;
use super::contract::Metric;
use super::error::MetricError;
use super::judgement::Judgement;
use super::normalize::{expected, lower_case, normalize_answer, shorten, without_punctuation};
use crate::data::{Example, listed};
use crate::engine::Completion;
use crate::program::Rollout;

/// How an output is compared with the expected texts.
#[derive(Debug, Clone)]
pub enum Comparison {
    /// 1 if the output equals one of the texts after normalization, else 0.
    Exact,
    /// The harmonic mean of precision and recall over words; the best of several texts counts.
    F1,
    /// The share of the texts that occur in the output, without regard to case.
    Contains,
    /// 1 if the pattern in the example's field matches somewhere in the output, else 0.
    Regex,
    /// 1 if this pattern matches somewhere in the output, else 0.
    Pattern(Regex),
}

/// Compares one output with a field of the example, which holds one text or a list of texts.
#[derive(Debug, Clone)]
pub struct Text {
    how: Comparison,
    field: String,
    output: String,
}

/// The most characters of an answer that feedback quotes.
const MOST_QUOTED: usize = 400;

impl Text {
    /// Creates the metric. The example's `field` has the expected texts, and the program writes `output`.
    pub fn new(how: Comparison, field: impl Into<String>, output: impl Into<String>) -> Self {
        Self { how, field: field.into(), output: output.into() }
    }

    /// Compiles a pattern of an example.
    fn compiled(&self, example: &Example, pattern: &str) -> Result<Regex, MetricError> {
        Regex::new(pattern).map_err(|e| MetricError::example(example, format!("`{}`: {e}", self.field)))
    }

    /// Judges whether a pattern matches.
    fn match_pattern(&self, pattern: &Regex, given: &str) -> Judgement {
        if pattern.is_match(given) {
            return Judgement::new(1.0, "Correct.");
        }
        let given = shorten(given, MOST_QUOTED);
        Judgement::new(0.0, format!("Wrong. `{}` must match the pattern `{pattern}`, but was `{given}`.", self.output))
    }
}

impl Metric for Text {
    fn output(&self) -> Option<&str> {
        Some(&self.output)
    }

    fn required_fields(&self) -> Vec<String> {
        if matches!(self.how, Comparison::Pattern(_)) { Vec::new() } else { vec![self.field.clone()] }
    }

    fn answer_fields(&self) -> Vec<String> {
        if matches!(self.how, Comparison::Regex | Comparison::Pattern(_)) { Vec::new() } else { vec![self.field.clone()] }
    }

    fn check(&self, example: &Example) -> Result<(), MetricError> {
        if matches!(self.how, Comparison::Pattern(_)) {
            return Ok(());
        }
        let expected = expected(example, &self.field)?;
        if let Comparison::Regex = self.how {
            expected.iter().try_for_each(|pattern| self.compiled(example, pattern).map(drop))?;
        }
        Ok(())
    }

    fn judge(&self, example: &Example, rollout: &Rollout, _answers: &[Completion]) -> Result<Judgement, MetricError> {
        let given = rollout.output(&self.output).unwrap_or_default();
        if let Comparison::Pattern(pattern) = &self.how {
            return Ok(self.match_pattern(pattern, given));
        }
        let expected = expected(example, &self.field)?;
        let or = expected.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(" or ");
        let shown = shorten(given, MOST_QUOTED);
        let best = expected.iter().map(|text| f1(given, text)).fold(0.0, f64::max);
        Ok(match &self.how {
            Comparison::Exact if expected.iter().any(|text| exact(given, text)) => Judgement::new(1.0, format!("Correct: {or}.")),
            Comparison::Exact => {
                let words = format!("Wrong. `{}` should be {or} and nothing else, but was `{shown}`.", self.output);
                let module_feedback = answer_loss(example, rollout, &self.output, &expected);
                Judgement { module_feedback, ..Judgement::new(0.0, words).with_closeness(best) }
            }
            Comparison::F1 if best >= 1.0 => Judgement::new(1.0, format!("Correct: {or}.")),
            Comparison::F1 => {
                let words = format!(
                    "The words of `{}` and the right answer overlap by {best:.2} (F1). It should be {or}, but was `{shown}`.{}",
                    self.output,
                    length_hint(given, &expected)
                );
                let module_feedback = answer_loss(example, rollout, &self.output, &expected);
                Judgement { module_feedback, ..Judgement::new(best, words) }
            }
            Comparison::Contains => {
                let text = given.to_lowercase();
                let (there, missing): (Vec<&String>, Vec<&String>) =
                    expected.iter().partition(|e| text.contains(&e.to_lowercase()));
                match missing.as_slice() {
                    [] => Judgement::new(1.0, "Correct: nothing is missing."),
                    missing => {
                        let words = format!("`{}` lacks {}; it was `{shown}`.", self.output, listed(missing));
                        Judgement::new(there.len() as f64 / expected.len() as f64, words)
                    }
                }
            }
            Comparison::Regex | Comparison::Pattern(_) => {
                let mut verdict = Judgement::new(0.0, String::new());
                for pattern in &expected {
                    verdict = self.match_pattern(&self.compiled(example, pattern)?, given);
                    if verdict.score > 0.0 {
                        break;
                    }
                }
                verdict
            }
        })
    }
}

/// Returns a hint about the length of an answer that has some right words. It is empty where the length is plausible.
fn length_hint(given: &str, expected: &[String]) -> &'static str {
    if given.trim().is_empty() {
        return " Nothing was given.";
    }
    let words = |text: &str| normalize_answer(text).split(' ').filter(|word| !word.is_empty()).count();
    let given = words(given);
    let (least, most) = expected.iter().map(|text| words(text)).fold((usize::MAX, 0), |(a, b), n| (a.min(n), b.max(n)));
    match given {
        given if given > 2 * most + 2 => " It must be the answer alone, as short as that.",
        given if given < least => " It is not the whole answer.",
        _ => "",
    }
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
    const WHOLE: [&str; 3] = ["yes", "no", "noanswer"];
    let (given, expected) = normalize_both(given, expected);
    if given != expected && (WHOLE.contains(&given.as_str()) || WHOLE.contains(&expected.as_str())) {
        return 0.0;
    }
    let count = |text: &str| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        text.split(' ').filter(|word| !word.is_empty()).for_each(|word| *counts.entry(word.to_owned()).or_default() += 1);
        counts
    };
    let (ours, theirs) = (count(&given), count(&expected));
    let same: usize = ours.iter().map(|(word, n)| (*n).min(theirs.get(word).copied().unwrap_or(0))).sum();
    if same == 0 {
        return 0.0;
    }
    let precision = same as f64 / ours.values().sum::<usize>() as f64;
    let recall = same as f64 / theirs.values().sum::<usize>() as f64;
    2.0 * precision * recall / (precision + recall)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests_support::{example, rollout};
    use serde_json::{Value, json};

    fn judge(how: Comparison, expected: Value, given: &str) -> Judgement {
        let row = example(&json!({ "answer": expected }));
        Text::new(how, "answer", "answer").judge(&row, &rollout(&[("answer", given)]), &[]).unwrap()
    }

    #[test]
    fn case_marks_and_articles_do_not_count() {
        assert_eq!(judge(Comparison::Exact, json!("the Eiffel Tower"), "Eiffel tower.").score, 1.0);
        assert_eq!(judge(Comparison::Exact, json!(["nothing", "six"]), "The six").score, 1.0);
        let wrong = judge(Comparison::Exact, json!("six"), "seven of them");
        assert_eq!(wrong.feedback, "Wrong. `answer` should be `six` and nothing else, but was `seven of them`.");
        assert_eq!(wrong.score, 0.0);
    }

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
        ] {
            assert_eq!(f64::from(exact(given, expected)), score, "exact: {given:?} for {expected:?}");
            assert_eq!(f1(given, expected), score, "f1: {given:?} for {expected:?}");
        }
        assert!(!judge(Comparison::F1, json!("A"), "the").feedback.contains("Nothing was given"));
    }

    #[test]
    fn words_that_are_right_count_in_part() {
        let part = judge(Comparison::F1, json!("Kyle Busch"), "Kyle");
        assert!((part.score - 2.0 / 3.0).abs() < 1e-9);
        assert!(part.feedback.ends_with("It is not the whole answer."), "{}", part.feedback);
        assert_eq!(judge(Comparison::F1, json!("no"), "no, it was not").score, 0.0);
    }

    #[test]
    fn missing_texts_are_named() {
        let part = judge(Comparison::Contains, json!(["Anna", "Bob"]), "it was ANNA");
        assert_eq!((part.score, part.feedback.as_str()), (0.5, "`answer` lacks `Bob`; it was `it was ANNA`."));
    }

    #[test]
    fn a_pattern_comes_from_the_row_or_from_the_task() {
        assert_eq!(judge(Comparison::Regex, json!(r"^\d+$"), "42").score, 1.0);
        assert_eq!(judge(Comparison::Regex, json!(r"^\d+$"), "x").score, 0.0);
        let fixed = Comparison::Pattern(Regex::new("^y").unwrap());
        assert_eq!(judge(fixed, json!(null), "yes").score, 1.0);
        let row = example(&json!({ "answer": "(" }));
        assert!(Text::new(Comparison::Regex, "answer", "answer").check(&row).is_err());
    }
}

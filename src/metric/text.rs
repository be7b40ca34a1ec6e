//! The metrics `exact`, `f1`, `contains` and `regex`: compare an output with texts.

use regex::Regex;

use super::answer_loss::answer_loss;
use super::contract::Metric;
use super::error::MetricError;
use super::judgement::Judgement;
use super::normalization::Normalization;
use super::normalize::{expected, lower_case, shorten};
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
    /// The share of the texts that occur in the output, without regard to case and white space.
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
    normalization: Normalization,
}

/// The most characters of an answer that feedback quotes.
const MOST_QUOTED: usize = 400;

impl Text {
    /// Creates the metric. The example's `field` has the expected texts, and the program writes `output`.
    pub fn new(how: Comparison, field: impl Into<String>, output: impl Into<String>) -> Self {
        Self { how, field: field.into(), output: output.into(), normalization: Normalization::default() }
    }

    /// Sets what does not count when texts are compared. It matters to [`Comparison::Exact`] and [`Comparison::F1`].
    #[must_use]
    pub fn normalized(self, normalization: Normalization) -> Self {
        Self { normalization, ..self }
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
        let best = expected.iter().map(|text| self.normalization.f1(given, text)).fold(0.0, f64::max);
        Ok(match &self.how {
            Comparison::Exact if expected.iter().any(|text| self.normalization.exact(given, text)) => {
                Judgement::new(1.0, format!("Correct: {or}."))
            }
            Comparison::Exact => {
                let words = format!("Wrong. `{}` should be {or} and nothing else, but was `{shown}`.", self.output);
                let module_feedback = answer_loss(example, rollout, &self.output, (&expected, self.normalization));
                Judgement { module_feedback, ..Judgement::new(0.0, words).with_closeness(best) }
            }
            Comparison::F1 if best >= 1.0 => Judgement::new(1.0, format!("Correct: {or}.")),
            Comparison::F1 => {
                let words = format!(
                    "The words of `{}` and the right answer overlap by {best:.2} (F1). It should be {or}, but was `{shown}`.{}",
                    self.output,
                    length_hint(given, &expected, self.normalization)
                );
                let module_feedback = answer_loss(example, rollout, &self.output, (&expected, self.normalization));
                Judgement { module_feedback, ..Judgement::new(best, words) }
            }
            Comparison::Contains => {
                let text = lower_case(given);
                let (there, missing): (Vec<&String>, Vec<&String>) = expected.iter().partition(|e| text.contains(&lower_case(e)));
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
fn length_hint(given: &str, expected: &[String], normalization: Normalization) -> &'static str {
    if given.trim().is_empty() {
        return " Nothing was given.";
    }
    let given = normalization.count(given);
    let counts = || expected.iter().map(|text| normalization.count(text));
    let (least, most) = counts().fold((usize::MAX, 0), |(a, b), n| (a.min(n), b.max(n)));
    match given {
        given if given > 2 * most + 2 => " It must be the answer alone, as short as that.",
        given if given < least => " It is not the whole answer.",
        _ => "",
    }
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
    fn marks_count_unless_the_rule_of_hotpotqa_is_asked_for() {
        let row = example(&json!({ "answer": "-5" }));
        for (normalization, score) in [(Normalization::Text, 0.0), (Normalization::Hotpotqa, 1.0)] {
            for how in [Comparison::Exact, Comparison::F1] {
                let metric = Text::new(how, "answer", "answer").normalized(normalization);
                assert_eq!(metric.judge(&row, &rollout(&[("answer", "5")]), &[]).unwrap().score, score, "{normalization:?}");
            }
        }
    }

    #[test]
    fn an_answer_that_is_an_article_is_given() {
        assert!(!judge(Comparison::F1, json!("A"), "the").feedback.contains("Nothing was given"));
        let part = judge(Comparison::F1, json!("東京タワー"), "東京");
        assert!(part.feedback.ends_with("It is not the whole answer."), "{}", part.feedback);
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
        assert_eq!(judge(Comparison::Contains, json!("café"), "un cafe\u{301}\u{A0}noir").score, 1.0);
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

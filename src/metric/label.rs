//! The metric `label`: an output must equal the expected label.

use serde_json::Value;

use crate::data::Example;
use crate::engine::Completion;
use crate::program::Rollout;

use super::contract::Metric;
use super::error::MetricError;
use super::judgement::Judgement;
use super::normalize::{is_same_label, normal, shorten};

/// Compares one output with a field of the example, without regard to case, and to quotes, emphasis and a full stop around the
/// label. Every other mark counts: `A*` is not `A`.
#[derive(Debug, Clone)]
pub struct Label {
    field: String,
    output: String,
}

impl Label {
    /// Creates the metric. The example's `field` has the label, and the program writes `output`.
    pub fn new(field: impl Into<String>, output: impl Into<String>) -> Self {
        Self { field: field.into(), output: output.into() }
    }
}

impl Metric for Label {
    fn output(&self) -> Option<&str> {
        Some(&self.output)
    }

    fn required_fields(&self) -> Vec<String> {
        vec![self.field.clone()]
    }

    fn check(&self, example: &Example) -> Result<(), MetricError> {
        match example.fields.get(&self.field) {
            Some(Value::Array(_) | Value::Object(_)) => Err(MetricError::example(
                example,
                format!(
                    "`{}` is no text, number or flag; `set` compares lists, `exact` takes one of several texts, `json` compares objects",
                    self.field
                ),
            )),
            _ => Ok(()),
        }
    }

    fn judge(&self, example: &Example, rollout: &Rollout, _answers: &[Completion]) -> Result<Judgement, MetricError> {
        let expected = example
            .text(&self.field)
            .ok_or_else(|| MetricError::example(example, format!("it has no field `{}`", self.field)))?;
        let Some(given) = rollout.output(&self.output) else {
            return Ok(Judgement::new(
                0.0,
                format!("Wrong. `{}` should be exactly `{expected}`, but was not given.", self.output),
            ));
        };
        if is_same_label(given, &expected) {
            return Ok(Judgement::new(1.0, format!("Correct: `{expected}`.")));
        }
        let closeness = strsim::normalized_levenshtein(&normal(given), &normal(&expected));
        let given = shorten(given, 200);
        let words = format!("Wrong. `{}` should be exactly `{expected}` and nothing else, but was `{given}`.", self.output);
        Ok(Judgement::new(0.0, words).with_closeness(closeness))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests_support::{example, rollout};

    fn score(expected: &str, given: &str) -> f64 {
        let example = example(&serde_json::json!({ "label": expected }));
        Label::new("label", "label").judge(&example, &rollout(&[("label", given)]), &[]).unwrap().score
    }

    #[test]
    fn a_list_is_no_label() {
        let check = |value: Value| Label::new("label", "label").check(&example(&serde_json::json!({ "label": value })));
        for value in [serde_json::json!(["a"]), serde_json::json!([]), serde_json::json!({ "a": 1 })] {
            assert!(check(value).unwrap_err().to_string().contains("`set` compares lists"));
        }
        for value in [serde_json::json!("[a]"), serde_json::json!(0), serde_json::json!(false)] {
            assert!(check(value).is_ok());
        }
    }

    #[test]
    fn case_and_marks_do_not_count_but_words_do() {
        for given in ["card_arrival", " Card_Arrival. ", "`card_arrival`", "\"card_arrival\""] {
            assert_eq!(score("card_arrival", given), 1.0, "{given}");
        }
        for given in ["card arrival", "card_arrival, I think", "card", ""] {
            assert_eq!(score("card_arrival", given), 0.0, "{given}");
        }
        for (expected, given) in [("A*", "A"), ("*", "***"), (".", "'"), ("B+", "B"), ("C#", "C++")] {
            assert_eq!(score(expected, given), 0.0, "{given} for {expected}");
        }
    }

    #[test]
    fn numbers_and_booleans_are_labels_too() {
        let example = example(&serde_json::json!({ "label": 3 }));
        assert_eq!(Label::new("label", "label").judge(&example, &rollout(&[("label", "3")]), &[]).unwrap().score, 1.0);
    }

    #[test]
    fn feedback_tells_expected_and_given() {
        let example = example(&serde_json::json!({ "label": "spam" }));
        let verdict = Label::new("label", "label").judge(&example, &rollout(&[("label", "Eggs")]), &[]).unwrap();
        assert_eq!(verdict.feedback, "Wrong. `label` should be exactly `spam` and nothing else, but was `Eggs`.");
    }
}

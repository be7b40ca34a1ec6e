//! The metric `number`: the last number in an answer must equal the expected one.

use crate::data::Example;
use crate::engine::Completion;
use crate::program::Rollout;

use super::decimal::Decimal;
use super::read::{Last, Reading, last_number, one_number};
use crate::metric::contract::Metric;
use crate::metric::error::MetricError;
use crate::metric::judgement::Judgement;
use crate::metric::normalize::shorten;
use crate::metric::value::ROUNDING;

/// The most characters of a worked solution that feedback quotes.
const SOLUTION_LENGTH: usize = 600;

/// How far a number may be from the expected one. If both are None, whole numbers must be equal, and others up to rounding.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tolerance {
    /// The largest difference as a share of the expected number; at least 0.
    pub relative: Option<f64>,
    /// The largest difference; at least 0.
    pub absolute: Option<f64>,
}

impl Tolerance {
    fn holds(self, given: f64, expected: f64) -> bool {
        let difference = (given - expected).abs();
        // A difference of exactly the tolerance holds, although its computed value may be larger.
        let within = |most: f64| difference <= most * (1.0 + ROUNDING);
        self.relative.is_some_and(|share| within(share * expected.abs())) || self.absolute.is_some_and(within)
    }
}

/// Compares the last number of one output with the number in a field of the example.
#[derive(Debug, Clone)]
pub struct Number {
    field: String,
    output: String,
    solution: Option<String>,
    tolerance: Tolerance,
}

impl Number {
    /// Creates the metric. The example's `field` has the number, and the program writes `output`. `solution` is the example's
    /// field with a worked solution, for the feedback; None where there is none.
    pub fn new(field: impl Into<String>, output: impl Into<String>, solution: Option<String>) -> Self {
        Self { field: field.into(), output: output.into(), solution, tolerance: Tolerance::default() }
    }

    /// Sets how far a number may be from the expected one.
    #[must_use]
    pub fn within(self, tolerance: Tolerance) -> Self {
        Self { tolerance, ..self }
    }

    /// Returns the expected number.
    fn wanted(&self, example: &Example) -> Result<Reading, MetricError> {
        let bad = |cause: String| MetricError::example(example, cause);
        let expected = example.text(&self.field).ok_or_else(|| bad(format!("the field `{}` is missing", self.field)))?;
        one_number(&expected).ok_or_else(|| {
            let had = shorten(&expected, 60);
            bad(format!("`{}` must be one number, like `42` or `$1,250.50`, not `{had}`", self.field))
        })
    }
}

impl Metric for Number {
    fn output(&self) -> Option<&str> {
        Some(&self.output)
    }

    fn required_fields(&self) -> Vec<String> {
        std::iter::once(self.field.clone()).chain(self.solution.clone()).collect()
    }

    fn answer_fields(&self) -> Vec<String> {
        vec![self.field.clone()]
    }

    fn label_fields(&self) -> Vec<String> {
        vec![self.field.clone()]
    }

    fn solution(&self, example: &Example) -> Option<String> {
        self.solution.as_ref().and_then(|field| example.text(field))
    }

    fn check(&self, example: &Example) -> Result<(), MetricError> {
        self.wanted(example).map(drop)
    }

    fn judge(&self, example: &Example, rollout: &Rollout, _answers: &[Completion]) -> Result<Judgement, MetricError> {
        let wanted = self.wanted(example)?;
        let given = rollout.output(&self.output).unwrap_or_default();
        let found = last_number(given);
        let words = match &found {
            Last::Number(given) if self.is_right(given, &wanted) => return Ok(Judgement::new(1.0, "Correct.")),
            Last::Number(given) => {
                format!("Wrong. The last number in the answer was {}; the right answer is {}.", show(given), show(&wanted))
            }
            Last::Unreadable(text) => format!(
                "Wrong. The end of the answer, `{}`, cannot be read as one number; the right answer is {}.",
                shorten(text, 60),
                show(&wanted)
            ),
            Last::None => format!("Wrong. There is no number in the answer; the right answer is {}.", show(&wanted)),
        };
        let solution = self
            .solution(example)
            .map_or(String::new(), |text| format!(" A worked solution: {}", shorten(&text, SOLUTION_LENGTH)));
        // A wrong number is closer than no number.
        Ok(Judgement::new(0.0, words + &solution).with_closeness(if found == Last::None { 0.0 } else { 0.5 }))
    }
}

impl Number {
    /// Whether a number is the expected one. If only one of them is a percentage, it may be meant as a share or not.
    fn is_right(&self, given: &Reading, expected: &Reading) -> bool {
        if self.is_equal(given, expected) {
            return true;
        }
        match (given.is_percent, expected.is_percent) {
            (true, false) => self.is_equal(&given.hundredth(), expected),
            (false, true) => self.is_equal(given, &expected.hundredth()),
            _ => false,
        }
    }

    fn is_equal(&self, given: &Reading, expected: &Reading) -> bool {
        if given.exact.is_some() && given.exact == expected.exact {
            return true;
        }
        if self.tolerance != Tolerance::default() {
            return self.tolerance.holds(given.value, expected.value);
        }
        let is_whole = |number: &Reading| number.exact.as_ref().is_some_and(Decimal::is_whole);
        let rounding = Tolerance { relative: Some(ROUNDING), absolute: None };
        !(is_whole(given) && is_whole(expected)) && rounding.holds(given.value, expected.value)
    }
}

/// Returns a number for feedback.
fn show(number: &Reading) -> String {
    let shown = number.exact.as_ref().map_or_else(|| number.value.to_string(), Decimal::to_string);
    if number.is_percent { shown + "%" } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests_support::{example, rollout};
    use serde_json::json;

    #[test]
    fn a_wrong_number_is_told_with_the_way_to_the_right_one() {
        let metric = Number::new("answer", "answer", Some("solution".into()));
        let judge = |given| {
            let row = example(&json!({ "answer": "1,000", "solution": "10 * 100 = 1000" }));
            metric.judge(&row, &rollout(&[("answer", given)]), &[]).unwrap()
        };
        assert_eq!(judge("that makes 1000").score, 1.0);
        let wrong = judge("999 of them");
        assert_eq!(wrong.score, 0.0);
        assert_eq!(
            wrong.feedback,
            "Wrong. The last number in the answer was 999; the right answer is 1000. A worked solution: 10 * 100 = 1000"
        );
        assert!(metric.judge(&example(&json!({ "answer": "none", "solution": "" })), &rollout(&[]), &[]).is_err());
    }

    #[test]
    fn numbers_are_equal_within_the_tolerance_and_tiny_ones_are_not_all_equal() {
        let any = Tolerance::default();
        let relative = |share| Tolerance { relative: Some(share), absolute: None };
        let absolute = |most| Tolerance { relative: None, absolute: Some(most) };
        for (expected, given, tolerance, score) in [
            (json!("1e-9"), "2e-9", any, 0.0),
            (json!("1e-9"), "0.000000001", any, 1.0),
            (json!(0), "1e-7", any, 0.0),
            (json!(0), "-0.0", any, 1.0),
            (json!(0.1 + 0.2), "0.3", any, 1.0),
            (json!("1234567.89"), "1234567.90", any, 0.0),
            (json!(9_007_199_254_740_993_u64), "9007199254740992", any, 0.0),
            (json!("12345678901234567890123"), "12345678901234567890124", any, 0.0),
            (json!("1/3"), "2/6", any, 1.0),
            (json!("1/3"), "0.333", any, 0.0),
            (json!("1/3"), "0.333", relative(0.01), 1.0),
            (json!(100), "101", relative(0.01), 1.0),
            (json!(100), "102", relative(0.01), 0.0),
            (json!(0.3), "0.2", absolute(0.1), 1.0),
            (json!(0.3), "0.1", absolute(0.1), 0.0),
            (json!(100), "100.5", Tolerance { relative: Some(1e-6), absolute: Some(0.5) }, 1.0),
            (json!(0.12), "12%", any, 1.0),
            (json!(12), "12 percent", any, 1.0),
            (json!("12%"), "0.12", any, 1.0),
            (json!("12%"), "0.12%", any, 0.0),
        ] {
            let metric = Number::new("answer", "answer", None).within(tolerance);
            let verdict = metric.judge(&example(&json!({ "answer": expected })), &rollout(&[("answer", given)]), &[]).unwrap();
            assert_eq!(verdict.score, score, "{given} for {expected}: {}", verdict.feedback);
        }
        let metric = Number::new("answer", "answer", None);
        let judge = |given| metric.judge(&example(&json!({ "answer": 30 })), &rollout(&[("answer", given)]), &[]).unwrap();
        assert_eq!(
            judge("at 10:30.").feedback,
            "Wrong. The end of the answer, `10:30`, cannot be read as one number; the right answer is 30."
        );
    }

    #[test]
    fn the_way_to_the_answer_is_no_answer() {
        let metric = Number::new("answer", "answer", Some("solution".into()));
        assert_eq!(metric.required_fields(), ["answer", "solution"]);
        assert_eq!(metric.answer_fields(), ["answer"]);
    }

    #[test]
    fn what_is_expected_is_one_number_and_nothing_else() {
        let metric = Number::new("answer", "answer", None);
        let row = |answer: &serde_json::Value| example(&json!({ "answer": answer }));
        for (answer, given) in [
            (json!("6.02e23"), "6.02e23"),
            (json!(1e16), "10000000000000000"),
            (json!("$1,250.50"), "1250.5"),
            (json!("-$5"), "–5"),
            (json!("€ 5"), "5"),
            (json!("12 %"), "12"),
            (json!("5 km."), "5"),
            (json!("#### 42"), "42"),
            (json!("48/2 = <<48/2=24>>24 in May\n#### 72"), "72"),
            (json!(-0.5), "-.5"),
            (json!("3/4"), "0.75"),
            (json!("3,5"), "3.5"),
            (json!("1 000"), "1000"),
            (json!("1½"), "1.5"),
            (json!("5 m²"), "5 m2"),
            (json!("350 kg CO2"), "350"),
        ] {
            assert!(metric.check(&row(&answer)).is_ok(), "{answer}");
            let verdict = metric.judge(&row(&answer), &rollout(&[("answer", given)]), &[]).unwrap();
            assert_eq!(verdict.score, 1.0, "{answer}: {}", verdict.feedback);
        }
        let other = metric.judge(&row(&json!("6.02e23")), &rollout(&[("answer", "9.1e23")]), &[]).unwrap();
        assert_eq!(other.score, 0.0);
        for answer in ["10:30", "1 h 30", "3–5", "1.2.3", "2024-01-15", "- 5", "so 5", "km", "CO2", "2π", "1e999", ""] {
            let told = metric.check(&row(&json!(answer))).unwrap_err().to_string();
            assert!(told.contains(&format!("`answer` must be one number, like `42` or `$1,250.50`, not `{answer}`")), "{told}");
        }
    }
}

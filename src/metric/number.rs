//! The metric `number`: the last number in an answer must equal the expected one.

use std::sync::LazyLock;

use regex::Regex;

use crate::data::Example;
use crate::engine::Completion;
use crate::program::Rollout;

use super::contract::Metric;
use super::error::MetricError;
use super::judgement::Judgement;
use super::normalize::shorten;

/// The largest absolute difference between two numbers that count as equal.
const TOLERANCE: f64 = 1e-6;

/// The most characters of a worked solution that feedback quotes.
const SOLUTION_LENGTH: usize = 600;

/// The signs of a negative number: a hyphen, U+2212, an en dash.
const MINUS: [char; 3] = ['-', '−', '–'];

/// The currency signs that may stand before the digits.
const CURRENCY: [char; 5] = ['$', '€', '£', '¥', '₹'];

/// Compares the last number of one output with the number in a field of the example.
#[derive(Debug, Clone)]
pub struct Number {
    field: String,
    output: String,
    solution: Option<String>,
}

impl Number {
    /// Creates the metric. The example's `field` has the number, and the program writes `output`. `solution` is the example's
    /// field with a worked solution, for the feedback; None where there is none.
    pub fn new(field: impl Into<String>, output: impl Into<String>, solution: Option<String>) -> Self {
        Self { field: field.into(), output: output.into(), solution }
    }

    /// Returns the expected number.
    fn wanted(&self, example: &Example) -> Result<f64, MetricError> {
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
        let words = match last_number(given) {
            Some(given) if (given - wanted).abs() <= TOLERANCE => return Ok(Judgement::new(1.0, "Correct.")),
            Some(given) => format!("Wrong. The last number in the answer was {given}; the right answer is {wanted}."),
            None => format!("Wrong. There is no number in the answer; the right answer is {wanted}."),
        };
        let solution = self
            .solution(example)
            .map_or(String::new(), |text| format!(" A worked solution: {}", shorten(&text, SOLUTION_LENGTH)));
        // A wrong number is closer than no number.
        Ok(Judgement::new(0.0, words + &solution).with_closeness(if last_number(given).is_some() { 0.5 } else { 0.0 }))
    }
}

/// Returns the number of an example's field. Thousands separators, a currency sign and a unit may stand beside it. In a worked
/// solution as in GSM8K, it is the number behind `####`. None where the text is not one number.
fn one_number(text: &str) -> Option<f64> {
    // A sign, digits, an exponent, and a unit without digits. "3/4", "10:30" and "1 h 30" do not match.
    static WHOLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let pattern = r#"(?x)^
            (?: [-+−–]? [$€£¥₹]? | [$€£¥₹] \s? [-+−–]? )
            (?: [0-9]{1,3} (?: ,[0-9]{2,3} )* ,[0-9]{3} | [0-9]+ )? (?: \.[0-9]+ )? (?: [eE] [-+−–]? [0-9]+ )?
            \s* (?: [\p{L}\p{Sc}%‰°("'] [^\p{N}]* [²³]? )? \.?
        $"#;
        Regex::new(pattern).ok()
    });
    let text = text.rsplit_once("####").map_or(text, |(_, number)| number).trim();
    let is_whole = WHOLE.as_ref().is_some_and(|whole| whole.is_match(text));
    last_number(text).filter(|number| is_whole && number.is_finite())
}

/// Returns whether the character can be part of a number: a digit, a comma or a point.
fn is_part(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, ',' | '.')
}

/// Splits the exponent from a text that ends with a digit: "is 3.2e8" becomes "is 3.2" and "e8". The second part is empty where
/// there is no exponent.
fn split_exponent(text: &str) -> (&str, String) {
    let before = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let sign = if before.ends_with(MINUS) { "-" } else { "" };
    let unsigned = before.strip_suffix(MINUS).or_else(|| before.strip_suffix('+')).unwrap_or(before);
    // The "e" of a name, as in "room2e4", is not an exponent.
    let is_number = |number: &&str| {
        number.ends_with(|c: char| c.is_ascii_digit()) && !number.trim_end_matches(is_part).ends_with(char::is_alphabetic)
    };
    match unsigned.strip_suffix(['e', 'E']).filter(is_number) {
        Some(number) => (number, format!("e{sign}{}", &text[before.len()..])),
        None => (text, String::new()),
    }
}

/// Returns the last number in `text`, ignoring commas between its digits. None where there is none.
#[must_use]
pub fn last_number(text: &str) -> Option<f64> {
    let end = text.rfind(|c: char| c.is_ascii_digit())? + 1;
    let (text, exponent) = split_exponent(&text[..end]);
    let start = text.rfind(|c| !is_part(c)).map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    // ".5" is a half. The points of "so...5" and "v.5" do not belong to the number.
    let is_fraction =
        text[start..].starts_with('.') && !text[start..].starts_with("..") && !text[..start].ends_with(char::is_alphanumeric);
    let digits = text[start..].trim_start_matches([',', '.']).replace(',', "");
    let digits = if is_fraction { format!("0.{digits}") } else { digits };
    // "3.4.5" has more than one point: its last part is taken.
    let parts: Vec<&str> = digits.split('.').collect();
    let number = match parts.as_slice() {
        [.., whole, part] if parts.len() == 2 => format!("{whole}.{part}"),
        [.., last] => (*last).to_owned(),
        [] => return None,
    };
    let value: f64 = format!("{number}{exponent}").parse().ok()?;
    let before = text[..start].trim_end_matches(CURRENCY);
    // A minus is a sign unless it stands between two things, as in "10-4" and "3%–5%".
    let unsigned = before.strip_suffix(MINUS);
    let signed = unsigned.is_some_and(|rest| !rest.ends_with(|c: char| c.is_alphanumeric() || matches!(c, ')' | '%')));
    Some(if signed { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests_support::{example, rollout};
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn the_last_number_is_found() {
        for (text, number) in [
            ("24", 24.0),
            ("It is 1,234.50 dollars.", 1234.5),
            ("#### -7", -7.0),
            ("10-4", 4.0),
            ("= $18", 18.0),
            ("-$5", -5.0),
            ("3 + 4 = 7.", 7.0),
            ("so 1.2.3", 3.0),
            ("ü5", 5.0),
            ("it is .5", 0.5),
            ("-.25", -0.25),
            ("so...5", 5.0),
            ("−7", -7.0),
            ("it is –5", -5.0),
            ("3–5", 5.0),
            ("$3 to $5, 3%–5%", 5.0),
            ("about 3.2e8.", 320_000_000.0),
            ("1,5E-1", 1.5),
            ("-2e+3", -2000.0),
            ("10e−2", 0.1),
            ("room2e4", 4.0),
        ] {
            assert_eq!(last_number(text), Some(number), "{text}");
        }
        assert_eq!(last_number("none"), None);
    }

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
        ] {
            assert!(metric.check(&row(&answer)).is_ok(), "{answer}");
            let verdict = metric.judge(&row(&answer), &rollout(&[("answer", given)]), &[]).unwrap();
            assert_eq!(verdict.score, 1.0, "{answer}: {}", verdict.feedback);
        }
        let other = metric.judge(&row(&json!("6.02e23")), &rollout(&[("answer", "9.1e23")]), &[]).unwrap();
        assert_eq!(other.score, 0.0);
        for answer in ["3/4", "10:30", "1 h 30", "3–5", "3,5", "1 000", "1.2.3", "1½", "- 5", "so 5", "km", "1e999", ""] {
            let told = metric.check(&row(&json!(answer))).unwrap_err().to_string();
            assert!(told.contains(&format!("`answer` must be one number, like `42` or `$1,250.50`, not `{answer}`")), "{told}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_searched_without_panic(text in "[-–0-9.,$eEü ]{0,12}") {
            let _ = last_number(&text);
            let _ = one_number(&text);
        }

        #[test]
        fn a_number_is_read_back(number in -1_000_000..1_000_000_i64, after in "[a-z ]{0,5}") {
            prop_assert_eq!(last_number(&format!("it is {number}{after}")), Some(number as f64));
        }
    }
}

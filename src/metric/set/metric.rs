//! The metric, and its feedback.

use serde_json::{Map, Value};

use super::assignment::best_pairs;
use super::read::items;
use crate::data::{Example, listed, to_text};
use crate::engine::Completion;
use crate::metric::contract::Metric;
use crate::metric::error::MetricError;
use crate::metric::judgement::Judgement;
use crate::metric::normalize::shorten;
use crate::metric::value::is_equal;
use crate::metric::words::f1;
use crate::program::Rollout;

/// The most characters of an answer or of items that feedback quotes.
const MOST_QUOTED: usize = 400;

/// Compares the items of a list in an output with those in a field of the example, in any order.
#[derive(Debug, Clone)]
pub struct Set {
    field: String,
    output: String,
    /// The fields of objects that must be equal. None: all fields of the expected object that are not in `close`.
    equal: Option<Vec<String>>,
    /// The fields of objects that may be partly right.
    close: Vec<String>,
}

impl Set {
    /// Creates the metric. The example's `field` has the expected list, and the program writes `output`. `equal` and `close` name
    /// fields of items that are objects: those that must be equal (None: all that are not in `close`), and those whose words may be
    /// partly right.
    pub fn new(field: impl Into<String>, output: impl Into<String>, equal: Option<Vec<String>>, close: Vec<String>) -> Self {
        Self { field: field.into(), output: output.into(), equal, close }
    }

    /// Returns the expected items.
    fn expected(&self, example: &Example) -> Result<Vec<Value>, MetricError> {
        let bad = |cause: String| MetricError::example(example, cause);
        let items = match example.fields.get(&self.field) {
            None | Some(Value::Null) => return Err(bad(format!("it has no `{}`", self.field))),
            Some(Value::Array(items)) => items.clone(),
            Some(Value::String(text)) => items(text, &[]).unwrap_or_default(),
            Some(other) => vec![other.clone()],
        };
        Ok(without_repeats(items))
    }

    /// Returns how well two items match, in [0, 1]. Objects match if the fields that must be equal are equal, by the mean similarity
    /// of the fields that may be close. Other items match if they are equal.
    fn similarity(&self, expected: &Value, given: &Value) -> f64 {
        let (Value::Object(expected), Value::Object(given)) = (expected, given) else {
            return f64::from(is_equal(expected, given));
        };
        let of = |object: &Map<String, Value>, name: &String| object.get(name).cloned().unwrap_or(Value::Null);
        let is_equal_in = |name: &String| is_equal(&of(expected, name), &of(given, name));
        let are_equal = match &self.equal {
            Some(names) => names.iter().all(is_equal_in),
            None => expected.keys().filter(|name| !self.close.contains(name)).all(is_equal_in),
        };
        if !are_equal {
            return 0.0;
        }
        let close = |name: &String| closeness(&of(expected, name), &of(given, name));
        if self.close.is_empty() { 1.0 } else { self.close.iter().map(close).sum::<f64>() / self.close.len() as f64 }
    }

    /// Returns the feedback on a list that is not all right.
    fn feedback(&self, expected: &[Value], given: &[Value], (pairs, score): (&[(usize, usize, f64)], f64)) -> String {
        let left = |items: &[Value], is_matched: &dyn Fn(usize) -> bool| {
            let left = items.iter().enumerate().filter(|(at, _)| !is_matched(*at)).map(|(_, item)| to_text(item));
            shorten(&listed(left), MOST_QUOTED)
        };
        let missed = left(expected, &|at| pairs.iter().any(|(row, _, _)| *row == at));
        let extra = left(given, &|at| pairs.iter().any(|(_, column, _)| *column == at));
        let mut words = format!("The items of `{}` agree with the right ones by {score:.2} (F1).", self.output);
        let said = [("should also have", missed), ("should not have", extra)];
        let said: Vec<String> =
            said.into_iter().filter(|(_, items)| !items.is_empty()).map(|(what, items)| format!("{what} {items}")).collect();
        if !said.is_empty() {
            words += &format!(" It {}.", said.join(" and "));
        }
        for (row, column, _) in pairs.iter().filter(|(_, _, similarity)| *similarity < 1.0) {
            words += &format!(" `{}` should be `{}`.", to_text(&given[*column]), to_text(&expected[*row]));
        }
        words
    }
}

/// Returns how close a value is to the expected one, in [0, 1]: texts by the F1 of their words, others are equal or not.
fn closeness(expected: &Value, given: &Value) -> f64 {
    match (expected, given) {
        _ if is_equal(expected, given) => 1.0,
        (Value::String(expected), Value::String(given)) => f1(given, expected),
        _ => 0.0,
    }
}

/// Returns the items without those that occurred before. Objects may occur more than once.
fn without_repeats(items: Vec<Value>) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::new();
    for item in items {
        if item.is_object() || !kept.iter().any(|other| is_equal(other, &item)) {
            kept.push(item);
        }
    }
    kept
}

impl Metric for Set {
    fn output(&self) -> Option<&str> {
        Some(&self.output)
    }

    fn required_fields(&self) -> Vec<String> {
        vec![self.field.clone()]
    }

    fn check(&self, example: &Example) -> Result<(), MetricError> {
        let named: Vec<&String> = self.equal.iter().flatten().chain(&self.close).collect();
        let expected = self.expected(example)?;
        let has_none = |object: &&Map<String, Value>| !named.iter().any(|name| object.contains_key(*name));
        match expected.iter().filter_map(Value::as_object).find(has_none).filter(|_| !named.is_empty()) {
            Some(object) => {
                let (field, keys, named) = (&self.field, listed(object.keys()), listed(&named));
                let cause = format!("an item of `{field}` has {keys}, but `equal` and `close` name {named}");
                Err(MetricError::example(example, cause))
            }
            None => Ok(()),
        }
    }

    fn judge(&self, example: &Example, rollout: &Rollout, _answers: &[Completion]) -> Result<Judgement, MetricError> {
        let expected = self.expected(example)?;
        let text = rollout.output(&self.output).unwrap_or_default();
        let right = || shorten(&Value::Array(expected.clone()).to_string(), MOST_QUOTED);
        let Some(given) = items(text, &expected).map(without_repeats) else {
            let words =
                format!("`{}` must be a JSON list, here {}, but was `{}`.", self.output, right(), shorten(text, MOST_QUOTED));
            return Ok(Judgement::new(0.0, words));
        };
        if expected.is_empty() && given.is_empty() {
            return Ok(Judgement::new(1.0, "Correct: the list is empty."));
        }
        let similarities: Vec<Vec<f64>> =
            expected.iter().map(|expected| given.iter().map(|given| self.similarity(expected, given)).collect()).collect();
        let pairs: Vec<(usize, usize, f64)> =
            best_pairs(&similarities).into_iter().map(|(row, column)| (row, column, similarities[row][column])).collect();
        let sum = pairs.iter().fold(0.0, |sum, (_, _, similarity)| sum + similarity);
        let score = (2.0 * sum / (expected.len() + given.len()) as f64).clamp(0.0, 1.0);
        if score >= 1.0 {
            return Ok(Judgement::new(1.0, format!("Correct: {}.", right())));
        }
        Ok(Judgement::new(score, self.feedback(&expected, &given, (&pairs, score))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests_support::{example, rollout};
    use serde_json::json;

    fn judged(metric: &Set, expected: Value, given: &str) -> Judgement {
        metric.judge(&example(&json!({ "list": expected })), &rollout(&[("list", given)]), &[]).unwrap()
    }

    fn plain() -> Set {
        Set::new("list", "list", None, Vec::new())
    }

    fn entities() -> Set {
        Set::new("list", "list", Some(vec!["type".into()]), vec!["text".into()])
    }

    #[test]
    fn the_items_of_a_set_count_and_not_their_order() {
        for (expected, given, score) in [
            (json!(["drama", "crime"]), r#"["Crime", "drama"]"#, 1.0),
            (json!(["drama", "crime"]), "crime, drama", 1.0),
            (json!(["drama", "crime"]), r#"["drama", "drama"]"#, 2.0 / 3.0),
            (json!(["drama"]), r#"["drama", "crime", "comedy"]"#, 0.5),
            (json!(["drama"]), "drama crime comedy", 0.0),
            (json!("drama|crime"), r#"["crime", "drama"]"#, 1.0),
            (json!("[\"drama\"]"), "drama", 1.0),
            (json!([]), "[]", 1.0),
            (json!([]), "none", 1.0),
            (json!([]), "drama", 0.0),
            (json!(["drama"]), "", 0.0),
            (json!([1, 2.5]), "[2.50, 1]", 1.0),
            (json!(["C++"]), r#"["C#"]"#, 0.0),
            (json!([true]), "[true]", 1.0),
        ] {
            assert!((judged(&plain(), expected.clone(), given).score - score).abs() < 1e-9, "{expected} {given}");
        }
        assert!(judged(&plain(), json!(["drama"]), "crime").feedback.contains(" by 0.00 (F1)"));
        let part = judged(&plain(), json!(["drama", "crime"]), "drama, comedy");
        assert_eq!(
            part.feedback,
            "The items of `list` agree with the right ones by 0.50 (F1). It should also have `crime` and should not have `comedy`."
        );
    }

    #[test]
    fn objects_match_by_what_must_be_equal_and_what_may_be_close() {
        let expected = json!([{"type": "person", "text": "Ann Lee"}, {"type": "place", "text": "Bonn"}]);
        for (given, score) in [
            (json!([{"type": "place", "text": "bonn"}, {"type": "Person", "text": "Ann Lee", "sure": 0.9}]), 1.0),
            (json!({"entities": [{"text": "Bonn", "type": "place"}, {"type": "person", "text": "Ann Lee"}]}), 1.0),
            (json!([{"type": "person", "text": "Ann"}, {"type": "place", "text": "Bonn"}]), (2.0 / 3.0 + 1.0) / 2.0),
            (json!([{"type": "place", "text": "Ann Lee"}, {"type": "place", "text": "Bonn"}]), 0.5),
            (json!([{"type": "place", "text": "Bonn"}]), 2.0 / 3.0),
            (json!([{"type": "place", "text": "Bonn"}, {"type": "place", "text": "Bonn"}]), 0.5),
            (json!([]), 0.0),
        ] {
            let verdict = judged(&entities(), expected.clone(), &given.to_string());
            assert!((verdict.score - score).abs() < 1e-9, "{given}: {} {}", verdict.score, verdict.feedback);
        }
        let part =
            judged(&entities(), expected.clone(), r#"[{"type": "person", "text": "Ann"}, {"type": "date", "text": "today"}]"#);
        assert_eq!(
            part.feedback,
            "The items of `list` agree with the right ones by 0.33 (F1). It should also have `{\"type\":\"place\",\"text\":\"Bonn\"}` \
             and should not have `{\"type\":\"date\",\"text\":\"today\"}`. `{\"type\":\"person\",\"text\":\"Ann\"}` should be \
             `{\"type\":\"person\",\"text\":\"Ann Lee\"}`."
        );
        assert_eq!(judged(&plain(), expected.clone(), r#"[{"text": "ann lee", "type": "person"}]"#).score, 2.0 / 3.0);
        let unread = judged(&entities(), expected, "Ann Lee is a person");
        assert!(unread.feedback.starts_with("`list` must be a JSON list, here [{\"type\":\"person\""), "{}", unread.feedback);
    }

    #[test]
    fn a_field_that_no_item_has_is_told() {
        let row = |list: Value| example(&json!({ "list": list }));
        let told = entities().check(&row(json!([{"kind": "person", "name": "Ann"}]))).unwrap_err().to_string();
        assert!(told.contains("an item of `list` has `kind`, `name`, but `equal` and `close` name `type`, `text`"), "{told}");
        assert_eq!(entities().check(&row(json!([{"type": "person", "text": "Ann"}]))), Ok(()));
        assert!(plain().check(&row(json!(null))).is_err() && plain().check(&row(json!([]))).is_ok());
    }
}

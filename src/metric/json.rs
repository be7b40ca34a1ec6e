//! The metric `json`: compares several fields, each with a weight. Sets of flags and lists are compared by F1.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::data::{Example, listed, to_text};
use crate::engine::Completion;
use crate::program::{Rollout, parse};

use super::contract::Metric;
use super::error::MetricError;
use super::judgement::Judgement;
use super::normalize::shorten;
use super::value::{is_equal, read_as, unmatched};

/// Compares an object field by field. The object is either one output that holds JSON, or all outputs of the program.
#[derive(Debug, Clone)]
pub struct Json {
    /// The example's field with the expected object, which is also the output with the given one. None where each field is an
    /// output.
    field: Option<String>,
    /// The weight of each top-level field. If it is empty, all fields of the expected object count equally.
    weights: BTreeMap<String, f64>,
}

impl Json {
    /// Creates the metric. `field` names both the example's object and the output; `weights` names the fields that count.
    #[must_use]
    pub fn new(field: Option<String>, weights: BTreeMap<String, f64>) -> Self {
        Self { field, weights }
    }

    /// Returns the expected object of an example.
    fn expected(&self, example: &Example) -> Result<Map<String, Value>, MetricError> {
        let bad = |cause: String| MetricError::example(example, cause);
        let Some(field) = &self.field else {
            return Ok(example.fields.clone());
        };
        match example.fields.get(field) {
            Some(Value::Object(map)) => Ok(map.clone()),
            Some(Value::String(text)) => parse::json_object(text).ok_or_else(|| bad(format!("`{field}` holds no JSON object"))),
            _ => Err(bad(format!("`{field}` must be a JSON object"))),
        }
    }
}

impl Metric for Json {
    fn required_fields(&self) -> Vec<String> {
        match &self.field {
            Some(field) => vec![field.clone()],
            None => self.weights.keys().cloned().collect(),
        }
    }

    /// Where each of several fields is an output, null is a right answer: there is nothing to extract.
    fn label_fields(&self) -> Vec<String> {
        let fields = self.required_fields();
        if self.field.is_some() || fields.len() == 1 { fields } else { Vec::new() }
    }

    fn check(&self, example: &Example) -> Result<(), MetricError> {
        let expected = self.expected(example)?;
        // If each field is an output, `required_fields` demands the fields.
        let Some(field) = &self.field else { return Ok(()) };
        // An example may lack a field. But if it also has a field without a weight, a name is probably misspelled.
        let missing = self.weights.keys().find(|name| !expected.contains_key(*name));
        let unweighed = listed(expected.keys().filter(|name| !self.weights.contains_key(*name)));
        match missing {
            Some(missing) if !unweighed.is_empty() => {
                let cause = format!("`{field}` has no `{missing}`, which `weights` names, but {unweighed}, which it does not");
                Err(MetricError::example(example, cause))
            }
            _ => Ok(()),
        }
    }

    fn judge(&self, example: &Example, rollout: &Rollout, _answers: &[Completion]) -> Result<Judgement, MetricError> {
        let expected = self.expected(example)?;
        let names: Vec<&String> = match self.weights.is_empty() {
            true => expected.keys().collect(),
            false => expected.keys().filter(|name| self.weights.contains_key(*name)).collect(),
        };
        let given: BTreeMap<&String, Value> = match &self.field {
            Some(field) => {
                let text = rollout.output(field).unwrap_or_default();
                let Some(object) = parse::json_object(text) else {
                    return Ok(Judgement::new(0.0, not_json(field, text, &expected)));
                };
                names.iter().filter_map(|&name| Some((name, object.get(name)?.clone()))).collect()
            }
            None => names.iter().filter_map(|&name| Some((name, Value::from(rollout.output(name)?)))).collect(),
        };
        let mut judgement = Judgement::new(0.0, String::new());
        let (mut sum, mut total) = (0.0, 0.0);
        let mut words = Vec::new();
        for name in names {
            let weight = self.weights.get(name).copied().unwrap_or(1.0);
            // A key that is absent means null.
            let score = similarity(&expected[name], given.get(name).unwrap_or(&Value::Null));
            sum += weight * score;
            total += weight;
            words.push(field_feedback(name, &expected[name], given.get(name), score));
            judgement.objectives.insert(name.clone(), score);
        }
        if total <= 0.0 {
            return Err(MetricError::example(example, "the expected object has none of the fields that count"));
        }
        judgement.score = (sum / total).clamp(0.0, 1.0);
        judgement.feedback = words.join(" ");
        Ok(judgement)
    }
}

/// Returns how well `given` matches `expected`, in [0, 1]. Sets of flags and lists are compared by F1, all other values are equal or
/// not (see [`is_equal`]).
fn similarity(expected: &Value, given: &Value) -> f64 {
    let given = &*read_as(expected, given);
    if let Some(expected) = flags(expected) {
        return flags(given).map_or(0.0, |given| f1(&expected, &given));
    }
    match (expected, given) {
        (Value::Array(a), Value::Array(b)) if a.is_empty() && b.is_empty() => 1.0,
        (Value::Array(a), Value::Array(b)) => 2.0 * (a.len() - unmatched(a, b).0.len()) as f64 / (a.len() + b.len()) as f64,
        _ => f64::from(is_equal(expected, given)),
    }
}

/// Returns the names of the true flags of an object. None where the object is empty or has a value that is not a flag.
fn flags(value: &Value) -> Option<BTreeSet<String>> {
    let object = value.as_object().filter(|o| !o.is_empty())?;
    if !object.values().all(Value::is_boolean) {
        return None;
    }
    Some(object.iter().filter(|(_, on)| **on == Value::Bool(true)).map(|(name, _)| name.clone()).collect())
}

/// Returns the F1 of two sets in [0, 1]. It is 1 for two empty sets.
fn f1(a: &BTreeSet<String>, b: &BTreeSet<String>) -> f64 {
    if a.is_empty() && b.is_empty() {
        return 1.0;
    }
    2.0 * a.intersection(b).count() as f64 / (a.len() + b.len()) as f64
}

/// Returns the feedback on one field.
fn field_feedback(name: &str, expected: &Value, given: Option<&Value>, score: f64) -> String {
    if score >= 1.0 {
        return format!("`{name}` is right.");
    }
    if let (Some(wanted), Some(had)) = (flags(expected), given.and_then(flags)) {
        let missed: Vec<&String> = wanted.difference(&had).collect();
        let extra: Vec<&String> = had.difference(&wanted).collect();
        let mut text = format!("In `{name}`,");
        if !missed.is_empty() {
            text.push_str(&format!(" {} should be true", listed(&missed)));
        }
        if !extra.is_empty() {
            text.push_str(if missed.is_empty() { " " } else { " and " });
            text.push_str(&format!("{} should be false", listed(&extra)));
        }
        return text + ".";
    }
    if let (Value::Array(wanted), Some(Value::Array(had))) = (expected, given.map(|given| read_as(expected, given)).as_deref()) {
        let named = |items: Vec<&Value>| shorten(&listed(items.into_iter().map(to_text)), 300);
        let (missed, extra) = unmatched(wanted, had);
        let (missed, extra) = (named(missed), named(extra));
        let said = [("should also have", missed), ("should not have", extra)];
        let said: Vec<String> =
            said.into_iter().filter(|(_, items)| !items.is_empty()).map(|(what, items)| format!("{what} {items}")).collect();
        return format!("`{name}` {}.", said.join(" and "));
    }
    match given {
        Some(given) => {
            format!("`{name}` should be `{}`, but was `{}`.", shorten(&to_text(expected), 300), shorten(&to_text(given), 100))
        }
        None => format!("`{name}` should be `{}`, but was not given.", shorten(&to_text(expected), 300)),
    }
}

/// Returns the feedback on an output that is not a JSON object.
fn not_json(field: &str, given: &str, expected: &Map<String, Value>) -> String {
    format!(
        "The answer is not a JSON object. `{field}` must be one JSON object, here {}, but was `{}`.",
        Value::Object(expected.clone()),
        shorten(given, 200)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests_support::{example, rollout};
    use serde_json::json;

    fn judged(metric: &Json, example: &Value, outputs: &[(&str, &str)]) -> Judgement {
        metric.judge(&self::example(example), &rollout(outputs), &[]).unwrap()
    }

    #[test]
    fn each_output_of_its_own_counts_by_its_weight() {
        let metric = Json::new(None, BTreeMap::from([("team".into(), 2.0), ("order".into(), 1.0)]));
        let row = json!({"message": "…", "team": "billing", "order": "12345"});
        let verdict = judged(&metric, &row, &[("team", "Billing"), ("order", "#12345")]);
        assert!((verdict.score - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(verdict.feedback, "`team` is right. `order` should be `12345`, but was `#12345`.");
        assert_eq!(verdict.objectives["order"], 0.0);
        let verdict = judged(&metric, &row, &[("team", "billing")]);
        assert!(verdict.feedback.contains("`order` should be `12345`, but was not given."), "{}", verdict.feedback);
    }

    #[test]
    fn flags_score_by_f1_and_feedback_names_them() {
        let metric = Json::new(Some("answer".into()), BTreeMap::new());
        let row = json!({"answer": {"urgency": "low", "tags": {"a": true, "b": true, "c": false}}});
        let verdict =
            judged(&metric, &row, &[("answer", "```json\n{\"urgency\": \"low\", \"tags\": {\"a\": true, \"c\": true}}\n```")]);
        assert!((verdict.score - 0.75).abs() < 1e-12, "{}", verdict.score);
        assert_eq!(verdict.feedback, "`urgency` is right. In `tags`, `b` should be true and `c` should be false.");
    }

    #[test]
    fn feedback_on_lists_names_missing_and_surplus_items() {
        let metric = Json::new(None, BTreeMap::from([("tags".into(), 1.0)]));
        let said = |given: &str| judged(&metric, &json!({"tags": ["Red", "blue"]}), &[("tags", given)]);
        assert_eq!(said(r#"["red", "green", "Blue"]"#).feedback, "`tags` should not have `green`.");
        let verdict = said(r#"["red", "green"]"#);
        assert_eq!(
            (verdict.score, verdict.feedback.as_str()),
            (0.5, "`tags` should also have `blue` and should not have `green`.")
        );
        assert_eq!(said("red").feedback, "`tags` should be `[\"Red\",\"blue\"]`, but was `red`.");
    }

    #[test]
    fn an_output_that_is_not_json_scores_zero_with_feedback() {
        let metric = Json::new(Some("answer".into()), BTreeMap::new());
        let verdict = judged(&metric, &json!({"answer": {"a": 1}}), &[("answer", "a is one")]);
        assert_eq!(verdict.score, 0.0);
        assert!(verdict.feedback.contains("not a JSON object") && verdict.feedback.contains("{\"a\":1}"), "{}", verdict.feedback);
    }

    #[test]
    fn values_are_compared_by_what_they_mean() {
        for (expected, given, score) in [
            (json!(3), json!("3.0"), 1.0),
            (json!(true), json!("true"), 1.0),
            (json!("High"), json!("high."), 1.0),
            (json!(["a", "b"]), json!(["B", "c"]), 0.5),
            (json!(["a", "b"]), json!("[\"B\", \"c\"]"), 0.5),
            (json!([]), json!("[]"), 1.0),
            (json!(["a"]), json!("a"), 0.0),
            (json!({"x": 1}), json!({"x": 1}), 1.0),
            (json!(null), json!(null), 1.0),
            (json!({"a": false}), json!({"a": false}), 1.0),
            (json!([{"name": "chair", "qty": 2}]), json!([{"qty": 2.0, "name": "Chair"}]), 1.0),
            (json!([1, 2]), json!([1.0, 2.0]), 1.0),
            (json!([1, 2.5]), json!([1, 2.25]), 0.5),
            (json!({"a": [1, {"b": 2, "c": 3}]}), json!({"a": [1.0, {"c": 3, "b": 2}]}), 1.0),
            (json!(["a", "a"]), json!(["a"]), 2.0 / 3.0),
            (json!([0.3, 1]), json!([1, 0.1 + 0.2]), 1.0),
            (json!([9_007_199_254_740_993_u64]), json!([9_007_199_254_740_992_u64]), 0.0),
        ] {
            assert_eq!(similarity(&expected, &given), score, "{expected} {given}");
        }
    }

    #[test]
    fn null_and_an_absent_key_are_the_same() {
        let metric = Json::new(Some("answer".into()), BTreeMap::new());
        let row = json!({"answer": {"name": "Ann", "age": null}});
        for given in [r#"{"name": "Ann"}"#, r#"{"name": "Ann", "age": null}"#, r#"{"name": "Ann", "age": ""}"#] {
            assert_eq!(judged(&metric, &row, &[("answer", given)]).score, 1.0, "{given}");
        }
        let verdict = judged(&metric, &row, &[("answer", r#"{"name": "Ann", "age": 3}"#)]);
        assert_eq!((verdict.score, verdict.feedback.as_str()), (0.5, "`name` is right. `age` should be `null`, but was `3`."));
    }

    #[test]
    fn a_weight_with_a_misspelled_name_is_refused() {
        let weights = BTreeMap::from([("urgency".to_owned(), 1.0), ("sentment".to_owned(), 3.0)]);
        let row = example(&json!({"answer": {"urgency": "low", "sentiment": "good"}}));
        let told = Json::new(Some("answer".into()), weights).check(&row).unwrap_err().to_string();
        let wanted = "`answer` has no `sentment`, which `weights` names, but `sentiment`, which it does not";
        assert!(told.contains(wanted), "{told}");
        let weights = BTreeMap::from([("urgency".to_owned(), 1.0), ("sentiment".to_owned(), 3.0), ("rare".to_owned(), 1.0)]);
        assert_eq!(Json::new(Some("answer".into()), weights).check(&row), Ok(()));
    }

    #[test]
    fn an_expected_value_that_is_no_object_is_the_examples_fault() {
        let metric = Json::new(Some("answer".into()), BTreeMap::new());
        for row in [json!({"answer": 3}), json!({"answer": {}}), json!({"answer": "no"})] {
            let verdict = metric.judge(&example(&row), &rollout(&[("answer", "{}")]), &[]);
            assert!(matches!(verdict, Err(MetricError::Example { .. })), "{row}");
        }
    }
}

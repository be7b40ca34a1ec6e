//! Equality of JSON values, as the metrics `json` and `set` compare them.

use std::borrow::Cow;

use serde_json::{Number, Value};

use super::normalize::is_same_label;
use crate::data::{is_blank, to_text};

/// The largest relative difference between two equal numbers of which one has a fraction.
pub(super) const ROUNDING: f64 = 1e-9;

/// Whether `given` means the same as `expected`. The rules hold at every depth:
///
/// - Texts are compared like labels, without regard to case. Keys must be the same.
/// - Whole numbers must be the same, and others may differ by rounding. A text that is a number equals that number, but two texts
///   are compared as texts (`"1.10"` is not `"1.1"`).
/// - null, a key that is absent and an empty text mean the same: no value.
/// - The order of a list counts only inside another list, as in a list of points.
pub(super) fn is_equal(expected: &Value, given: &Value) -> bool {
    if is_blank(expected) && is_blank(given) {
        return true;
    }
    let given = &*read_as(expected, given);
    match (expected, given) {
        (Value::Number(a), Value::Number(b)) => are_equal_numbers(a, b),
        (Value::String(text), Value::Number(number)) => is_number(text, number) || is_same_label(&to_text(given), text),
        (Value::Object(a), Value::Object(b)) => {
            a.keys().chain(b.keys()).all(|key| is_equal(a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null)))
        }
        (Value::Array(a), Value::Array(b)) => is_same_list(a, b),
        (Value::Object(_) | Value::Array(_) | Value::Null, _) => expected == given,
        // A list or an object is no text.
        (_, Value::Object(_) | Value::Array(_) | Value::Null) => {
            matches!(expected, Value::String(_)) && is_its_text(expected, given)
        }
        _ => is_same_label(&to_text(given), &to_text(expected)),
    }
}

/// Whether a text is the JSON of a list or an object.
fn is_its_text(text: &Value, value: &Value) -> bool {
    !value.is_null()
        && text.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok()).is_some_and(|read| is_equal(&read, value))
}

/// Whether two lists have the same items, in any order. Lists within them must have the same order.
fn is_same_list(a: &[Value], b: &[Value]) -> bool {
    a.len() == b.len() && unmatched(a, b).0.is_empty()
}

/// Returns the items of `expected` and of `given` that are left when each is matched with an equal one of the other list.
pub(super) fn unmatched<'a>(expected: &'a [Value], given: &'a [Value]) -> (Vec<&'a Value>, Vec<&'a Value>) {
    let mut left: Vec<&Value> = given.iter().collect();
    let is_missing = |item: &&Value| match left.iter().position(|other| is_equal_item(item, other)) {
        Some(at) => {
            left.remove(at);
            false
        }
        None => true,
    };
    let missing = expected.iter().filter(is_missing).collect();
    (missing, left)
}

/// Whether two items of lists are equal. The order of a list within a list counts.
fn is_equal_item(expected: &Value, given: &Value) -> bool {
    match (expected, given) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_equal_item(a, b)),
        _ => is_equal(expected, given),
    }
}

/// Parses a text as JSON where the expected value is not a text. Such an output stands for a number, a flag or a list.
/// Returns the value as it is in all other cases.
pub(super) fn read_as<'a>(expected: &Value, given: &'a Value) -> Cow<'a, Value> {
    match given {
        Value::String(text) if !expected.is_string() => {
            serde_json::from_str(text.trim()).map_or(Cow::Borrowed(given), Cow::Owned)
        }
        _ => Cow::Borrowed(given),
    }
}

/// Whether a text is a number in JSON, and equal to `number`.
fn is_number(text: &str, number: &Number) -> bool {
    serde_json::from_str::<Number>(text.trim()).is_ok_and(|read| are_equal_numbers(&read, number))
}

/// Returns a whole number without rounding. None if it has a fraction or more than 128 bits.
fn whole(number: &Number) -> Option<i128> {
    let float =
        || number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() < 2_f64.powi(126)).map(|float| float as i128);
    number.as_i128().or_else(float)
}

fn are_equal_numbers(a: &Number, b: &Number) -> bool {
    if let (Some(a), Some(b)) = (whole(a), whole(b)) {
        return a == b;
    }
    let (Some(a), Some(b)) = (a.as_f64(), b.as_f64()) else { return a == b };
    (a - b).abs() <= ROUNDING * a.abs().max(b.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_equal_by_what_they_mean() {
        for (expected, given) in [
            (json!(0.3), json!(0.1 + 0.2)),
            (json!(3), json!(3.0)),
            (json!(3), json!("3.0")),
            (json!("12.50"), json!(12.5)),
            (json!(12.5), json!("12.50")),
            (json!(1e20), json!(100_000_000_000_000_000_000_f64)),
            (json!(true), json!("True")),
            (json!("true"), json!(true)),
            (json!("High"), json!("high.")),
            (json!("A*"), json!("a*")),
            (json!({"a": {"b": "Red", "c": [1, 2]}}), json!({"a": {"c": [2.0, 1], "b": "red"}})),
            (json!({"a": null}), json!({})),
            (json!({}), json!({"a": null})),
            (json!(null), json!("")),
            (json!(null), json!("null")),
            (json!(""), json!(null)),
            (json!([[1, 2], [3, 4]]), json!([[3, 4], [1, 2]])),
            (json!([{"a": "X"}]), json!([{"a": "x", "b": null}])),
            (json!("cafe\u{301}"), json!("café")),
            (json!("[1, 2]"), json!([1, 2])),
        ] {
            assert!(is_equal(&expected, &given), "{expected} {given}");
        }
    }

    #[test]
    fn values_that_differ_are_not_equal() {
        for (expected, given) in [
            (json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_u64)),
            (json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_f64)),
            (json!(12_345_678_901_234_567_890_u64), json!(12_345_678_901_234_567_891_u64)),
            (json!(-9_007_199_254_740_993_i64), json!(-9_007_199_254_740_992_i64)),
            (json!(1e-12), json!(2e-12)),
            (json!(0), json!(1e-12)),
            (json!("A*"), json!("A")),
            (json!("1.10"), json!("1.1")),
            (json!("007"), json!(7)),
            (json!("007"), json!("7")),
            (json!({"a": {"b": "Red"}}), json!({"a": {"b": "blue"}})),
            (json!({"a": 1}), json!({"A": 1})),
            (json!({"a": 1}), json!({"a": 1, "b": 2})),
            (json!([[1, 2], [3, 4]]), json!([[2, 1], [4, 3]])),
            (json!([1, 1, 2]), json!([1, 2, 2])),
            (json!(null), json!(0)),
            (json!(false), json!(null)),
            (json!(["a"]), json!("a")),
            (json!(1), json!(true)),
        ] {
            assert!(!is_equal(&expected, &given) && !is_equal(&given, &expected), "{expected} {given}");
        }
    }
}

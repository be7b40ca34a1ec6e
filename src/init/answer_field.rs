//! Finds the field with the answers.

use std::collections::BTreeSet;

use super::fields;
use crate::data::Example;

/// Usual names of the field with the answers, the likeliest first.
const ANSWER_NAMES: [&str; 29] = [
    "label",
    "labels",
    "gold_label",
    "expected_output",
    "expectedoutput",
    "expected_answer",
    "correct_answer",
    "ground_truth",
    "answer",
    "answers",
    "output",
    "target",
    "expected",
    "ideal",
    "completion",
    "category",
    "class",
    "topic",
    "intent",
    "team",
    "queue",
    "department",
    "priority",
    "sentiment",
    "gold",
    "reference",
    "response",
    "summary",
    "translation",
];

/// Names of fields with few different values that describe a row rather than answer it.
const DESCRIBING: [&str; 17] = [
    "source",
    "split",
    "subset",
    "dataset",
    "language",
    "lang",
    "locale",
    "country",
    "type",
    "level",
    "difficulty",
    "domain",
    "subject",
    "style",
    "tone",
    "role",
    "year",
];

/// Returns the field with the answers, and why it was taken if its name is no usual one. It is none of `inputs`, the fields that
/// are read. None if all fields are read.
pub(super) fn find(rows: &[Example], names: &[&String], inputs: &[String]) -> Option<(String, Option<&'static str>)> {
    let names: Vec<&String> = names.iter().copied().filter(|name| !inputs.contains(name)).collect();
    let named = |usual: &str| names.iter().find(|name| name.eq_ignore_ascii_case(usual));
    // Where a model follows an instruction, the category says of which kind that is.
    if let (Some(_), Some(response)) = (named("instruction"), named("response")) {
        return Some(((*response).clone(), None));
    }
    let mut usual = ANSWER_NAMES.iter().filter_map(|usual| named(usual)).peekable();
    let first = usual.peek().copied();
    if let Some(found) = usual.find(|name| !fields::is_constant(rows, name)).or(first) {
        return Some(((*found).clone(), None));
    }
    // A field that few rows have is rather a remark than the answer.
    let in_most = |name: &str| rows.iter().filter(|row| row.fields.contains_key(name)).count() * 2 > rows.len();
    let is_copied = |name: &str| names.iter().any(|other| *other != name && is_within(rows, name, other));
    let may_be = |name: &&&String| in_most(name) && (!fields::numbers_rows(rows, name) || is_copied(name));
    let varies = |name: &&&String| may_be(name) && !fields::is_constant(rows, name);
    let last = names.iter().rfind(varies).or_else(|| names.iter().rfind(may_be)).or(names.last())?;
    let mut classes = names.iter().filter(|name| in_most(name) && has_classes(rows, name));
    if let (Some(only), None) = (classes.next(), classes.next())
        && !DESCRIBING.contains(&only.to_lowercase().as_str())
        && (only == last || is_prose(rows, last))
    {
        return Some(((*only).clone(), Some("it is the only field with few different values")));
    }
    Some(((*last).clone(), Some("it is the last field")))
}

/// Whether more than half of a field's values are texts of several words or 20 characters. Such a field may be read as well as be
/// the answer; one with objects, lists, numbers or words is rather the answer.
fn is_prose(rows: &[Example], field: &str) -> bool {
    let texts = rows.iter().filter_map(|row| row.fields.get(field)?.as_str());
    texts.filter(|text| text.trim().contains(char::is_whitespace) || text.chars().count() >= 20).count() * 2 > rows.len()
}

/// Whether the values of a field are long enough for it to be no accident that they stand in the texts of another.
fn is_within(rows: &[Example], field: &str, other: &str) -> bool {
    let stands = |row: &Example| {
        row.input(field).zip(row.input(other)).is_some_and(|(value, text)| value.chars().count() > 4 && text.contains(&value))
    };
    rows.iter().all(stands)
}

/// Returns the inputs whose few values are those of the answer, as where each of several labels has a field. Empty if the answers
/// have many values.
#[must_use]
pub fn further_answers<'a>(rows: &[Example], inputs: &'a [String], answer: &str) -> Vec<&'a String> {
    let values = |field: &str| rows.iter().filter_map(|row| row.input(field)).collect::<BTreeSet<String>>();
    let are_classes = has_classes(rows, answer);
    inputs.iter().filter(|input| are_classes && values(input) == values(answer)).collect()
}

/// Returns the inputs that may be answers too, because they have few different values as the answer has: the priority and the
/// team of a ticket. Fields whose names say that they describe a row are none.
#[must_use]
pub fn other_classes<'a>(rows: &[Example], inputs: &'a [String], answer: &str) -> Vec<&'a String> {
    let describes = |name: &str| DESCRIBING.contains(&name.to_lowercase().as_str());
    let are_classes = has_classes(rows, answer);
    inputs.iter().filter(|input| are_classes && has_classes(rows, input) && !describes(input)).collect()
}

/// Whether a field has few short values, each of them in three rows or more on average.
fn has_classes(rows: &[Example], field: &str) -> bool {
    let values: Vec<String> = rows.iter().filter_map(|row| row.input(field)).filter(|value| !value.trim().is_empty()).collect();
    let different: BTreeSet<&String> = values.iter().collect();
    (2..=20).contains(&different.len()) && different.len() * 3 <= values.len() && different.iter().all(|value| value.len() <= 40)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::infer::{field_names, infer_task};
    use super::*;

    fn rows(row: impl Fn(usize) -> Value, count: usize) -> Vec<Example> {
        (0..count).map(|n| Example { id: n.to_string(), fields: row(n).as_object().unwrap().clone() }).collect()
    }

    #[test]
    fn the_only_field_with_classes_is_the_answer() {
        let found = |row: fn(usize) -> Value| {
            let task = infer_task(&rows(row, 12), &[], &[]).unwrap();
            (task.output, task.guess)
        };
        let only = Some("it is the only field with few different values");
        assert_eq!(
            found(
                |n| json!({ "a": "x".repeat(n), "mood": if n % 2 == 0 { "calm" } else { "angry" }, "b": format!("so it is {n}") })
            ),
            ("mood".into(), only)
        );
        let last = Some("it is the last field");
        let sum = |n: usize| json!({ "a": "x".repeat(n), "unit": if n.is_multiple_of(2) { "EUR" } else { "USD" }, "sum": n * n });
        assert_eq!(found(sum), ("sum".into(), last));
        assert_eq!(
            found(|n| json!({ "a": n * n, "lang": if n % 2 == 0 { "de" } else { "en" }, "b": "x".repeat(n) })),
            ("b".into(), last)
        );
        assert_eq!(
            found(|n| json!({ "m": n % 2, "k": if n % 2 == 0 { "x" } else { "y" }, "b": "x".repeat(n) })),
            ("b".into(), last)
        );
    }

    #[test]
    fn what_numbers_the_rows_is_the_answer_only_where_it_is_copied() {
        let found = |row: fn(usize) -> Value, inputs: &[String]| {
            let rows = rows(row, 12);
            find(&rows, &field_names(&rows), inputs).map(|(name, _)| name)
        };
        let log =
            |n: usize| json!({ "line": format!("at 2024-01-{}: {n} up", n + 10), "timestamp": format!("2024-01-{}", n + 10) });
        assert_eq!(found(log, &[]), Some("timestamp".into()));
        let post = |n: usize| json!({ "a": n * n, "post": format!("post {n}"), "timestamp": format!("2024-01-{}", n + 10) });
        assert_eq!(found(post, &[]), Some("post".into()));
        assert_eq!(found(post, &["post".into(), "timestamp".into()]), Some("a".into()));
        assert_eq!(found(post, &["post".into(), "timestamp".into(), "a".into()]), None);
    }

    #[test]
    fn fields_with_few_values_may_be_answers_too() {
        let row = |n: usize| json!({ "text": n.to_string(), "team": n % 3, "urgent": n.is_multiple_of(2), "lang": (["de", "en"][n % 2]) });
        let rows = rows(row, 12);
        let inputs = ["text", "urgent", "lang"].map(str::to_owned);
        assert_eq!(other_classes(&rows, &inputs, "team"), ["urgent"]);
        assert!(other_classes(&rows, &inputs, "text").is_empty());
        assert!(other_classes(&rows, &["text".to_owned()], "team").is_empty());
    }

    #[test]
    fn fields_with_the_values_of_the_answer_are_further_answers() {
        let rows =
            rows(|n| json!({ "text": format!("{n}"), "rude": n % 2, "spam": n / 2 % 2, "age": n % 3, "sad": n / 3 % 2 }), 12);
        let inputs = ["text", "rude", "spam", "age"].map(str::to_owned);
        assert_eq!(further_answers(&rows, &inputs, "sad"), ["rude", "spam"]);
        assert!(further_answers(&rows, &inputs, "text").is_empty());
    }
}

//! Chooses a metric that suits the answers of some rows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::choices;
use crate::data::{Example, listed, to_text};
use crate::engine::ModelId;
use crate::metric::{Metric, Number};
use crate::optimize::reflection::profile::{self, ValueKind};
use crate::program::{Layout, Module};

/// A metric that suits the answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuitableMetric {
    /// The `kind` of the metric.
    pub kind: &'static str,
    /// Why this metric suits them, as a clause: "it is a number".
    pub reason: &'static str,
    /// Further keys of the metric, each with a list of fields of the answers.
    pub keys: Vec<(&'static str, Vec<String>)>,
    /// A sentence of the instruction about the form of the answer. Empty if there is none.
    pub form: String,
}

impl SuitableMetric {
    fn new(kind: &'static str, reason: &'static str) -> Self {
        Self { kind, reason, keys: Vec::new(), form: String::new() }
    }

    /// Returns the metric of answers that stand in several fields, each of which is compared with the field of its name.
    pub(super) fn of_several_fields() -> Self {
        Self::new("json", "each field with an answer counts equally")
    }
}

/// Names of fields whose lists hold several right answers to one question.
const ALTERNATIVES: [&str; 6] = ["answer", "answers", "aliases", "ideal", "references", "target"];

/// Returns a metric that suits the values of the field `output`. `inputs` are the fields that the program reads.
pub(super) fn suitable_metric(rows: &[Example], inputs: &[String], output: &str) -> SuitableMetric {
    // The profile needs a module. This one asks no model, so its other values do not matter.
    let module = Module {
        name: "m".into(),
        inputs: inputs.to_vec(),
        outputs: vec![output.to_owned()],
        shapes: BTreeMap::new(),
        max_tokens: 1,
        temperature: 0.0,
        top_p: 1.0,
        model: ModelId(0),
        layout: Layout::default(),
        frozen: false,
        keep: Vec::new(),
        labels: BTreeMap::new(),
    };
    if let Some(place) = choices::positions(rows, inputs, output) {
        let form = format!("The `{output}` is the position of the right one {place}.");
        return SuitableMetric { form, ..SuitableMetric::new("label", "it is the position of one of several choices") };
    }
    let (kind, reason) = match profile::profile_module(&module, rows).into_iter().next().map(|output| output.kind) {
        Some(ValueKind::List(_)) => return of_lists(&lists(rows, output), output),
        Some(ValueKind::Text(_) | ValueKind::Span { .. } | ValueKind::Set(_)) if are_several_labels(rows, output) => {
            ("set", "it is several labels in one text")
        }
        Some(ValueKind::Text(_) | ValueKind::Span { .. }) if are_numbers(rows, output) => ("number", "it is a number"),
        Some(ValueKind::Set(_)) => ("label", "its values come from a small set"),
        Some(ValueKind::Flag) => ("label", "it is true or false"),
        Some(ValueKind::Number) => ("number", "it is a number"),
        Some(ValueKind::Object(fields)) => {
            let form = format!("Answer with a JSON object with {}.", listed(fields.iter().map(|(name, _)| name)));
            return SuitableMetric { form, ..SuitableMetric::new("json", "it is a JSON object") };
        }
        Some(ValueKind::Span { .. }) => ("exact", "it is copied from an input"),
        Some(ValueKind::Text(_)) if are_codes_or_dates(rows, output) => {
            ("exact", "it is one word, a date or a code, of which a part is wrong")
        }
        Some(ValueKind::Text(_)) | None => ("f1", "it is free text"),
    };
    SuitableMetric::new(kind, reason)
}

/// Returns the lists in a field, which may be texts that hold JSON.
fn lists(rows: &[Example], field: &str) -> Vec<Vec<Value>> {
    let list = |row: &Example| match row.fields.get(field)? {
        Value::Array(items) => Some(items.clone()),
        Value::String(text) => serde_json::from_str(text).ok(),
        _ => None,
    };
    rows.iter().filter_map(list).collect()
}

fn of_lists(lists: &[Vec<Value>], output: &str) -> SuitableMetric {
    let objects: Vec<&Value> = lists.iter().flatten().filter(|item| item.is_object()).collect();
    if !objects.is_empty() {
        let (equal, close) = fields_of(&objects);
        let form = format!("Answer with a JSON list of objects with {}.", listed(equal.iter().chain(&close)));
        let keys = vec![("equal", equal), ("close", close)];
        return SuitableMetric { keys, form, ..SuitableMetric::new("set", "it is a list of objects") };
    }
    let mut rows_with: BTreeMap<String, usize> = BTreeMap::new();
    for list in lists {
        let items: BTreeSet<String> = list.iter().map(to_text).collect();
        items.into_iter().for_each(|item| *rows_with.entry(item).or_default() += 1);
    }
    // Labels occur again and again. Right answers to different questions are different.
    let again = rows_with.values().filter(|count| **count > 1).count();
    let is_named = ALTERNATIVES.iter().any(|name| output.eq_ignore_ascii_case(name));
    if is_named && again * 2 < rows_with.len() {
        return SuitableMetric::new("f1", "it is a list of texts, of which one is enough");
    }
    SuitableMetric { form: "Answer with a JSON list.".into(), ..SuitableMetric::new("set", "it is a list") }
}

/// Returns the fields of objects that must be equal, and those whose words may be partly right: texts that rarely occur again.
/// Positions in a text are neither, because a model cannot count characters.
fn fields_of(objects: &[&Value]) -> (Vec<String>, Vec<String>) {
    let mut values: Vec<(&String, Vec<&Value>)> = Vec::new();
    for (name, value) in objects.iter().filter_map(|object| object.as_object()).flatten() {
        match values.iter_mut().find(|(known, _)| *known == name) {
            Some((_, of_name)) => of_name.push(value),
            None => values.push((name, vec![value])),
        }
    }
    let is_kind =
        |name: &str| ["type", "label", "category", "class", "kind", "tag", "role"].contains(&name.to_lowercase().as_str());
    let is_position = |name: &str, values: &[&Value]| {
        let name = name.to_lowercase();
        values.iter().all(|value| value.is_i64()) && ["start", "begin", "end", "offset"].iter().any(|part| name.contains(part))
    };
    let is_text = |name: &str, values: &[&Value]| {
        let different: BTreeSet<&str> = values.iter().filter_map(|value| value.as_str()).collect();
        !is_kind(name) && values.iter().all(|value| value.is_string() || value.is_null()) && different.len() * 2 > values.len()
    };
    values.retain(|(name, values)| !is_position(name, values));
    let (close, equal): (Vec<_>, Vec<_>) = values.into_iter().partition(|(name, values)| is_text(name, values));
    let names = |fields: Vec<(&String, Vec<&Value>)>| fields.into_iter().map(|(name, _)| name.clone()).collect();
    (names(equal), names(close))
}

/// Whether the texts of a field are lists as Python prints them, or labels with `|`, `;` or commas between them: in a quarter of the rows or more, and each label
/// occurs more than once. Between commas, which are in names too ("Paris, France"), most labels must also stand alone.
fn are_several_labels(rows: &[Example], field: &str) -> bool {
    let texts: Vec<&str> = rows.iter().filter_map(|row| row.fields.get(field)?.as_str()).collect();
    if !texts.is_empty() && texts.len() == rows.len() && texts.iter().all(|text| text.starts_with('[') && text.ends_with(']')) {
        return true;
    }
    ['|', ';', ','].into_iter().any(|mark| {
        let several = texts.iter().filter(|text| text.contains(mark)).count();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        texts.iter().flat_map(|text| text.split(mark)).for_each(|part| *counts.entry(part.trim()).or_default() += 1);
        let alone = counts.keys().filter(|part| texts.iter().any(|text| text.trim() == **part)).count();
        texts.len() == rows.len()
            && several * 4 >= texts.len()
            && counts.iter().all(|(part, count)| *count > 1 && !part.is_empty() && part.chars().count() <= 40)
            && (mark != ',' || alone * 2 > counts.len())
    })
}

/// Whether all texts of a field are short and have digits, or are one word of ASCII: a date, a code, a time, an address of mail.
fn are_codes_or_dates(rows: &[Example], field: &str) -> bool {
    let is_short = |text: &str| text.split_whitespace().count() <= 4 && text.chars().count() <= 40;
    let is_one = |text: &str| text.is_ascii() && !text.trim().contains(char::is_whitespace);
    let is_code = |text: String| is_short(&text) && (is_one(&text) || text.contains(char::is_numeric));
    rows.iter().filter_map(|row| row.text(field)).all(is_code)
}

/// Whether the metric `number` can read all values of a field, and all of them have the same unit. The metric does not compare
/// units.
fn are_numbers(rows: &[Example], field: &str) -> bool {
    let metric = Number::new(field, field, None);
    let is_unit = |c: &char| c.is_alphabetic() || matches!(c, '$' | '€' | '£' | '¥' | '₹' | '%');
    // In a worked solution, the answer stands behind the last `####`.
    let unit = |text: String| text.rsplit("####").next().unwrap_or_default().chars().filter(is_unit).collect::<String>();
    let units: BTreeSet<String> = rows.iter().filter_map(|row| row.text(field)).map(unit).collect();
    units.len() == 1 && rows.iter().all(|row| metric.check(row).is_ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn suitable(answer: impl Fn(usize) -> Value, output: &str) -> SuitableMetric {
        let row = |n: usize| json!({ "text": format!("text {n}"), output: answer(n) }).as_object().unwrap().clone();
        let rows: Vec<Example> = (0..12).map(|n| Example { id: n.to_string(), fields: row(n) }).collect();
        suitable_metric(&rows, &["text".to_owned()], output)
    }

    #[test]
    fn lists_are_compared_as_sets() {
        let genres = |n: usize| match n % 3 {
            0 => vec!["drama"],
            1 => vec!["drama", "crime"],
            _ => Vec::new(),
        };
        assert_eq!(suitable(|n| json!(genres(n)), "genres").kind, "set");
        assert_eq!(suitable(|n| json!(json!(genres(n)).to_string()), "genres").kind, "set", "a list in a text");
        assert_eq!(suitable(|n| json!(genres(n)), "answers").kind, "set", "the same items again");
        assert_eq!(suitable(|n| json!([format!("word {n}"), format!("thing {n}")]), "keywords").kind, "set");
        let alternatives = suitable(|n| json!([format!("word {n}"), format!("the word {n}")]), "answers");
        assert_eq!((alternatives.kind, alternatives.reason), ("f1", "it is a list of texts, of which one is enough"));
    }

    #[test]
    fn objects_have_fields_that_must_be_equal_and_fields_that_may_be_close() {
        let keys = |answer: &dyn Fn(usize) -> Value| {
            let suitable = suitable(answer, "entities");
            assert_eq!(suitable.kind, "set");
            suitable.keys.into_iter().map(|(key, names)| format!("{key} {}", names.join(" "))).collect::<Vec<_>>().join(", ")
        };
        let entity = |n: usize| json!([{"type": if n.is_multiple_of(2) { "person" } else { "place" }, "text": format!("name {n}"), "start": n, "end": n + 5}]);
        assert_eq!(keys(&entity), "equal type, close text");
        assert_eq!(
            keys(&|n| json!([{"item": format!("thing {n}"), "quantity": n % 3, "price": 1.5}])),
            "equal quantity price, close item"
        );
        assert_eq!(keys(&|n| json!([{"text": format!("name {n}")}])), "equal , close text");
        let some_empty = |n: usize| if n.is_multiple_of(2) { json!([]) } else { entity(n) };
        assert_eq!(keys(&some_empty), "equal type, close text");
    }

    #[test]
    fn labels_in_one_text_are_a_set() {
        let of = |values: &[&str]| suitable(|n| json!(values[n % values.len()]), "genres").kind;
        assert_eq!(of(&["drama|crime", "drama", "crime|comedy", "comedy"]), "set");
        assert_eq!(of(&["drama, crime", "drama", "crime"]), "set");
        assert_eq!(of(&["drama; crime", "comedy; drama", "crime; comedy"]), "set");
        assert_eq!(of(&["['drama', 'crime']", "['drama']", "[]"]), "set");
        assert_eq!(of(&["Paris, France", "Lyon, France", "Bonn, Germany"]), "label");
        assert_eq!(of(&["good", "bad"]), "label");
    }

    #[test]
    fn dates_and_codes_are_equal_or_not() {
        let metric = |answers: [&str; 4]| suitable(|n| json!(format!("{}{}", answers[n % 4], n / 4 + 1)), "due").kind;
        assert_eq!(metric(["2024-03-0", "2023-12-1", "2025-01-2", "2024-07-0"]), "exact");
        assert_eq!(metric(["3 March 202", "1. Mai 202", "May 4, 202", "2 June 202"]), "exact");
        assert_eq!(metric(["AX-70", "7Q/41", "b@c.de", "x_"]), "exact");
        assert_eq!(metric(["it rained on day ", "they met in room number ", "on the first of May ", "no "]), "f1");
    }

    #[test]
    fn numbers_with_a_unit_are_numbers_where_all_have_the_same() {
        let metric = |answer: fn(usize) -> String| suitable(|n| json!(answer(n)), "answer").kind;
        assert_eq!(metric(|n| format!("{n}.5 EUR")), "number");
        assert_eq!(metric(|n| format!("{n} km")), "number");
        assert_eq!(metric(|n| format!("{n} 000")), "number");
        assert_eq!(metric(|n| format!("{n}.5 {}", if n.is_multiple_of(2) { "EUR" } else { "USD" })), "exact");
    }
}

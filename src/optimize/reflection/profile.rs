//! Profiles: what is known about a module's outputs from the training data, computed without a model.
//!
//! A profile gives hints to a reflector and lines to an instruction. It never constrains the task model's answers, since a third of
//! the values of a validation set can be missing from a small training set.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::data::{Example, to_text};
use crate::engine::Shape;
use crate::program::{Module, language};

/// The most values of a closed set.
const MAX_VALUES: usize = 120;

/// The most characters of a value of a closed set, or of a sample.
const MAX_VALUE_LENGTH: usize = 60;

/// What is known about one output from the training data.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputProfile {
    /// The name of the output.
    pub name: String,
    /// The kind of its values.
    pub kind: ValueKind,
}

/// The kind of a field's values.
#[derive(Debug, Clone, PartialEq)]
pub enum ValueKind {
    /// One of a set of values that is closed, or nearly so. Each value has the number of examples with it.
    Set(BTreeMap<String, usize>),
    /// A number.
    Number,
    /// `true` or `false`.
    Flag,
    /// A JSON object with these fields, in the order of their first occurrence.
    Object(Vec<(String, ValueKind)>),
    /// A JSON list. It has the possible items if they are a closed set, else none.
    List(Vec<String>),
    /// A text that occurs in an input, or a common value that stands for its absence.
    Span {
        /// The name of the input.
        input: String,
        /// The value if the input has no such text. None if all values occur in the input.
        otherwise: Option<String>,
    },
    /// Any other text, with up to two samples if some values are short.
    Text(Vec<String>),
}

/// Returns the profiles of the module's outputs for which every training example has a label, or the task file gives a shape.
#[must_use]
pub fn profile_module(module: &Module, train: &[Example]) -> Vec<OutputProfile> {
    let output = |name: &String| {
        let label = module.label(name);
        if let Some(kind) = module.shapes.get(name).and_then(|shape| declared_kind(label, shape, train)) {
            return Some(OutputProfile { name: name.clone(), kind });
        }
        let rows: Vec<(&Example, &Value)> = train.iter().filter_map(|e| Some((e, e.fields.get(label)?))).collect();
        (!rows.is_empty() && rows.len() == train.len())
            .then(|| OutputProfile { name: name.clone(), kind: kind_of_values(&rows, &module.inputs) })
    };
    module.outputs.iter().filter_map(output).collect()
}

/// Returns the kind of an output whose shape the task file gives. None for a shape that does not restrict the values. `label` is
/// the example's field with the right value.
fn declared_kind(label: &str, shape: &Shape, train: &[Example]) -> Option<ValueKind> {
    match shape {
        Shape::Values(values) => {
            let count = |value: &String| train.iter().filter(|example| example.text(label).as_ref() == Some(value)).count();
            Some(ValueKind::Set(values.iter().map(|value| (value.clone(), count(value))).collect()))
        }
        Shape::Number => Some(ValueKind::Number),
        Shape::Flag => Some(ValueKind::Flag),
        Shape::List(values) if values.is_empty() => {
            let lists: Vec<Value> = train.iter().filter_map(|example| example.fields.get(label)).map(parsed).collect();
            Some(list_kind(&lists))
        }
        Shape::List(values) => Some(ValueKind::List(values.clone())),
        Shape::Text | Shape::Json(_) => None,
    }
}

/// Returns the kind of the values in `rows`, which are pairs of an example and its value. `inputs` are the names of the module's inputs.
fn kind_of_values(rows: &[(&Example, &Value)], inputs: &[String]) -> ValueKind {
    let values: Vec<Value> = rows.iter().map(|(_, value)| parsed(value)).collect();
    if values.iter().all(Value::is_object) {
        return object_kind(rows, &values, inputs);
    }
    if values.iter().all(Value::is_array) {
        return list_kind(&values);
    }
    if values.iter().all(Value::is_boolean) {
        return ValueKind::Flag;
    }
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (_, value) in rows {
        *counts.entry(to_text(value).trim().to_owned()).or_default() += 1;
    }
    if is_closed_set(&counts, rows.len()) {
        return ValueKind::Set(counts);
    }
    if values.iter().all(Value::is_number) {
        return ValueKind::Number;
    }
    span_kind(rows, &counts, inputs).unwrap_or_else(|| {
        let short = counts.keys().filter(|value| !value.is_empty() && is_short(value)).take(2);
        ValueKind::Text(short.cloned().collect())
    })
}

/// Returns the kind of values that are lists.
fn list_kind(values: &[Value]) -> ValueKind {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for item in values.iter().filter_map(Value::as_array).flatten() {
        *counts.entry(to_text(item)).or_default() += 1;
    }
    let is_set = is_closed_set(&counts, values.len());
    ValueKind::List(if is_set { counts.into_keys().collect() } else { Vec::new() })
}

/// Returns the JSON object, list or number that a text contains, else the value as it is.
fn parsed(value: &Value) -> Value {
    match value {
        Value::String(text) => serde_json::from_str(&text.trim().replace(',', ""))
            .ok()
            .filter(Value::is_number)
            .or_else(|| serde_json::from_str(text).ok().filter(|v: &Value| v.is_object() || v.is_array()))
            .unwrap_or_else(|| value.clone()),
        other => other.clone(),
    }
}

/// Returns the kind of values that are objects.
fn object_kind(rows: &[(&Example, &Value)], values: &[Value], inputs: &[String]) -> ValueKind {
    let mut keys: Vec<&String> = Vec::new();
    for key in values.iter().filter_map(Value::as_object).flat_map(serde_json::Map::keys) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let field = |key: &&String| {
        let inner: Vec<(&Example, &Value)> =
            rows.iter().zip(values).filter_map(|((example, _), value)| Some((*example, value.get(*key)?))).collect();
        ((*key).clone(), kind_of_values(&inner, inputs))
    };
    ValueKind::Object(keys.iter().map(field).collect())
}

/// Whether the values in the data are nearly all that exist. The share of unseen values is about the share of values that occur once
/// (Good 1953). `counts` has the number of rows of each value.
fn is_closed_set(counts: &BTreeMap<String, usize>, rows: usize) -> bool {
    let once = counts.values().filter(|count| **count == 1).count();
    let listable = counts.len() <= MAX_VALUES && counts.keys().all(|value| is_short(value) && !value.is_empty());
    let numbers = counts.keys().filter(|value| value.parse::<f64>().is_ok()).count();
    // Numbers can repeat by chance, so many of them are no set of names.
    let are_names = numbers * 2 < counts.len() || counts.len() <= 10;
    listable && are_names && once * 4 <= rows && counts.len() < rows
}

fn is_short(value: &str) -> bool {
    value.chars().count() <= MAX_VALUE_LENGTH && !value.contains('\n')
}

/// Returns the kind of values of which at least nine in ten occur in the same input, not counting a common one. None if there is no
/// such input.
fn span_kind(rows: &[(&Example, &Value)], counts: &BTreeMap<String, usize>, inputs: &[String]) -> Option<ValueKind> {
    let (common, count) = counts.iter().max_by_key(|(_, count)| **count)?;
    let otherwise = (*count > 1 && *count * 10 >= rows.len()).then(|| common.clone());
    let rest: Vec<(&Example, String)> = rows
        .iter()
        .map(|(example, value)| (*example, to_text(value).trim().to_lowercase()))
        .filter(|(_, value)| Some(value) != otherwise.as_ref().map(|o| o.to_lowercase()).as_ref())
        .collect();
    let input = inputs.iter().find(|input| {
        let is_within = |(example, value): &&(&Example, String)| {
            !value.is_empty() && example.text(input).is_some_and(|text| text.to_lowercase().contains(value.as_str()))
        };
        !rest.is_empty() && rest.iter().filter(is_within).count() * 10 >= rest.len() * 9
    })?;
    Some(ValueKind::Span { input: input.clone(), otherwise })
}

/// The wording of a profile in a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wording {
    /// English sentences.
    English,
    /// Signs without words, for prompts in other languages: `name: a | b`.
    Signs,
}

impl Wording {
    /// Returns the wording that suits an instruction.
    #[must_use]
    pub fn for_instruction(instruction: &str) -> Self {
        if language::is_english(instruction) { Self::English } else { Self::Signs }
    }
}

/// Returns a line for each output whose kind can be stated, as an instruction can contain it. Empty if there is none.
#[must_use]
pub fn statement(outputs: &[OutputProfile], wording: Wording) -> String {
    let line = match wording {
        Wording::English => english_line,
        Wording::Signs => signs_line,
    };
    outputs.iter().filter_map(line).collect::<Vec<_>>().join("\n")
}

fn english_line(output: &OutputProfile) -> Option<String> {
    let name = &output.name;
    Some(match &output.kind {
        ValueKind::Set(values) => format!("The `{name}` is one of: {}.", values.keys().cloned().collect::<Vec<_>>().join(", ")),
        ValueKind::Number => format!("The `{name}` is a number."),
        ValueKind::Flag => format!("The `{name}` is true or false."),
        ValueKind::Object(fields) => {
            format!("The `{name}` is one JSON object of this form:\n{}", object_form(fields, " or ", "a number"))
        }
        ValueKind::List(items) if items.is_empty() => format!("The `{name}` is a JSON list."),
        ValueKind::List(items) => format!("The `{name}` is a JSON list of some of: {}.", quoted(items)),
        ValueKind::Span { input, otherwise: Some(otherwise) } => {
            format!("The `{name}` is copied from the `{input}`, or {otherwise} if it is not there.")
        }
        ValueKind::Span { input, otherwise: None } => format!("The `{name}` is copied from the `{input}`."),
        ValueKind::Text(samples) if samples.len() == 2 => {
            format!("The `{name}` is a short text, like {} or {}.", samples[0], samples[1])
        }
        ValueKind::Text(_) => return None,
    })
}

fn signs_line(output: &OutputProfile) -> Option<String> {
    let values = match &output.kind {
        ValueKind::Set(values) => values.keys().cloned().collect::<Vec<_>>().join(" | "),
        ValueKind::Number => "123".into(),
        ValueKind::Flag => "true | false".into(),
        ValueKind::Object(fields) => object_form(fields, " | ", "123"),
        ValueKind::List(items) if items.is_empty() => "[…]".into(),
        ValueKind::List(items) => format!("[{} …]", quoted(items)),
        ValueKind::Span { input, otherwise: Some(otherwise) } => format!("`{input}` […] | {otherwise}"),
        ValueKind::Span { input, otherwise: None } => format!("`{input}` […]"),
        ValueKind::Text(samples) if samples.len() == 2 => format!("{} | {} | …", samples[0], samples[1]),
        ValueKind::Text(_) => return None,
    };
    Some(format!("`{}`: {values}", output.name))
}

/// Returns the texts in JSON quotes.
fn quoted(items: &[String]) -> String {
    items.iter().map(|item| format!("{item:?}")).collect::<Vec<_>>().join(", ")
}

/// Returns the form of a JSON object, with `or` between possible values and `number` for a number.
fn object_form(fields: &[(String, ValueKind)], or: &str, number: &str) -> String {
    let value = |kind: &ValueKind| match kind {
        ValueKind::Set(values) => values.keys().map(|v| format!("{v:?}")).collect::<Vec<_>>().join(or),
        ValueKind::Number => number.into(),
        ValueKind::Flag => ["true", "false"].join(or),
        ValueKind::Object(fields) => object_form(fields, or, number),
        ValueKind::List(items) if items.is_empty() => "[…]".into(),
        ValueKind::List(items) => format!("[{} …]", quoted(items)),
        ValueKind::Span { .. } | ValueKind::Text(_) => "\"…\"".into(),
    };
    let fields: Vec<String> = fields.iter().map(|(key, kind)| format!("{key:?}: {}", value(kind))).collect();
    format!("{{{}}}", fields.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::tests_support::module;
    use serde_json::json;

    fn described(rows: &[Value]) -> String {
        statement_of(rows, Wording::English)
    }

    fn statement_of(rows: &[Value], wording: Wording) -> String {
        let example = |row: &Value| Example {
            id: String::new(),
            fields: json!({ "in": "x 4 y", "out": row }).as_object().unwrap().clone(),
        };
        let module = module("m", &["in"], &["out", "other"]);
        statement(&profile_module(&module, &rows.iter().map(example).collect::<Vec<_>>()), wording)
    }

    fn texts(values: &[&str]) -> String {
        described(&values.iter().map(|&v| json!(v)).collect::<Vec<_>>())
    }

    #[test]
    fn a_closed_set_is_listed_even_if_some_values_are_rare() {
        assert_eq!(texts(&["b", "a", "b", "a", "a", "c"]), "The `out` is one of: a, b, c.");
        assert_eq!(texts(&["1", "2", "1", "2", "1"]), "The `out` is one of: 1, 2.");
    }

    #[test]
    fn a_value_that_is_copied_from_an_input_is_recognised() {
        assert_eq!(
            texts(&["none", "4", "none", "x", "4 y", "x 4"]),
            "The `out` is copied from the `in`, or none if it is not there."
        );
    }

    #[test]
    fn numbers_flags_and_free_text() {
        assert_eq!(texts(&["14", "1,300", "7.5", "99"]), "The `out` is a number.");
        assert_eq!(described(&[json!(true), json!(false)]), "The `out` is true or false.");
        assert_eq!(
            texts(&["so be it", "never mind", "as you like"]),
            "The `out` is a short text, like as you like or never mind."
        );
        assert_eq!(texts(&["a long\ntext", "another\none"]), "");
    }

    #[test]
    fn the_form_of_an_object_is_shown() {
        let row = |mood, flag| json!({ "mood": mood, "flags": { "loud": flag, "late": false } });
        let rows = [row("good", true), row("bad", false), row("bad", true), row("good", true)];
        let wanted = "The `out` is one JSON object of this form:\n\
            {\"mood\": \"bad\" or \"good\", \"flags\": {\"loud\": true or false, \"late\": true or false}}";
        assert_eq!(described(&rows), wanted);
        let as_text: Vec<Value> = rows.iter().map(|row| json!(row.to_string())).collect();
        assert_eq!(described(&as_text), wanted);
        let signs = "`out`: {\"mood\": \"bad\" | \"good\", \"flags\": {\"loud\": true | false, \"late\": true | false}}";
        assert_eq!(statement_of(&rows, Wording::Signs), signs);
    }

    #[test]
    fn the_items_of_lists_are_listed_if_they_are_a_closed_set() {
        let rows = [json!(["b", "a"]), json!("[\"a\"]"), json!([]), json!(["b"])];
        assert_eq!(described(&rows), "The `out` is a JSON list of some of: \"a\", \"b\".");
        assert_eq!(statement_of(&rows, Wording::Signs), "`out`: [\"a\", \"b\" …]");
        assert_eq!(described(&[json!(["so"]), json!(["it", "is"])]), "The `out` is a JSON list.");
    }

    #[test]
    fn the_wording_in_signs_has_no_words() {
        let set: Vec<Value> = ["a", "b", "a", "b"].map(|value| json!(value)).to_vec();
        assert_eq!(statement_of(&set, Wording::Signs), "`out`: a | b");
        let spans: Vec<Value> = ["x", "4 y", "none", "none", "x 4", "y"].map(|value| json!(value)).to_vec();
        assert_eq!(statement_of(&spans, Wording::Signs), "`out`: `in` […] | none");
        assert_eq!(statement_of(&[json!("so be it"), json!("never mind")], Wording::Signs), "`out`: never mind | so be it | …");
    }
}

//! What the training data says of a module's outputs, computed without a model: hints for the
//! reflector and lines for the student's instruction, never a constraint on its answers, since a third of
//! the values of a validation set can be missing from a small training set.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::data::{Example, to_text};
use crate::engine::Shape;
use crate::program::{Module, language};

/// The most values that are listed.
const MOST_VALUES: usize = 120;

/// The longest value, in characters, that is listed.
const LONGEST_VALUE: usize = 60;

/// What is known of one output.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
}

/// What the values of a field are.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A set, closed or nearly so, with the count of each value.
    Set(BTreeMap<String, usize>),
    /// Numbers.
    Number,
    /// `true` or `false`.
    Flag,
    /// JSON objects with these fields.
    Object(Vec<(String, Kind)>),
    /// JSON lists, of these items where they are a set.
    List(Vec<String>),
    /// Text that stands word for word in the named input, or is the common value where there is one.
    Span {
        /// The input.
        of: String,
        /// The value where there is no such text.
        otherwise: Option<String>,
    },
    /// Anything else, with up to two samples where they are short.
    Text(Vec<String>),
}

/// What the training data says of the module's outputs, of those that it has a label for. What the task
/// file says of one is known without it.
#[must_use]
pub fn of(module: &Module, train: &[Example]) -> Vec<Output> {
    let output = |name: &String| {
        let label = module.label(name);
        if let Some(kind) = module.shapes.get(name).and_then(|shape| declared(label, shape, train)) {
            return Some(Output { name: name.clone(), kind });
        }
        let rows: Vec<(&Example, &Value)> = train.iter().filter_map(|e| Some((e, e.fields.get(label)?))).collect();
        (!rows.is_empty() && rows.len() == train.len()).then(|| Output { name: name.clone(), kind: kind(&rows, &module.inputs) })
    };
    module.outputs.iter().filter_map(output).collect()
}

/// What the task file says that an output must be; `label` is the field that it is compared with.
fn declared(label: &str, shape: &Shape, train: &[Example]) -> Option<Kind> {
    match shape {
        Shape::Values(values) => {
            let count = |value: &String| train.iter().filter(|example| example.text(label).as_ref() == Some(value)).count();
            Some(Kind::Set(values.iter().map(|value| (value.clone(), count(value))).collect()))
        }
        Shape::Number => Some(Kind::Number),
        Shape::Flag => Some(Kind::Flag),
        Shape::List(values) if values.is_empty() => {
            let lists: Vec<Value> = train.iter().filter_map(|example| example.fields.get(label)).map(parsed).collect();
            Some(list(&lists))
        }
        Shape::List(values) => Some(Kind::List(values.clone())),
        Shape::Text | Shape::Json(_) => None,
    }
}

fn kind(rows: &[(&Example, &Value)], inputs: &[String]) -> Kind {
    let values: Vec<Value> = rows.iter().map(|(_, value)| parsed(value)).collect();
    if values.iter().all(Value::is_object) {
        return object(rows, &values, inputs);
    }
    if values.iter().all(Value::is_array) {
        return list(&values);
    }
    if values.iter().all(Value::is_boolean) {
        return Kind::Flag;
    }
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (_, value) in rows {
        *counts.entry(to_text(value).trim().to_owned()).or_default() += 1;
    }
    if is_set(&counts, rows.len()) {
        return Kind::Set(counts);
    }
    if values.iter().all(Value::is_number) {
        return Kind::Number;
    }
    span(rows, &counts, inputs).unwrap_or_else(|| {
        let short = counts.keys().filter(|value| !value.is_empty() && is_short(value)).take(2);
        Kind::Text(short.cloned().collect())
    })
}

/// Lists, whose items are told where they are nearly all that there are.
fn list(values: &[Value]) -> Kind {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for item in values.iter().filter_map(Value::as_array).flatten() {
        *counts.entry(to_text(item)).or_default() += 1;
    }
    let is_set = is_set(&counts, values.len());
    Kind::List(if is_set { counts.into_keys().collect() } else { Vec::new() })
}

/// Text that holds JSON or a number counts as what it holds.
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

fn object(rows: &[(&Example, &Value)], values: &[Value], inputs: &[String]) -> Kind {
    let mut keys: Vec<&String> = Vec::new();
    for key in values.iter().filter_map(Value::as_object).flat_map(serde_json::Map::keys) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let field = |key: &&String| {
        let inner: Vec<(&Example, &Value)> =
            rows.iter().zip(values).filter_map(|((example, _), value)| Some((*example, value.get(*key)?))).collect();
        ((*key).clone(), kind(&inner, inputs))
    };
    Kind::Object(keys.iter().map(field).collect())
}

/// Whether the values seen are nearly all that there are. The share of unseen values is about the share
/// of those seen once (Good 1953).
fn is_set(counts: &BTreeMap<String, usize>, rows: usize) -> bool {
    let once = counts.values().filter(|count| **count == 1).count();
    let listable = counts.len() <= MOST_VALUES && counts.keys().all(|value| is_short(value) && !value.is_empty());
    let numbers = counts.keys().filter(|value| value.parse::<f64>().is_ok()).count();
    // Numbers that repeat by chance are no names.
    let named = numbers * 2 < counts.len() || counts.len() <= 10;
    listable && named && once * 4 <= rows && counts.len() < rows
}

fn is_short(value: &str) -> bool {
    value.chars().count() <= LONGEST_VALUE && !value.contains('\n')
}

/// Text of an input, where nearly all values but a common one are.
fn span(rows: &[(&Example, &Value)], counts: &BTreeMap<String, usize>, inputs: &[String]) -> Option<Kind> {
    let (common, count) = counts.iter().max_by_key(|(_, count)| **count)?;
    let otherwise = (*count > 1 && *count * 10 >= rows.len()).then(|| common.clone());
    let rest: Vec<(&Example, String)> = rows
        .iter()
        .map(|(example, value)| (*example, to_text(value).trim().to_lowercase()))
        .filter(|(_, value)| Some(value) != otherwise.as_ref().map(|o| o.to_lowercase()).as_ref())
        .collect();
    let of = inputs.iter().find(|input| {
        let within = |(example, value): &&(&Example, String)| {
            !value.is_empty() && example.text(input).is_some_and(|text| text.to_lowercase().contains(value.as_str()))
        };
        !rest.is_empty() && rest.iter().filter(within).count() * 10 >= rest.len() * 9
    })?;
    Some(Kind::Span { of: of.clone(), otherwise })
}

/// How the profile is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wording {
    /// In English sentences.
    English,
    /// Without words, for prompts in other languages: `name: a | b`.
    Signs,
}

impl Wording {
    /// As it suits an instruction.
    #[must_use]
    pub fn of(instruction: &str) -> Self {
        if language::is_english(instruction) { Self::English } else { Self::Signs }
    }
}

/// The lines on all outputs, as an instruction can have them; empty where nothing is known.
#[must_use]
pub fn statement(outputs: &[Output], wording: Wording) -> String {
    let line = match wording {
        Wording::English => line,
        Wording::Signs => signs,
    };
    outputs.iter().filter_map(line).collect::<Vec<_>>().join("\n")
}

fn line(output: &Output) -> Option<String> {
    let name = &output.name;
    Some(match &output.kind {
        Kind::Set(values) => format!("The `{name}` is one of: {}.", values.keys().cloned().collect::<Vec<_>>().join(", ")),
        Kind::Number => format!("The `{name}` is a number."),
        Kind::Flag => format!("The `{name}` is true or false."),
        Kind::Object(fields) => format!("The `{name}` is one JSON object of this form:\n{}", form(fields, " or ", "a number")),
        Kind::List(items) if items.is_empty() => format!("The `{name}` is a JSON list."),
        Kind::List(items) => format!("The `{name}` is a JSON list of some of: {}.", quoted(items)),
        Kind::Span { of, otherwise: Some(otherwise) } => {
            format!("The `{name}` is copied from the `{of}`, or {otherwise} if it is not there.")
        }
        Kind::Span { of, otherwise: None } => format!("The `{name}` is copied from the `{of}`."),
        Kind::Text(samples) if samples.len() == 2 => {
            format!("The `{name}` is a short text, like {} or {}.", samples[0], samples[1])
        }
        Kind::Text(_) => return None,
    })
}

fn signs(output: &Output) -> Option<String> {
    let said = match &output.kind {
        Kind::Set(values) => values.keys().cloned().collect::<Vec<_>>().join(" | "),
        Kind::Number => "123".into(),
        Kind::Flag => "true | false".into(),
        Kind::Object(fields) => form(fields, " | ", "123"),
        Kind::List(items) if items.is_empty() => "[…]".into(),
        Kind::List(items) => format!("[{} …]", quoted(items)),
        Kind::Span { of, otherwise: Some(otherwise) } => format!("`{of}` […] | {otherwise}"),
        Kind::Span { of, otherwise: None } => format!("`{of}` […]"),
        Kind::Text(samples) if samples.len() == 2 => format!("{} | {} | …", samples[0], samples[1]),
        Kind::Text(_) => return None,
    };
    Some(format!("`{}`: {said}", output.name))
}

/// Texts as JSON has them.
fn quoted(items: &[String]) -> String {
    items.iter().map(|item| format!("{item:?}")).collect::<Vec<_>>().join(", ")
}

/// The form of a JSON object, with `or` between values and `number` in the place of one.
fn form(fields: &[(String, Kind)], or: &str, number: &str) -> String {
    let value = |kind: &Kind| match kind {
        Kind::Set(values) => values.keys().map(|v| format!("{v:?}")).collect::<Vec<_>>().join(or),
        Kind::Number => number.into(),
        Kind::Flag => ["true", "false"].join(or),
        Kind::Object(fields) => form(fields, or, number),
        Kind::List(items) if items.is_empty() => "[…]".into(),
        Kind::List(items) => format!("[{} …]", quoted(items)),
        Kind::Span { .. } | Kind::Text(_) => "\"…\"".into(),
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
        told(rows, Wording::English)
    }

    fn told(rows: &[Value], wording: Wording) -> String {
        let example = |row: &Value| Example {
            id: String::new(),
            fields: json!({ "in": "x 4 y", "out": row }).as_object().unwrap().clone(),
        };
        let module = module("m", &["in"], &["out", "other"]);
        statement(&of(&module, &rows.iter().map(example).collect::<Vec<_>>()), wording)
    }

    fn texts(values: &[&str]) -> String {
        described(&values.iter().map(|&v| json!(v)).collect::<Vec<_>>())
    }

    #[test]
    fn a_set_is_listed_even_if_some_values_are_rare() {
        assert_eq!(texts(&["b", "a", "b", "a", "a", "c"]), "The `out` is one of: a, b, c.");
        assert_eq!(texts(&["1", "2", "1", "2", "1"]), "The `out` is one of: 1, 2.");
    }

    #[test]
    fn what_is_copied_from_an_input_is_found() {
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
        assert_eq!(told(&rows, Wording::Signs), signs);
    }

    #[test]
    fn the_items_of_lists_are_told_where_they_are_a_set() {
        let rows = [json!(["b", "a"]), json!("[\"a\"]"), json!([]), json!(["b"])];
        assert_eq!(described(&rows), "The `out` is a JSON list of some of: \"a\", \"b\".");
        assert_eq!(told(&rows, Wording::Signs), "`out`: [\"a\", \"b\" …]");
        assert_eq!(described(&[json!(["so"]), json!(["it", "is"])]), "The `out` is a JSON list.");
    }

    #[test]
    fn signs_have_no_words() {
        let set: Vec<Value> = ["a", "b", "a", "b"].map(|value| json!(value)).to_vec();
        assert_eq!(told(&set, Wording::Signs), "`out`: a | b");
        let spans: Vec<Value> = ["x", "4 y", "none", "none", "x 4", "y"].map(|value| json!(value)).to_vec();
        assert_eq!(told(&spans, Wording::Signs), "`out`: `in` […] | none");
        assert_eq!(told(&[json!("so be it"), json!("never mind")], Wording::Signs), "`out`: never mind | so be it | …");
    }
}

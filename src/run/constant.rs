//! The best constant answer: the answer that scores best if every example is given the same. A prompt that scores no better has
//! learned how frequent the answers are, not the task.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::data::{Example, to_text};
use crate::evaluate::scores::mean;
use crate::metric::{self, Metric};
use crate::program::{Program, Rollout, Step};

/// The most values of an output that are tried.
const MOST_VALUES: usize = 5;

/// An answer that is the same for every example.
#[derive(Debug, Clone, PartialEq)]
pub struct Constant {
    /// The values of the outputs, by name.
    pub outputs: BTreeMap<String, String>,
    /// The mean score on the validation examples, by the task's metric.
    pub score: f64,
}

/// Returns the best constant answer, chosen on `train` and scored on `val`. None if the rows do not tell what an answer would be, or if
/// the metric needs a model.
///
/// Outputs are chosen one after the other, starting with the most frequent value of each; a value is kept if it raises the score.
#[must_use]
pub fn best(program: &Program, metric: &dyn Metric, train: &[Example], val: &[Example]) -> Option<Constant> {
    let mut candidates: BTreeMap<&String, Vec<String>> = BTreeMap::new();
    let outputs = program.modules.iter().flat_map(|module| module.outputs.iter().map(|output| (output, module.label(output))));
    for (output, label) in outputs {
        let field = answer_field(label, program, metric, train);
        if let Some(values) = field.map(|field| values(&field, train)).filter(|values| !values.is_empty()) {
            candidates.insert(output, values);
        }
    }
    if candidates.is_empty() {
        return None;
    }
    let mut outputs: BTreeMap<String, String> =
        candidates.iter().map(|(output, values)| ((*output).clone(), values[0].clone())).collect();
    let mut best = score(metric, &outputs, train)?;
    for (output, values) in candidates {
        for value in values {
            let changed = outputs.insert(output.clone(), value);
            match score(metric, &outputs, train) {
                Some(score) if score > best => best = score,
                _ => outputs.extend(changed.map(|before| (output.clone(), before))),
            }
        }
    }
    let score = score(metric, &outputs, val)?;
    Some(Constant { outputs, score })
}

/// Returns the field of the rows that holds the right value of an output: its label if all rows have it, otherwise the only field that
/// holds an answer by the metric and that the program does not read. None if there is no such field, or more than one.
fn answer_field(label: &str, program: &Program, metric: &dyn Metric, train: &[Example]) -> Option<String> {
    let in_all = |field: &str| train.iter().all(|example| example.fields.contains_key(field));
    if in_all(label) {
        return Some(label.to_owned());
    }
    let mut expected = metric.answer_fields();
    expected.retain(|field| !program.reads.contains(field) && in_all(field));
    match expected.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    }
}

/// Returns the values of a field that are tried, the most frequent first. If all values are objects: one object that has the most
/// frequent value of each key.
fn values(field: &str, train: &[Example]) -> Vec<String> {
    let rows: Vec<Value> = train.iter().filter_map(|example| Some(unpacked(example.fields.get(field)?))).collect();
    let objects: Vec<&Map<String, Value>> = rows.iter().filter_map(Value::as_object).collect();
    if !objects.is_empty() && objects.len() == rows.len() {
        let keys: Vec<&String> = objects.iter().flat_map(|object| object.keys()).collect();
        let mut whole = Map::new();
        for key in keys {
            if !whole.contains_key(key) {
                let most = most_frequent(objects.iter().filter_map(|object| object.get(key)).cloned());
                whole.extend(most.into_iter().next().map(|value| (key.clone(), value)));
            }
        }
        return vec![Value::Object(whole).to_string()];
    }
    let mut values: Vec<String> = most_frequent(rows.into_iter()).iter().map(to_text).collect();
    values.extend(lists(field, train));
    values
}

/// Returns the lists of the items of a field that are tried where its values are lists: the most frequent item, the two most
/// frequent items, and so on.
fn lists(field: &str, train: &[Example]) -> Vec<String> {
    let lists = train.iter().filter_map(|example| example.fields.get(field)?.as_array());
    let items = most_frequent(lists.flatten().cloned());
    (1..=items.len()).map(|count| Value::Array(items[..count].to_vec()).to_string()).collect()
}

/// Returns a value as the metric compares it: a text that holds a JSON object as that object, a list as its first item.
fn unpacked(value: &Value) -> Value {
    match value {
        Value::String(text) => serde_json::from_str(text).ok().filter(Value::is_object).unwrap_or_else(|| text.trim().into()),
        Value::Array(items) => items.first().cloned().unwrap_or(Value::Null),
        other => other.clone(),
    }
}

/// Returns the values that occur more than once, the most frequent first; if there are none, the first value.
fn most_frequent(values: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut counts: Vec<(Value, usize)> = Vec::new();
    for value in values {
        match counts.iter_mut().find(|(counted, _)| *counted == value) {
            Some((_, count)) => *count += 1,
            None => counts.push((value, 1)),
        }
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let often = counts.iter().filter(|(_, count)| *count > 1).count().clamp(1, MOST_VALUES);
    counts.into_iter().take(often).map(|(value, _)| value).collect()
}

/// Returns the mean score of a constant answer. None if the metric needs a model or fails on every example.
fn score(metric: &dyn Metric, outputs: &BTreeMap<String, String>, examples: &[Example]) -> Option<f64> {
    let step = Step { outputs: outputs.clone(), ..Step::default() };
    let rollout = Rollout { steps: vec![step], ..Rollout::default() };
    let verdict = |example: &Example| {
        if metric.questions(example, &rollout) > 0 {
            return None;
        }
        metric::judge(metric, example, &rollout, &[]).ok().map(|judgement| judgement.score)
    };
    mean(&examples.iter().map(verdict).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::metric::{Comparison, Json, Label, Set, Text};
    use crate::program::tests_support::module;

    fn examples(rows: &[Value]) -> Vec<Example> {
        let example = |(index, row): (usize, &Value)| Example { id: index.to_string(), fields: row.as_object().unwrap().clone() };
        rows.iter().enumerate().map(example).collect()
    }

    #[test]
    fn the_constant_is_chosen_on_train_and_scored_on_val() {
        let program = Program::from_modules(vec![module("m", &["text"], &["answer"])]);
        let row = |kind: &str| json!({ "text": "x", "kind": kind });
        let train = examples(&[row("b"), row("a"), row("a")]);
        let val = examples(&[row("a"), row("b"), row("b"), row("b")]);
        let best = best(&program, &Label::new("kind", "answer"), &train, &val).unwrap();
        assert_eq!((best.outputs["answer"].as_str(), best.score), ("a", 0.25));
    }

    #[test]
    fn an_object_has_the_most_frequent_value_of_each_key() {
        let program = Program::from_modules(vec![module("m", &["text"], &["facts"])]);
        let row = |a: &str, b: &str| json!({ "text": "x", "facts": { "a": a, "b": b } });
        let train = examples(&[row("1", "x"), row("2", "y"), row("1", "y")]);
        let best = best(&program, &Json::new(Some("facts".into()), BTreeMap::new()), &train, &train).unwrap();
        assert_eq!(best.outputs["facts"], r#"{"a":"1","b":"y"}"#);
        assert!((best.score - 4.0 / 6.0).abs() < 1e-9);
    }

    #[test]
    fn a_list_has_the_most_frequent_items() {
        let program = Program::from_modules(vec![module("m", &["text"], &["tags"])]);
        let row = |tags: &[&str]| json!({ "text": "x", "tags": tags });
        let train = examples(&[row(&["a", "b"]), row(&["b", "a"]), row(&["a", "b", "c"])]);
        let best = best(&program, &Set::new("tags", "tags", None, Vec::new()), &train, &train).unwrap();
        assert_eq!(best.outputs["tags"], r#"["a","b"]"#);
    }

    #[test]
    fn rows_without_an_answer_have_no_constant() {
        let program = Program::from_modules(vec![module("m", &["text"], &["answer"])]);
        let rows = examples(&[json!({ "text": "x" })]);
        assert_eq!(best(&program, &Label::new("kind", "answer"), &rows, &rows), None);
    }

    #[test]
    fn a_pattern_is_not_an_answer() {
        let program = Program::from_modules(vec![module("m", &["text"], &["answer"])]);
        let rows = examples(&[json!({ "text": "x", "pattern": "yes" })]);
        assert_eq!(best(&program, &Text::new(Comparison::Regex, "pattern", "answer"), &rows, &rows), None);
        let exact = best(&program, &Text::new(Comparison::Exact, "pattern", "answer"), &rows, &rows);
        assert!(exact.is_some_and(|constant| constant.score == 1.0));
    }
}

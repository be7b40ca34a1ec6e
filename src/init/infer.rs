//! Infers a first task from the rows of a data file: the field with the answers, a metric that suits them, and the splits.

use std::collections::BTreeSet;

use super::answer_field;
use super::fields::{self, Unread};
use super::suitable::{SuitableMetric, suitable_metric};
use crate::data::{DataError, Dataset, Example, counted, listed};
use crate::hash::number;

/// The fewest rows that can be split.
const FEWEST_ROWS: usize = 6;

/// The most training rows, and the most validation rows.
const MOST_TRAINING: usize = 100;

/// The most test rows. The test runs twice, so with more of them it would take longer than the search.
const MOST_TEST: usize = 200;

/// A task that suits the rows.
#[derive(Debug, Clone, PartialEq)]
pub struct InferredTask {
    /// The fields that the program reads.
    pub inputs: Vec<String>,
    /// The fields that are not read because they number the rows or tell the answer. Empty if the user named the inputs.
    pub unread: Vec<Unread>,
    /// The field with the answers; of several, the first.
    pub output: String,
    /// The other fields with answers, if there are several.
    pub further: Vec<String>,
    /// Why this field was taken, as a clause. None if its name is a usual one, or if the user named it.
    pub guess: Option<&'static str>,
    /// A metric that suits the answers.
    pub metric: SuitableMetric,
}

impl InferredTask {
    /// Returns all fields with answers.
    pub fn outputs(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.output).chain(&self.further)
    }
}

/// Returns the names of all fields that the rows have, without `id`, in the order in which they first occur.
#[must_use]
pub fn field_names(rows: &[Example]) -> Vec<&String> {
    let mut seen = BTreeSet::new();
    rows.iter().flat_map(|row| row.fields.keys()).filter(|name| *name != "id" && seen.insert(*name)).collect()
}

/// Returns the fields that a user names: one field, or several with commas between them.
#[must_use]
pub fn named_fields(rows: &[Example], names: &str) -> Vec<String> {
    match field_names(rows).into_iter().any(|field| field == names) {
        true => vec![names.to_owned()],
        false => names.split(',').map(|name| name.trim().to_owned()).collect(),
    }
}

/// Infers a task from rows. `outputs` are the fields with the answers, and `inputs` are the fields that the program reads.
/// What is empty is inferred as well. Fields are several answers without being named if nothing tells which of them is the
/// answer, and all have the same few values.
///
/// # Errors
/// A message if there are too few rows or fields, or if the rows do not have the given fields.
pub fn infer_task(rows: &[Example], inputs: &[String], outputs: &[String]) -> Result<InferredTask, String> {
    let fields = field_names(rows);
    let in_all = |name: &str| rows.iter().all(|row| row.fields.contains_key(name));
    if rows.len() < FEWEST_ROWS {
        return Err(format!("it has {}; {FEWEST_ROWS} are the least that can be split", counted(rows.len(), "row")));
    }
    if fields.len() < 2 {
        return Err("its rows have one field; an input and an answer are needed".into());
    }
    if let Some(unknown) = outputs.iter().find(|output| !fields.contains(output)) {
        return Err(format!("it has no field `{unknown}`; it has {}", listed(&fields)));
    }
    let (outputs, guess) = match outputs {
        [] => {
            let (first, guess) = answer_field::find(rows, &fields, inputs)
                .ok_or("all of its fields are among --inputs; name the answer's field with --output")?;
            let others: Vec<String> =
                fields.iter().filter(|name| !inputs.contains(name) && **name != &first).map(|name| (*name).clone()).collect();
            let further = if guess.is_some() { answer_field::further_answers(rows, &others, &first) } else { Vec::new() };
            // In the order of the rows' fields.
            let is_output = |name: &&String| *name == &first || further.contains(name);
            (fields.iter().copied().filter(is_output).cloned().collect(), guess)
        }
        named => (named.to_vec(), None),
    };
    let [output, further @ ..] = outputs.as_slice() else { return Err("no answer is named".into()) };
    let is_output = |name: &String| outputs.contains(name);
    if let Some(unknown) = inputs.iter().find(|input| !fields.iter().any(|field| field == input)) {
        return Err(format!("it has no field `{unknown}`; it has {}", listed(&fields)));
    }
    if let Some(both) = inputs.iter().find(|input| is_output(input)) {
        return Err(format!("`{both}` cannot be read and be the answer; name the answer's field with --output"));
    }
    if let Some(sparse) = inputs.iter().find(|input| !in_all(input)) {
        return Err(format!("not all of its rows have `{sparse}`; write it into all of them, or leave it out of --inputs"));
    }
    let (inputs, unread) = match inputs {
        [] => {
            let others = fields.into_iter().filter(|name| !is_output(name) && in_all(name)).cloned().collect();
            fields::sort_out(rows, others, &outputs)
        }
        named => (named.to_vec(), Vec::new()),
    };
    if inputs.is_empty() {
        return Err(format!("its rows have no field in common but `{output}`; an input and an answer are needed"));
    }
    for output in &outputs {
        if let [only] = Vec::from_iter(rows.iter().filter_map(|row| row.input(output)).collect::<BTreeSet<_>>()).as_slice() {
            let missing =
                if only == "-1" { ", which stands for a missing one in data sets of the package `datasets`" } else { "" };
            return Err(format!(
                "all of its rows have the same `{output}` ({only:?}){missing}: no prompt could be better than another"
            ));
        }
    }
    let metric = if further.is_empty() { suitable_metric(rows, &inputs, output) } else { SuitableMetric::of_several_fields() };
    let (output, further) = (output.clone(), further.to_vec());
    Ok(InferredTask { inputs, unread, output, further, guess, metric })
}

/// Reads all rows of a data file.
///
/// # Errors
/// [`DataError`] if the file or a row cannot be used, or if its only row holds the rows of a table.
pub fn read_rows(path: &std::path::Path) -> Result<Vec<Example>, DataError> {
    let data = Dataset::open(path, None)?;
    match data.table_in_only_row(FEWEST_ROWS) {
        Some(error) => Err(error),
        None => data.check(&[]),
    }
}

/// Splits the rows into training, validation and test rows: two fifths, three tenths and the rest, but not more than
/// `MOST_TRAINING` twice and `MOST_TEST`. Further rows are left out. The split is made by a hash of the inputs, so that rows with
/// equal inputs stay together and the split depends on the rows alone.
#[must_use]
pub fn split_rows(rows: Vec<Example>, inputs: &[String]) -> [Vec<Example>; 3] {
    let total = rows.len();
    let key = |row: &Example| {
        let texts: Vec<String> = inputs.iter().map(|field| row.text(field).unwrap_or_default()).collect();
        number(&texts.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let mut ranked: Vec<(u64, Example)> = rows.into_iter().map(|row| (key(&row), row)).collect();
    ranked.sort_by_key(|(key, _)| *key);
    let sizes = [(total * 2 / 5).min(MOST_TRAINING), (total * 3 / 10).min(MOST_TRAINING), MOST_TEST];
    let mut splits = [Vec::new(), Vec::new(), Vec::new()];
    let (mut current, mut last) = (0, None);
    for (key, row) in ranked {
        if splits[current].len() >= sizes[current] && last != Some(key) {
            current += 1;
        }
        last = Some(key);
        match splits.get_mut(current) {
            Some(split) => split.push(row),
            None => break,
        }
    }
    splits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn rows(row: impl Fn(usize) -> Value, count: usize) -> Vec<Example> {
        (0..count).map(|n| Example { id: n.to_string(), fields: row(n).as_object().unwrap().clone() }).collect()
    }

    #[test]
    fn the_answer_and_its_metric_are_found() {
        let inferred = |row: fn(usize) -> Value| infer_task(&rows(row, 12), &[], &[]).unwrap();
        let label = inferred(|n| json!({ "id": n, "Category": if n % 2 == 0 { "a" } else { "b" }, "text": format!("text {n}") }));
        assert_eq!((label.output.as_str(), label.metric.kind, label.inputs), ("Category", "label", vec!["text".to_owned()]));
        let number = inferred(|n| json!({ "question": format!("{n} and {n}?"), "answer": (n * 7919).to_string() }));
        assert_eq!((number.output.as_str(), number.metric.kind), ("answer", "number"));
        let object = inferred(|n| json!({ "text": "t", "facts": { "n": n } }));
        assert_eq!((object.output.as_str(), object.metric.kind), ("facts", "json"), "the last field, where no name tells");
        let span = inferred(|n| json!({ "text": format!("ask word{n}x now"), "answer": format!("word{n}x") }));
        assert_eq!(span.metric.kind, "exact");
        let text = inferred(|n| json!({ "text": "t", "summary": format!("Something was said by person {}", "x".repeat(n)) }));
        assert_eq!(text.metric.kind, "f1");
    }

    #[test]
    fn several_fields_are_answers_where_they_are_named_or_have_the_same_few_values() {
        let inferred = |row: fn(usize) -> Value, outputs: &[&str]| {
            let outputs: Vec<String> = outputs.iter().map(|name| (*name).to_owned()).collect();
            infer_task(&rows(row, 12), &[], &outputs)
                .map(|task| (task.outputs().cloned().collect::<Vec<_>>().join(" "), task.inputs.join(" "), task.metric.kind))
        };
        let found = |outputs: &str, inputs: &str, kind| Ok((outputs.to_owned(), inputs.to_owned(), kind));
        let flags = |n: usize| json!({ "spam": n.is_multiple_of(2), "text": format!("text {n}"), "rude": n.is_multiple_of(3) });
        assert_eq!(inferred(flags, &[]), found("spam rude", "text", "json"));
        assert_eq!(inferred(flags, &["rude"]), found("rude", "spam text", "label"));
        assert_eq!(inferred(flags, &["rude", "spam"]), found("rude spam", "text", "json"));
        let ticket = |n: usize| json!({ "text": format!("text {n}"), "team": n % 3, "why": format!("why {n}"), "urgent": n % 2 });
        assert_eq!(inferred(ticket, &[]), found("team", "text why urgent", "label"));
        assert_eq!(inferred(ticket, &["team", "urgent", "why"]), found("team urgent why", "text", "json"));
        let coded = |n: usize| json!({ "text": format!("text {n}"), "a": n % 2, "b": n % 3, "b_name": (["x", "y", "z"][n % 3]) });
        assert_eq!(inferred(coded, &["a", "b"]), found("a b", "text", "json"), "`b_name` tells `b`");
        assert!(inferred(coded, &["a", "c"]).unwrap_err().contains("no field `c`"));
        let comma = rows(|n| json!({ "a,b": n, "a": n, "b": n }), 6);
        assert_eq!(named_fields(&comma, "a,b"), ["a,b"]);
        assert_eq!(named_fields(&comma, "a, b"), ["a", "b"]);
    }

    #[test]
    fn a_field_that_the_first_row_lacks_is_found() {
        let label = |n: usize| if n.is_multiple_of(2) { "a" } else { "b" };
        let first = |n: usize, rest: Value| if n == 0 { json!({ "text": "t" }) } else { rest };
        let named = rows(|n| first(n, json!({ "text": n.to_string(), "label": label(n) })), 12);
        assert_eq!(infer_task(&named, &[], &[]).unwrap().output, "label");
        let other = rows(|n| first(n, json!({ "text": n.to_string(), "sort": label(n) })), 12);
        assert_eq!(infer_task(&other, &[], &[]).unwrap().output, "sort");
        let remark = |n: usize| match n {
            3 => json!({ "text": "t", "sort": "a", "remark": "?" }),
            _ => json!({ "text": n.to_string(), "sort": label(n) }),
        };
        let remark = rows(remark, 12);
        assert_eq!(infer_task(&remark, &[], &[]).unwrap().output, "sort", "one row has a remark");
    }

    #[test]
    fn rows_that_cannot_be_a_task_are_refused() {
        let two = |n: usize| json!({ "a": n, "b": n });
        assert!(infer_task(&rows(two, 3), &[], &[]).unwrap_err().contains("3 rows"));
        assert!(infer_task(&rows(|n| json!({ "id": n, "a": n }), 9), &[], &[]).unwrap_err().contains("one field"));
        assert!(infer_task(&rows(two, 9), &[], &["c".to_owned()]).unwrap_err().contains("it has `a`, `b`"));
        assert!(infer_task(&rows(two, 9), &["c".into()], &[]).unwrap_err().contains("no field `c`"));
        let same = |n: usize| json!({ "text": n.to_string(), "label": -1 });
        assert!(
            infer_task(&rows(same, 9), &[], &[]).unwrap_err().contains("the same `label` (\"-1\"), which stands for a missing")
        );
        assert!(infer_task(&rows(two, 9), &["a".into(), "b".into()], &[]).unwrap_err().contains("all of its fields are among"));
        assert!(
            infer_task(&rows(two, 9), &["b".into()], &["b".to_owned()]).unwrap_err().contains("cannot be read and be the answer")
        );
    }

    #[test]
    fn the_test_has_a_limited_number_of_rows() {
        let many = rows(|n| json!({ "text": n.to_string() }), 5000);
        assert_eq!(split_rows(many, &["text".to_owned()]).map(|rows| rows.len()), [MOST_TRAINING, MOST_TRAINING, MOST_TEST]);
    }

    proptest! {
        #[test]
        fn rows_with_the_same_inputs_stay_together(texts in prop::collection::vec(0_u8..30, 6..200)) {
            let rows = rows(|n| json!({ "text": texts[n].to_string(), "n": n }), texts.len());
            let splits = split_rows(rows, &["text".to_owned()]);
            prop_assert_eq!(splits.iter().map(Vec::len).sum::<usize>(), texts.len());
            prop_assert!(splits[2].len() < 200);
            let seen = splits.map(|rows| rows.iter().filter_map(|row| row.text("text")).collect::<std::collections::BTreeSet<_>>());
            prop_assert!(seen[0].is_disjoint(&seen[1]) && seen[0].is_disjoint(&seen[2]) && seen[1].is_disjoint(&seen[2]));
        }
    }
}

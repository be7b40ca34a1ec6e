//! Which fields of the rows a program should read, and which are left out because they are ids or hold the answer.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::leak::{self, Leak};
use crate::data::{Example, to_text};

/// Names of fields that hold the answer, or what led to it, in public data sets.
const TELLING: [&str; 33] = [
    "rationale",
    "rationales",
    "solution",
    "solutions",
    "explanation",
    "explanations",
    "reasoning",
    "chain_of_thought",
    "cot",
    "thought",
    "thoughts",
    "justification",
    "chosen",
    "rejected",
    "label",
    "labels",
    "label_text",
    "label_name",
    "class_name",
    "answer",
    "answer_text",
    "answer_idx",
    "answer_index",
    "answer_key",
    "answerkey",
    "gold",
    "gold_answer",
    "gold_label",
    "correct_answer",
    "ground_truth",
    "target",
    "reference_answer",
    "supporting_facts",
];

/// Names of fields that number the rows, or say who annotated them and when.
const NUMBERING: [&str; 18] = [
    "id",
    "idx",
    "index",
    "uid",
    "uuid",
    "guid",
    "row",
    "nr",
    "no",
    "no.",
    "#",
    "unnamed: 0",
    "annotator",
    "annotation_id",
    "created_at",
    "updated_at",
    "lead_time",
    "timestamp",
];

/// Why a field is not read unless the user names it.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// It numbers the rows, or says who wrote them and when.
    Numbers,
    /// It has no value in any row.
    Empty,
    /// Its values are web addresses.
    Address,
    /// Its name says that it holds the answer or what led to it.
    Name,
    /// Its values give the answer away.
    Leak(Leak),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbers => f.write_str("it numbers the rows, or says when they were made"),
            Self::Empty => f.write_str("it is empty in all rows"),
            Self::Address => f.write_str("it holds web addresses, which say where a row is from"),
            Self::Name => f.write_str("its name says that it tells the answer"),
            Self::Leak(leak) => leak.fmt(f),
        }
    }
}

/// A field and why it is not read.
#[derive(Debug, Clone, PartialEq)]
pub struct Unread {
    /// The field's name.
    pub field: String,
    /// Why it is not read.
    pub reason: Reason,
}

/// Whether a field numbers the rows: by its name, or by its values, which are whole numbers in a row.
#[must_use]
pub fn numbers_rows(rows: &[Example], field: &str) -> bool {
    let name = field.to_lowercase();
    let values: Vec<String> = rows.iter().filter_map(|row| row.input(field)).collect();
    let distinct = values.iter().collect::<BTreeSet<_>>().len();
    let is_unique = distinct > 1 && distinct * 10 >= values.len() * 9;
    let is_id = NUMBERING.contains(&name.as_str())
        || ["_id", "-id", " id", "_uuid", "_idx"].iter().any(|end| name.ends_with(end))
        || field.ends_with("Id")
        || field.ends_with("ID");
    let numbers: Option<Vec<i64>> = values.iter().map(|value| value.trim().parse().ok()).collect();
    let follow = numbers
        .is_some_and(|numbers| numbers.len() > 2 && numbers.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1])));
    (is_id && is_unique) || follow || (NUMBERING[12..].contains(&name.as_str()))
}

/// Whether a value says nothing: blank text, or an empty list or object.
fn says_nothing(value: &str) -> bool {
    matches!(value.trim(), "" | "[]" | "{}")
}

/// Whether a field says the same in all rows, or nothing in any.
pub(super) fn is_constant(rows: &[Example], field: &str) -> bool {
    let value = |row: &Example| row.input(field).filter(|value| !says_nothing(value));
    let values: BTreeSet<Option<String>> = rows.iter().map(value).collect();
    values.len() < 2
}

/// Returns why a field should not be read. None if nothing speaks against it.
fn reason(rows: &[Example], field: &str, answer: &str) -> Option<Reason> {
    let name = field.to_lowercase().replace([' ', '-'], "_");
    if let Some(leak) = leak::of_field(&rows.iter().collect::<Vec<_>>(), field, answer) {
        return Some(Reason::Leak(leak));
    }
    if TELLING.contains(&name.as_str())
        || ["gold_", "correct_", "rejected_", "chosen_"].iter().any(|start| name.starts_with(start))
    {
        return Some(Reason::Name);
    }
    let mut values = rows.iter().filter_map(|row| row.input(field)).filter(|value| !says_nothing(value)).peekable();
    if values.peek().is_none() {
        return Some(Reason::Empty);
    }
    let is_address = |value: String| {
        ["http://", "https://", "www."].iter().any(|start| value.starts_with(start)) && !value.contains(char::is_whitespace)
    };
    if values.all(is_address) {
        return Some(Reason::Address);
    }
    numbers_rows(rows, field).then_some(Reason::Numbers)
}

/// Returns the field whose name is also its value in two rows or more, as where the first line of a table is a row and names
/// nothing. None if there is none.
#[must_use]
pub fn named_by_a_value(rows: &[Example]) -> Option<&String> {
    let has_its_name = |row: &&Example, name: &str| row.fields.get(name).and_then(Value::as_str) == Some(name);
    super::infer::field_names(rows).into_iter().find(|name| rows.iter().filter(|row| has_its_name(row, name)).nth(1).is_some())
}

/// Divides fields into those that are read and those that are not, because they tell one of the answers or say nothing. If
/// all speak against themselves, all are read.
pub(super) fn sort_out(rows: &[Example], fields: Vec<String>, answers: &[String]) -> (Vec<String>, Vec<Unread>) {
    let (mut read, mut unread) = (Vec::new(), Vec::new());
    for field in fields.iter().cloned() {
        match answers.iter().find_map(|answer| reason(rows, &field, answer)) {
            None => read.push(field),
            Some(reason) => unread.push(Unread { field, reason }),
        }
    }
    if read.is_empty() { (fields, Vec::new()) } else { (read, unread) }
}

/// Returns the field that says in words what the answers say in small whole numbers: rows with the same number have the same text,
/// and the other way round. None if the answers are no such numbers, or no field says it.
#[must_use]
pub fn in_words<'a>(rows: &[Example], fields: &'a [Unread], answer: &str) -> Option<&'a str> {
    if !are_codes(rows, answer) {
        return None;
    }
    let all: Vec<&Example> = rows.iter().collect();
    let is_text = |field: &str| rows.iter().filter_map(|row| row.input(field)).all(|value| value.trim().parse::<f64>().is_err());
    let determines = |from: &str, to: &str| matches!(leak::of_field(&all, from, to), Some(Leak::Determines { .. }));
    let mut names = fields.iter().map(|unread| unread.field.as_str());
    names.find(|field| is_text(field) && determines(field, answer) && determines(answer, field))
}

/// Whether the answers are few small whole numbers or lists of such, as names of classes become where a file has lost them.
#[must_use]
pub fn are_codes(rows: &[Example], answer: &str) -> bool {
    const MOST: usize = 30;
    let items = rows.iter().filter_map(|row| row.fields.get(answer)).flat_map(|value| match value {
        Value::Array(items) => items.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    });
    let values: Option<BTreeSet<i64>> = items.map(|item| to_text(item).trim().parse().ok()).collect();
    let is_dense = |values: &BTreeSet<i64>| {
        let within = values.iter().all(|value| (-1..MOST as i64).contains(value));
        let range = values.last().zip(values.first()).map_or(0, |(last, first)| last - first + 1);
        within && values.len() > 1 && values.len() * 2 <= rows.len() && range <= 2 * values.len() as i64
    };
    values.is_some_and(|values| is_dense(&values))
}

/// Whether the answers are numbers up to 100 and their field has the name of a rating.
#[must_use]
pub fn are_ratings(rows: &[Example], answer: &str) -> bool {
    let name = answer.to_lowercase();
    let is_named = ["score", "rating", "similarity", "stars"].iter().any(|part| name.contains(part));
    let mut values = rows.iter().filter_map(|row| row.input(answer));
    is_named && values.all(|value| value.trim().parse::<f64>().is_ok_and(|value| (0.0..=100.0).contains(&value)))
}

//! Typed reading of one table of a task file. Problems are collected, so that all are told at once.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::tree::{Entry, Origin, Table, Value};

/// One thing that is wrong with a task file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1; None for what `--set` brought or what is missing altogether.
    pub line: Option<usize>,
    /// The dotted path of the key.
    pub key: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// Collects problems.
#[derive(Debug, Default)]
pub(super) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    pub(super) fn add(&self, line: Option<usize>, key: impl Into<String>, message: impl Into<String>) {
        self.0.borrow_mut().push(Problem { line, key: key.into(), message: message.into() });
    }

    pub(super) fn into_inner(self) -> Vec<Problem> {
        self.0.into_inner()
    }
}

/// A table under its dotted path. Keys that nobody asks for are problems.
pub(super) struct Section<'a> {
    problems: &'a Problems,
    table: &'a Table,
    path: String,
    line: Option<usize>,
    asked: RefCell<Vec<&'static str>>,
    all_asked: Cell<bool>,
}

fn line(entry: &Entry) -> Option<usize> {
    match entry.origin {
        Origin::Line(line) => Some(line),
        Origin::Set => None,
    }
}

impl<'a> Section<'a> {
    pub(super) fn root(table: &'a Table, problems: &'a Problems) -> Self {
        Self { problems, table, path: String::new(), line: None, asked: RefCell::default(), all_asked: Cell::new(false) }
    }

    fn child(&self, key: &str, entry: &Entry, table: &'a Table) -> Self {
        Self {
            problems: self.problems,
            table,
            path: self.dotted(key),
            line: line(entry),
            asked: RefCell::default(),
            all_asked: Cell::new(false),
        }
    }

    fn dotted(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn entry(&self, key: &'static str) -> Option<&'a Entry> {
        self.asked.borrow_mut().push(key);
        self.table.get(key)
    }

    /// Tells that something is wrong at a line.
    pub(super) fn problem_at(&self, line: usize, key: &str, message: impl Into<String>) {
        self.problems.add(Some(line).filter(|&line| line > 0), self.dotted(key), message);
    }

    /// Where it stands in the file; 0 where it does not.
    pub(super) fn line(&self) -> usize {
        self.line.unwrap_or(0)
    }

    /// Tells that something is wrong with the value of `key`.
    pub(super) fn problem(&self, key: &str, message: impl Into<String>) {
        let at = self.table.get(key).map_or(self.line, line);
        self.problems.add(at, self.dotted(key), message);
    }

    fn wrong_kind(&self, key: &str, wanted: &str, had: &Value) {
        self.problem(key, format!("must be {wanted}, not {}", had.in_words()));
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    pub(super) fn is_text(&self, key: &str) -> bool {
        matches!(self.table.get(key), Some(Entry { value: Value::Text(_), .. }))
    }

    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        match &self.entry(key)?.value {
            Value::Text(text) => Some(text.clone()),
            other => {
                self.wrong_kind(key, "text in quotes", other);
                None
            }
        }
    }

    /// Text that must be there; empty text stands in after a problem.
    pub(super) fn required_text(&self, key: &'static str) -> String {
        if !self.has(key) {
            self.entry(key);
            self.problem(key, "is missing");
            return String::new();
        }
        self.text(key).unwrap_or_default()
    }

    /// Text that stands at a key, or in the file that another key names, without the space around it. Empty text stands in after a
    /// problem: `missing` and `empty` say what to do.
    pub(super) fn text_or_file(
        &self,
        (key, file_key): (&'static str, &'static str),
        base: &Path,
        (missing, empty): (&str, &str),
    ) -> String {
        let text = match (self.text(key), self.path(file_key, base)) {
            (Some(_), Some(_)) => Err(format!("stands beside `{file_key}`; give one of them")),
            (Some(text), None) => Ok(text),
            (None, Some(file)) => std::fs::read_to_string(&file).map_err(|e| format!("{} cannot be read: {e}", file.display())),
            (None, None) => Err(format!("is missing; {missing}")),
        };
        let text = text.and_then(|text| match text.trim() {
            "" => Err(format!("is empty; {empty}")),
            text => Ok(text.to_owned()),
        });
        text.unwrap_or_else(|problem| {
            self.problem(key, problem);
            String::new()
        })
    }

    /// Text or a number, as text.
    pub(super) fn text_or_number(&self, key: &'static str) -> Option<String> {
        match &self.entry(key)?.value {
            Value::Text(text) => Some(text.clone()),
            Value::Integer(number) => Some(number.to_string()),
            other => {
                self.wrong_kind(key, "text or a whole number", other);
                None
            }
        }
    }

    pub(super) fn texts(&self, key: &'static str) -> Option<Vec<String>> {
        let entry = self.entry(key)?;
        let Value::List(items) = &entry.value else {
            self.wrong_kind(key, "a list of texts", &entry.value);
            return None;
        };
        let mut texts = Vec::new();
        for item in items {
            match &item.value {
                Value::Text(text) => texts.push(text.clone()),
                other => self.wrong_kind(key, "a list of texts", other),
            }
        }
        Some(texts)
    }

    /// A list whose items are texts or tables.
    pub(super) fn texts_or_tables(&self, key: &'static str) -> Vec<Result<String, Section<'a>>> {
        let Some(entry) = self.entry(key) else {
            return Vec::new();
        };
        let wanted = "a list of texts or tables";
        let Value::List(items) = &entry.value else {
            self.wrong_kind(key, wanted, &entry.value);
            return Vec::new();
        };
        let mut found = Vec::new();
        for item in items {
            match &item.value {
                Value::Text(text) => found.push(Ok(text.clone())),
                Value::Table(table) => found.push(Err(self.child(key, item, table))),
                other => self.wrong_kind(key, wanted, other),
            }
        }
        found
    }

    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        match &self.entry(key)?.value {
            Value::Flag(flag) => Some(*flag),
            other => {
                self.wrong_kind(key, "true or false", other);
                None
            }
        }
    }

    pub(super) fn integer<T: TryFrom<i64> + PartialOrd + Display>(
        &self,
        key: &'static str,
        range: RangeInclusive<T>,
    ) -> Option<T> {
        let entry = self.entry(key)?;
        let Value::Integer(number) = entry.value else {
            self.wrong_kind(key, "a whole number", &entry.value);
            return None;
        };
        match T::try_from(number) {
            Ok(number) if range.contains(&number) => Some(number),
            _ => {
                self.problem(key, format!("must be from {} to {}, not {number}", range.start(), range.end()));
                None
            }
        }
    }

    pub(super) fn number(&self, key: &'static str, range: RangeInclusive<f64>) -> Option<f64> {
        let entry = self.entry(key)?;
        let number = match entry.value {
            Value::Integer(number) => number as f64,
            Value::Float(number) => number,
            ref other => {
                self.wrong_kind(key, "a number", other);
                return None;
            }
        };
        if range.contains(&number) {
            return Some(number);
        }
        self.problem(key, format!("must be from {} to {}, not {number}", range.start(), range.end()));
        None
    }

    /// A table of numbers by name.
    pub(super) fn numbers(&self, key: &'static str) -> Option<Vec<(String, f64)>> {
        let entry = self.entry(key)?;
        let Value::Table(table) = &entry.value else {
            self.wrong_kind(key, "a table of numbers", &entry.value);
            return None;
        };
        let mut numbers = Vec::new();
        for (name, item) in &table.0 {
            match item.value {
                Value::Integer(number) => numbers.push((name.clone(), number as f64)),
                Value::Float(number) => numbers.push((name.clone(), number)),
                ref other => self.problems.add(
                    line(item),
                    format!("{}.{name}", self.dotted(key)),
                    format!("must be a number, not {}", other.in_words()),
                ),
            }
        }
        Some(numbers)
    }

    /// A path: relative to `base` where the file has it, to the current folder where `--set` brings it.
    pub(super) fn path(&self, key: &'static str, base: &Path) -> Option<PathBuf> {
        let text = self.text(key)?;
        match self.table.get(key)?.origin {
            Origin::Line(_) => Some(base.join(text)),
            Origin::Set => Some(std::path::absolute(&text).unwrap_or_else(|_| PathBuf::from(text))),
        }
    }

    /// The table at `key`, empty where there is none.
    pub(super) fn table_or_empty(&self, key: &'static str) -> Section<'a> {
        static EMPTY: Table = Table(Vec::new());
        let empty = || Self {
            problems: self.problems,
            table: &EMPTY,
            path: self.dotted(key),
            line: None,
            asked: RefCell::default(),
            all_asked: Cell::new(false),
        };
        self.table(key).unwrap_or_else(empty)
    }

    pub(super) fn table(&self, key: &'static str) -> Option<Section<'a>> {
        let entry = self.entry(key)?;
        match &entry.value {
            Value::Table(table) => Some(self.child(key, entry, table)),
            other => {
                self.wrong_kind(key, &format!("a table [{}]", self.dotted(key)), other);
                None
            }
        }
    }

    /// The tables of `[[key]]`, in order.
    pub(super) fn list_of_tables(&self, key: &'static str) -> Vec<Section<'a>> {
        let Some(entry) = self.entry(key) else {
            return Vec::new();
        };
        let Value::List(items) = &entry.value else {
            self.wrong_kind(key, &format!("a list of tables [[{}]]", self.dotted(key)), &entry.value);
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in items {
            match &item.value {
                Value::Table(table) => sections.push(self.child(key, item, table)),
                other => self.wrong_kind(key, &format!("a list of tables [[{}]]", self.dotted(key)), other),
            }
        }
        sections
    }

    /// The tables of `[key.NAME]`, in order.
    pub(super) fn named_tables(&self, key: &'static str) -> Vec<(String, Section<'a>)> {
        let Some(inside) = self.table(key) else {
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (name, entry) in &inside.table.0 {
            match &entry.value {
                Value::Table(table) => sections.push((name.clone(), inside.child(name, entry, table))),
                other => inside.wrong_kind(name, &format!("a table [{}]", inside.dotted(name)), other),
            }
        }
        sections
    }

    /// All keys but `key`, as JSON: whoever reads them tells what is unknown.
    pub(super) fn all_but(&self, key: &str) -> serde_json::Map<String, serde_json::Value> {
        self.all_asked.set(true);
        let others = self.table.0.iter().filter(|(name, _)| name != key);
        others.map(|(name, entry)| (name.clone(), entry.value.json())).collect()
    }

    /// Tells of keys that nobody asked for, with the nearest known one.
    pub(super) fn finish(self) {
        let asked = self.asked.borrow();
        if self.all_asked.get() {
            return;
        }
        for (key, entry) in &self.table.0 {
            if asked.contains(&key.as_str()) {
                continue;
            }
            self.problems.add(line(entry), self.dotted(key), format!("is no known key; {}", nearest(key, &asked)));
        }
    }
}

/// "did you mean `x`?", or all that is known.
pub(super) fn nearest(name: &str, known: &[&str]) -> String {
    let close = known.iter().map(|k| (strsim::damerau_levenshtein(name, k), k)).min();
    // Half of a short name may be another's by chance.
    let most = name.chars().count() / 2;
    match close {
        Some((distance, near)) if distance <= most.min(1 + near.len() / 3) => {
            format!("did you mean `{near}`?")
        }
        _ => {
            let mut known: Vec<String> = known.iter().map(|k| format!("`{k}`")).collect();
            known.sort();
            known.dedup();
            format!("known are {}", known.join(", "))
        }
    }
}

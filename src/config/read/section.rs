//! Typed reading of one table of a task file.
//!
//! Each method that reads a key reports a problem and returns None if the value has the wrong type.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::suggestion::{renamed, suggestion};
use super::tree::{Item, Origin, Table, Value};
use crate::config::error::Problem;
use crate::config::named::Named;

/// The problems that were found so far.
#[derive(Debug, Default)]
pub(in crate::config) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    fn add(&self, line: Option<usize>, key: impl Into<String>, message: impl Into<String>) {
        self.0.borrow_mut().push(Problem { line, key: key.into(), message: message.into() });
    }

    pub(in crate::config) fn into_inner(self) -> Vec<Problem> {
        self.0.into_inner()
    }
}

/// A table with its dotted path. It notes which keys are read, to find those that nothing reads.
pub(super) struct Section<'a> {
    problems: &'a Problems,
    table: &'a Table,
    path: String,
    line: Option<usize>,
    known: RefCell<Vec<&'static str>>,
    all_known: Cell<bool>,
}

/// A key whose text may also stand in a file.
pub(super) struct TextOrFile {
    /// The key of the text.
    pub(super) key: &'static str,
    /// The key of the file's path.
    pub(super) file_key: &'static str,
    /// What a message advises if neither is given.
    pub(super) if_missing: &'static str,
    /// What a message advises if the text is empty.
    pub(super) if_empty: &'static str,
}

/// Returns the line of an item. None if it comes from `--set`.
fn line(item: &Item) -> Option<usize> {
    match item.origin {
        Origin::Line(line) => Some(line),
        Origin::Set => None,
    }
}

impl<'a> Section<'a> {
    /// Returns the top level of a task file.
    pub(super) fn root(table: &'a Table, problems: &'a Problems) -> Self {
        Self::new(problems, table, String::new(), None)
    }

    fn new(problems: &'a Problems, table: &'a Table, path: String, line: Option<usize>) -> Self {
        Self { problems, table, path, line, known: RefCell::default(), all_known: Cell::new(false) }
    }

    fn child(&self, key: &str, item: &Item, table: &'a Table) -> Self {
        Self::new(self.problems, table, self.dotted(key), line(item))
    }

    fn dotted(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Returns the item at `key`, and notes that the key is known.
    fn item(&self, key: &'static str) -> Option<&'a Item> {
        self.known.borrow_mut().push(key);
        self.table.get(key)
    }

    /// Returns the line of the table in the file, counted from 1. 0 if it is not in the file.
    pub(super) fn line(&self) -> usize {
        self.line.unwrap_or(0)
    }

    /// Reports a problem with the value of `key`.
    pub(super) fn problem(&self, key: &str, message: impl Into<String>) {
        let line = self.table.get(key).map_or(self.line, line);
        self.problems.add(line, self.dotted(key), message);
    }

    /// Reports a problem at a line of the file. 0 stands for no line.
    pub(super) fn problem_at(&self, line: usize, key: &str, message: impl Into<String>) {
        self.problems.add(Some(line).filter(|&line| line > 0), self.dotted(key), message);
    }

    fn wrong_type(&self, key: &str, wanted: &str, found: &Value) {
        self.problem(key, format!("must be {wanted}, not {}", found.in_words()));
    }

    /// Reads a value. `read` returns None if it has the wrong type; `wanted` describes the right one.
    fn typed<T>(&self, key: &'static str, wanted: &str, read: impl Fn(&'a Value) -> Option<T>) -> Option<T> {
        let value = &self.item(key)?.value;
        let typed = read(value);
        if typed.is_none() {
            self.wrong_type(key, wanted, value);
        }
        typed
    }

    /// Reads a list. `read` returns None if an item has the wrong type; `wanted` describes the right list.
    fn list<T>(&self, key: &'static str, wanted: &str, read: impl Fn(&'a Item) -> Option<T>) -> Option<Vec<T>> {
        let items = self.typed(key, wanted, |value| if let Value::List(items) = value { Some(items) } else { None })?;
        let mut list = Vec::new();
        for item in items {
            match read(item) {
                Some(read) => list.push(read),
                None => self.wrong_type(key, wanted, &item.value),
            }
        }
        Some(list)
    }

    /// Whether the table has the key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// Whether the value of the key is text.
    pub(super) fn is_text(&self, key: &str) -> bool {
        matches!(self.table.get(key), Some(Item { value: Value::Text(_), .. }))
    }

    /// Reads a text.
    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        self.typed(key, "text in quotes", Value::text)
    }

    /// Reads a text that must be there. Returns an empty text after a problem.
    pub(super) fn required_text(&self, key: &'static str) -> String {
        if !self.has(key) {
            self.item(key);
            self.problem(key, "is missing");
            return String::new();
        }
        self.text(key).unwrap_or_default()
    }

    /// Reads a text at a key or from a file, without surrounding white space. Returns an empty text after a problem.
    pub(super) fn text_or_file(&self, source: &TextOrFile, folder: &Path) -> String {
        let &TextOrFile { key, file_key, if_missing, if_empty } = source;
        let text = match (self.text(key), self.path(file_key, folder)) {
            (Some(_), Some(_)) => Err(format!("stands beside `{file_key}`; give one of them")),
            (Some(text), None) => Ok(text),
            (None, Some(file)) => std::fs::read_to_string(&file).map_err(|e| format!("{} cannot be read: {e}", file.display())),
            (None, None) => Err(format!("is missing; {if_missing}")),
        };
        let text = text.and_then(|text| match text.trim() {
            "" => Err(format!("is empty; {if_empty}")),
            text => Ok(text.to_owned()),
        });
        text.unwrap_or_else(|problem| {
            self.problem(key, problem);
            String::new()
        })
    }

    /// Reads a text or a whole number, as text.
    pub(super) fn text_or_number(&self, key: &'static str) -> Option<String> {
        self.typed(key, "text or a whole number", |value| match value {
            Value::Integer(number) => Some(number.to_string()),
            other => other.text(),
        })
    }

    /// Reads a list of texts.
    pub(super) fn texts(&self, key: &'static str) -> Option<Vec<String>> {
        self.list(key, "a list of texts", |item| item.value.text())
    }

    /// Reads a list of names of fields, modules or steps, with at least one name.
    pub(super) fn required_names(&self, key: &'static str) -> Vec<String> {
        let names = self.texts(key).unwrap_or_default();
        if names.is_empty() {
            self.problem(key, "must name at least one field");
        }
        names
    }

    /// Reads a list whose items are texts or tables.
    pub(super) fn texts_or_tables(&self, key: &'static str) -> Vec<Result<String, Section<'a>>> {
        let read = |item: &'a Item| match &item.value {
            Value::Table(table) => Some(Err(self.child(key, item, table))),
            other => other.text().map(Ok),
        };
        self.list(key, "a list of texts or tables", read).unwrap_or_default()
    }

    /// Reads `true` or `false`.
    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        self.typed(key, "true or false", |value| if let Value::Flag(flag) = value { Some(*flag) } else { None })
    }

    /// Reads a whole number in a range.
    pub(super) fn integer<T: TryFrom<i64> + PartialOrd + Display>(
        &self,
        key: &'static str,
        range: RangeInclusive<T>,
    ) -> Option<T> {
        let number = self.typed(key, "a whole number", |value| match value {
            Value::Integer(number) => Some(*number),
            _ => None,
        })?;
        match T::try_from(number) {
            Ok(number) if range.contains(&number) => Some(number),
            _ => {
                self.problem(key, format!("must be from {} to {}, not {number}", range.start(), range.end()));
                None
            }
        }
    }

    /// Reads a number in a range.
    pub(super) fn number(&self, key: &'static str, range: RangeInclusive<f64>) -> Option<f64> {
        let number = self.typed(key, "a number", Value::number)?;
        if range.contains(&number) {
            return Some(number);
        }
        self.problem(key, format!("must be from {} to {}, not {number}", range.start(), range.end()));
        None
    }

    /// Reads a table of numbers by name.
    pub(super) fn numbers(&self, key: &'static str) -> Option<Vec<(String, f64)>> {
        let table = self.typed(key, "a table of numbers", Value::table)?;
        let mut numbers = Vec::new();
        for (name, item) in &table.0 {
            match item.value.number() {
                Some(number) => numbers.push((name.clone(), number)),
                None => {
                    let message = format!("must be a number, not {}", item.value.in_words());
                    self.problems.add(line(item), format!("{}.{name}", self.dotted(key)), message);
                }
            }
        }
        Some(numbers)
    }

    /// Reads a path. A path in the file is relative to `folder`; a path of `--set` is relative to the current folder.
    pub(super) fn path(&self, key: &'static str, folder: &Path) -> Option<PathBuf> {
        let text = self.text(key)?;
        match self.table.get(key)?.origin {
            Origin::Line(_) => Some(folder.join(text)),
            Origin::Set => Some(std::path::absolute(&text).unwrap_or_else(|_| PathBuf::from(text))),
        }
    }

    /// Reads one of the names of `T`.
    pub(super) fn choice<T: Named>(&self, key: &'static str) -> Option<T> {
        let text = self.text(key)?;
        let value = T::NAMES.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if value.is_none() {
            let names: Vec<&str> = T::NAMES.iter().map(|(name, _)| *name).collect();
            self.problem(key, format!("there is no `{text}`; {}", suggestion(&text, &names)));
        }
        value
    }

    /// Reads a table.
    pub(super) fn table(&self, key: &'static str) -> Option<Section<'a>> {
        let table = self.typed(key, &format!("a table [{}]", self.dotted(key)), Value::table)?;
        Some(Self::new(self.problems, table, self.dotted(key), self.table.get(key).and_then(line)))
    }

    /// Reads a table. Returns an empty one if there is none.
    pub(super) fn table_or_empty(&self, key: &'static str) -> Section<'a> {
        static EMPTY: Table = Table(Vec::new());
        self.table(key).unwrap_or_else(|| Self::new(self.problems, &EMPTY, self.dotted(key), None))
    }

    /// Reads the tables of `[[key]]`, in the order of the file.
    pub(super) fn list_of_tables(&self, key: &'static str) -> Vec<Section<'a>> {
        let wanted = format!("a list of tables [[{}]]", self.dotted(key));
        self.list(key, &wanted, |item| item.value.table().map(|table| self.child(key, item, table))).unwrap_or_default()
    }

    /// Reads the tables of `[key.NAME]` with their names, in the order of the file.
    pub(super) fn named_tables(&self, key: &'static str) -> Vec<(String, Section<'a>)> {
        let Some(outer) = self.table(key) else {
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (name, item) in &outer.table.0 {
            match &item.value {
                Value::Table(table) => sections.push((name.clone(), outer.child(name, item, table))),
                other => outer.wrong_type(name, &format!("a table [{}]", outer.dotted(name)), other),
            }
        }
        sections
    }

    /// Returns all keys as JSON, without `excluded`. All keys of the table count as known then.
    pub(super) fn json_without(&self, excluded: &str) -> serde_json::Map<String, serde_json::Value> {
        self.all_known.set(true);
        let others = self.table.0.iter().filter(|(name, _)| name != excluded);
        others.map(|(name, item)| (name.clone(), item.value.json())).collect()
    }

    /// Reports the keys that were not read.
    pub(super) fn report_unknown_keys(self) {
        if self.all_known.get() {
            return;
        }
        let known = self.known.borrow();
        for (key, item) in self.table.0.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
            let message = match renamed(&self.dotted(key)) {
                Some(name) => format!("is named `{name}` now"),
                None => format!("is no known key; {}", suggestion(key, &known)),
            };
            self.problems.add(line(item), self.dotted(key), message);
        }
    }
}

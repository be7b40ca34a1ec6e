//! Which keys of a plan belong to a run's fingerprint.
//!
//! A run can only be resumed with the same fingerprint. Each plan type lists its keys as inside or outside, next to its
//! definition. Files are outside, because the run adds hashes of their content. Stop rules are outside, so that a finished run can
//! go on under a larger budget.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::data::to_text;

/// The keys of a table of the plan. Every key stands in exactly one of the lists. Names are separated by spaces.
pub(super) struct Keys {
    /// Keys whose values must be the same when a run is resumed.
    pub(super) inside: &'static str,
    /// Keys whose values may be different then.
    pub(super) outside: &'static str,
    /// Keys whose value is a table, or a list of tables, with keys of its own.
    pub(super) tables: &'static [(&'static str, &'static Keys)],
    /// Keys whose value is a table of tables by name, like `[model.NAME]`.
    pub(super) named_tables: &'static [(&'static str, &'static Keys)],
    /// The keys of other plan types that are written into the same table.
    pub(super) same_table: &'static [&'static Keys],
}

/// What the value of a key is for the fingerprint.
pub(super) enum Part {
    /// A value that must be the same when a run is resumed.
    Inside,
    /// A value that may be different then.
    Outside,
    /// A table, or a list of tables, with these keys.
    Table(&'static Keys),
    /// Tables by name, each with these keys.
    NamedTables(&'static Keys),
}

impl Keys {
    /// No keys.
    pub(super) const NONE: Self = Self { inside: "", outside: "", tables: &[], named_tables: &[], same_table: &[] };

    /// Returns what the value of `key` is. None if no list has the key.
    pub(super) fn part(&self, key: &str) -> Option<Part> {
        let find = |tables: &[(&str, &'static Self)]| tables.iter().find(|(name, _)| *name == key).map(|(_, keys)| *keys);
        if self.inside.split(' ').any(|name| name == key) {
            return Some(Part::Inside);
        }
        if self.outside.split(' ').any(|name| name == key) {
            return Some(Part::Outside);
        }
        find(self.tables)
            .map(Part::Table)
            .or_else(|| find(self.named_tables).map(Part::NamedTables))
            .or_else(|| self.same_table.iter().find_map(|keys| keys.part(key)))
    }
}

/// Returns the values of a table that are inside the fingerprint, by their dotted keys.
pub(super) fn pairs(table: &Value, keys: &Keys) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    add("", table, Some(keys), &mut pairs);
    pairs
}

/// Adds the values below `path`. `keys` are the keys of the tables there. None: all keys are inside.
fn add(path: &str, value: &Value, keys: Option<&Keys>, pairs: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(table) => {
            for (key, inner) in table {
                let path = join(path, key);
                // A key without a mark counts as inside: a run is rather refused than resumed under another plan.
                match keys.and_then(|keys| keys.part(key)).unwrap_or(Part::Inside) {
                    Part::Inside => add(&path, inner, None, pairs),
                    Part::Outside => {}
                    Part::Table(keys) => add(&path, inner, Some(keys), pairs),
                    Part::NamedTables(keys) => {
                        for (name, table) in inner.as_object().into_iter().flatten() {
                            add(&join(&path, name), table, Some(keys), pairs);
                        }
                    }
                }
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            let name = |item: &Value| item.get("name").and_then(Value::as_str).map(str::to_owned);
            // Demonstrations may have a field `name` that is the same in all of them. Their indices are used then.
            let names: BTreeSet<Option<String>> = items.iter().map(name).collect();
            for (index, item) in items.iter().enumerate() {
                let name = name(item).filter(|_| names.len() == items.len()).unwrap_or_else(|| index.to_string());
                add(&join(path, &name), item, keys, pairs);
            }
        }
        other => {
            pairs.insert(path.to_owned(), to_text(other));
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

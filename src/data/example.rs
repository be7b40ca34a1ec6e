//! One row of a data file.

use std::ops::Index;

use serde_json::{Map, Value};

use super::index::ExampleIndex;

/// One row of a data file.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The row's `id`, or `line-N` where it has none. Unique within its file.
    pub id: String,
    /// All fields of the row, in the order of the file.
    pub fields: Map<String, Value>,
}

impl Example {
    /// Returns a field as a prompt shows it: text unchanged, any other value as JSON. None if the row has no such field.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<String> {
        self.fields.get(field).map(to_text)
    }

    /// Returns a field as an input of a program. None if the row has no such field, or if its value is null.
    #[must_use]
    pub fn input(&self, field: &str) -> Option<String> {
        self.fields.get(field).filter(|value| !value.is_null()).map(to_text)
    }
}

impl Index<ExampleIndex> for [Example] {
    type Output = Example;

    fn index(&self, index: ExampleIndex) -> &Example {
        &self[index.0]
    }
}

/// Returns a JSON value as a prompt shows it: text unchanged, any other value as JSON.
#[must_use]
pub fn to_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

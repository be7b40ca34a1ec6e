//! Rows that were converted, and what the forms have in common.

use serde_json::{Map, Value};

use crate::data::Example;

/// Rows in another form than that of their file.
#[derive(Debug, Clone, PartialEq)]
pub struct Converted {
    /// The rows.
    pub rows: Vec<Example>,
    /// What the file holds, and what its rows became, as a sentence.
    pub told: String,
    /// The field with the answers.
    pub output: String,
    /// An instruction that all rows have in common. None if they have none.
    pub instruction: Option<String>,
}

/// Whether all rows have the field with a value of this kind. False if there are no rows.
pub(super) fn all_have(rows: &[Example], field: &str, is_kind: impl Fn(&Value) -> bool) -> bool {
    !rows.is_empty() && rows.iter().all(|row| row.fields.get(field).is_some_and(&is_kind))
}

/// Returns a row with the id of another and these fields.
pub(super) fn row_of(row: &Example, fields: Map<String, Value>) -> Example {
    Example { id: row.id.clone(), fields }
}

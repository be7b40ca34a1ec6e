//! Finds the form of rows and converts them.

use serde_json::{Map, Value};

use super::{annotation, chat, preference, promptfoo};
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

/// Converts rows that have a form of another program: chats, preferences, promptfoo's tests, and exports of Label Studio and doccano.
/// None if they have none.
///
/// # Errors
/// What the rows are and why they cannot be converted, with what to do.
pub fn convert(rows: &[Example]) -> Result<Option<Converted>, String> {
    let forms = [preference::convert, chat::convert, promptfoo::convert, annotation::label_studio, annotation::doccano];
    for form in forms {
        if let Some(converted) = form(rows)? {
            return Ok(Some(converted));
        }
    }
    Ok(None)
}

/// Whether all rows have the field with a value of this kind. False if there are no rows.
pub(super) fn all_have(rows: &[Example], field: &str, is_kind: impl Fn(&Value) -> bool) -> bool {
    !rows.is_empty() && rows.iter().all(|row| row.fields.get(field).is_some_and(&is_kind))
}

/// Returns a row with the id of another and these fields.
pub(super) fn row_of(row: &Example, fields: Map<String, Value>) -> Example {
    Example { id: row.id.clone(), fields }
}

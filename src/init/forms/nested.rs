//! Rows whose fields all stand in one object, as in data sets of translations: `{"translation": {"en": "Yes.", "de": "Ja."}}`.

use serde_json::Value;

use super::converted::{all_have, row_of};
use crate::data::Example;

/// Fields that number the rows of a page of the model hub's viewer, whose fields stand in `row`.
const NUMBERS: [&str; 3] = ["id", "row_idx", "truncated_cells"];

/// Returns rows with the fields of the object, and a sentence that says so. None if the rows have other fields beside it and
/// numbers of the rows, or objects of fewer than two fields.
#[must_use]
pub fn unfold(rows: &[Example]) -> Option<(Vec<Example>, String)> {
    let others =
        |row: &Example| row.fields.keys().filter(|name| !NUMBERS.contains(&name.as_str())).cloned().collect::<Vec<String>>();
    let [field] = others(rows.first()?).try_into().ok()?;
    let is_object = |value: &Value| value.as_object().is_some_and(|object| object.len() > 1);
    if !all_have(rows, &field, is_object) || rows.iter().any(|row| others(row).len() > 1) {
        return None;
    }
    let unfolded = |row: &Example| Some(row_of(row, row.fields.get(&field)?.as_object()?.clone()));
    let unfolded = rows.iter().map(unfolded).collect::<Option<Vec<Example>>>()?;
    Some((unfolded, format!("All fields of its rows stand in `{field}`; they became fields of the rows.")))
}

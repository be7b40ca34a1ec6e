//! Rows with a tag for each token, as in CoNLL's data sets.

use std::collections::BTreeSet;

use serde_json::Value;

use super::converted::Converted;
use crate::data::Example;

/// Refuses rows whose last list has a tag for each item of their first. The set of the tags without their places says nothing.
pub(super) fn refuse(rows: &[Example]) -> Result<Option<Converted>, String> {
    let names = rows.first().map(|row| row.fields.iter().filter(|(_, value)| value.is_array()).map(|(name, _)| name));
    let names: Vec<&String> = names.into_iter().flatten().collect();
    let [tokens, .., tags] = names.as_slice() else { return Ok(None) };
    let is_tag = |item: &Value| item.is_i64() || item.as_str().is_some_and(|tag| !tag.contains(char::is_whitespace));
    // The number of tokens. None if the row is none of tokens and tags.
    let length = |row: &Example| {
        let (tokens, tags) = (row.fields.get(*tokens)?.as_array()?, row.fields.get(*tags)?.as_array()?);
        (tokens.len() == tags.len() && tokens.iter().all(Value::is_string) && tags.iter().all(is_tag)).then_some(tokens.len())
    };
    match rows.iter().map(length).collect::<Option<BTreeSet<usize>>>() {
        // Lists that have one length in all rows may be options and what belongs to each.
        Some(lengths) if lengths.len() > 1 => Err(format!(
            "`{tags}` has one item for each of `{tokens}`, and no metric compares tags by their places. Write the text and a list of \
             objects of what is tagged, as {{\"text\": \"Ann is here\", \"entities\": [{{\"type\": \"PER\", \"text\": \"Ann\"}}]}}. \
             --output takes a field as the answer all the same"
        )),
        _ => Ok(None),
    }
}

//! Exports of annotation programs: Label Studio's JSON, and doccano's JSONL.

use serde_json::{Map, Value, json};

use super::converted::{Converted, all_have, row_of};
use crate::data::Example;

/// Converts an export of Label Studio: the fields of `data`, and the first annotation of each row.
pub(super) fn label_studio(rows: &[Example]) -> Result<Option<Converted>, String> {
    if !all_have(rows, "annotations", Value::is_array) || !all_have(rows, "data", Value::is_object) {
        return Ok(None);
    }
    let mut converted = Vec::new();
    for row in rows {
        let result = row.fields.get("annotations").and_then(|annotations| annotations.get(0)?.get("result")?.as_array());
        let results = result.map(Vec::as_slice).unwrap_or_default();
        let mut fields = row.fields.get("data").and_then(Value::as_object).cloned().unwrap_or_default();
        let is_region = |item: &&Value| item.get("value").is_some_and(|value| value.get("labels").is_some());
        let spans: Vec<&Value> = results.iter().filter(is_region).collect();
        if spans.is_empty() {
            for item in results {
                let name = item.get("from_name").and_then(Value::as_str).unwrap_or("label");
                let value = item.get("value").and_then(Value::as_object).into_iter().flatten();
                let answer =
                    value.filter(|(key, _)| matches!(key.as_str(), "choices" | "text" | "rating" | "number" | "taxonomy"));
                fields.extend(answer.map(|(_, value)| (name.to_owned(), unwrapped(value.clone()))));
            }
        } else {
            let entity = |span: &&Value| {
                let value = span.get("value");
                json!({ "type": unwrapped(value.and_then(|value| value.get("labels")).cloned().unwrap_or_default()),
                        "text": value.and_then(|value| value.get("text")).cloned().unwrap_or_default() })
            };
            fields.insert("entities".into(), spans.iter().map(entity).collect());
        }
        converted.push(row_of(row, fields));
    }
    let inputs: Vec<&String> =
        rows.iter().flat_map(|row| row.fields.get("data").and_then(Value::as_object)).flat_map(Map::keys).collect();
    // Rows of texts without an entity have an empty list of them.
    if converted.iter().any(|row| row.fields.contains_key("entities")) {
        for row in &mut converted {
            row.fields.entry("entities").or_insert_with(|| json!([]));
        }
    }
    let added = converted.iter().flat_map(|row| row.fields.keys()).find(|name| !inputs.contains(name)).cloned();
    let Some(output) = added else {
        return Err(
            "it is an export of Label Studio without annotations that are choices, spans, texts or ratings; export annotated \
                    tasks, or write rows with the answer as a field"
                .into(),
        );
    };
    let told =
        format!("It is an export of Label Studio: the fields of `data` are read, and the first annotation became `{output}`.");
    Ok(Some(Converted { rows: converted, told, output, instruction: None }))
}

/// Converts an export of doccano: labels of a text, or spans by their offsets.
pub(super) fn doccano(rows: &[Example]) -> Result<Option<Converted>, String> {
    let Some(input) = ["text", "data"].into_iter().find(|field| all_have(rows, field, Value::is_string)) else { return Ok(None) };
    let Some(field) = ["entities", "label", "labels"].into_iter().find(|field| all_have(rows, field, Value::is_array)) else {
        return Ok(None);
    };
    let labels = |row: &Example| row.fields.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    let all: Vec<Value> = rows.iter().flat_map(labels).collect();
    let is_spans = !all.is_empty() && all.iter().all(|label| span(label).is_some());
    let is_single = all.iter().all(Value::is_string) && rows.iter().all(|row| labels(row).len() == 1);
    if !is_spans && !is_single {
        return Ok(None);
    }
    let output = if is_spans { "entities" } else { field };
    let mut converted = Vec::new();
    for row in rows {
        let text = row.fields.get(input).and_then(Value::as_str).unwrap_or_default();
        let letters: Vec<char> = text.chars().collect();
        let entity = |label: &Value| {
            let (start, end, name) = span(label)?;
            let covered: String = letters.get(start..end)?.iter().collect();
            Some(json!({ "type": name, "text": covered }))
        };
        let answer = match is_spans {
            true => labels(row).iter().map(entity).collect::<Option<Vec<_>>>().map(Value::from).ok_or_else(|| {
                format!("it is an export of doccano, and a span of the row `{}` lies outside of its text", row.id)
            })?,
            false => unwrapped(labels(row).into()),
        };
        let others =
            row.fields.iter().filter(|(name, _)| *name != field && !matches!(name.as_str(), "id" | "Comments" | "relations"));
        let mut fields: Map<String, Value> = others.map(|(name, value)| (name.clone(), value.clone())).collect();
        fields.insert(output.into(), answer);
        converted.push(row_of(row, fields));
    }
    let told = match is_spans {
        true => format!(
            "Its rows have spans (`{field}`), as doccano exports them: they became `entities`, each with its type and its text."
        ),
        false => format!("Each row has a list of one label (`{field}`), as doccano exports them: it became the label."),
    };
    Ok(Some(Converted { rows: converted, told, output: output.into(), instruction: None }))
}

/// Returns start, end and name of a span: `[0, 5, "PER"]`, or an object with offsets in characters. None for anything else.
fn span(label: &Value) -> Option<(usize, usize, String)> {
    let number = |value: Option<&Value>| value?.as_u64().and_then(|number| usize::try_from(number).ok());
    match label {
        Value::Array(parts) if parts.len() == 3 => {
            Some((number(parts.first())?, number(parts.get(1))?, parts.get(2)?.as_str()?.to_owned()))
        }
        Value::Object(parts) => {
            let name = parts.get("label")?.as_str()?.to_owned();
            let offset = |names: [&str; 2]| number(names.iter().find_map(|name| parts.get(*name)));
            Some((offset(["start_offset", "start"])?, offset(["end_offset", "end"])?, name))
        }
        _ => None,
    }
}

/// Returns the only item of a list with one item, and any other value unchanged.
fn unwrapped(value: Value) -> Value {
    match value {
        Value::Array(mut items) if items.len() == 1 => items.remove(0),
        other => other,
    }
}

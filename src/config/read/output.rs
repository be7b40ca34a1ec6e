//! Reads the tables of a module's `outputs`.

use std::path::Path;

use super::section::Section;
use super::suggestion::suggestion;
use crate::config::module::OutputPlan;
use crate::engine::schema::Enforceable;
use crate::engine::{Grammar, Shape};
use crate::program::layout::REASONING;
use crate::program::parse;

/// The values of `kind`.
const KINDS: [&str; 4] = ["text", "number", "flag", "list"];

/// Reads an output that is a table.
pub(super) fn read(section: Section<'_>, folder: &Path) -> OutputPlan {
    let name = section.required_text("name");
    let kind = section.text("kind");
    let values = section.texts("values");
    let schema = section.text("schema");
    let shape = match (kind.as_deref(), values, schema) {
        (None | Some("text"), None, None) => Shape::Text,
        (Some("number"), None, None) => Shape::Number,
        (Some("flag"), None, None) => Shape::Flag,
        (Some("list"), None, None) => Shape::List(Vec::new()),
        (Some("list"), Some(values), None) => Shape::List(checked_values(&section, values)),
        (None, Some(values), None) => Shape::Values(checked_values(&section, values)),
        (None, None, Some(schema)) => read_schema(&section, &schema, folder),
        (Some(kind), None, None) => {
            section.problem("kind", format!("there is no kind `{kind}`; {}", suggestion(kind, &KINDS)));
            Shape::Text
        }
        _ => {
            section.problem("name", "give one of `kind`, `values` and `schema`; only `kind = \"list\"` goes with `values`");
            Shape::Text
        }
    };
    section.report_unknown_keys();
    OutputPlan { name, shape }
}

/// Checks that the labels of the outputs can be told apart in an answer, and from the label of the reasoning.
pub(super) fn check_labels(section: &Section<'_>, outputs: &[OutputPlan], reasoning: bool) {
    for (index, OutputPlan { name, .. }) in outputs.iter().enumerate() {
        if let Some(OutputPlan { name: other, .. }) = outputs[..index].iter().find(|other| parse::is_label_of(&other.name, name))
        {
            let cause = "cannot be told apart in an answer: case and marks like `_` around a name do not count";
            section.problem("outputs", format!("has `{other}` and `{name}`, which {cause}; rename one"));
        }
        if reasoning && parse::is_label_of(name, REASONING) {
            let cause = "with `reasoning = true`, the reasoning stands behind that name in an answer";
            section.problem("outputs", format!("cannot have `{name}`: {cause}; rename it"));
        }
    }
}

fn checked_values(section: &Section<'_>, values: Vec<String>) -> Vec<String> {
    if values.is_empty() {
        section.problem("values", "must name at least one");
    }
    if let Some(bad) = values.iter().find(|value| value.trim() != value.as_str() || value.is_empty() || value.contains('\n')) {
        section.problem("values", format!("{bad:?} cannot be one: no line break, no space at its ends, not empty"));
    }
    values
}

/// Reads a JSON schema: `schema` is the schema, or the path of a file with one.
fn read_schema(section: &Section<'_>, schema: &str, folder: &Path) -> Shape {
    let path = folder.join(schema);
    let source = match schema.trim_start().starts_with('{') {
        true => Ok(schema.to_owned()),
        false => std::fs::read_to_string(&path).map_err(|e| format!("{} cannot be read: {e}", path.display())),
    };
    let shape = source.and_then(|source| {
        let schema = serde_json::from_str(&source).map_err(|e| format!("is no JSON: {e}"))?;
        if let Some(keyword) = Enforceable::new(&schema).refused.first() {
            return Err(format!("cannot be enforced: llguidance does not know {keyword}; leave it out"));
        }
        let shape = Shape::Json(schema);
        // The rest of the message is the whole grammar.
        let first_line = |cause: String| cause.lines().next().unwrap_or_default().to_owned();
        Grammar::value(&shape).check().map_err(|cause| format!("cannot be enforced: {}", first_line(cause)))?;
        Ok(shape)
    });
    shape.unwrap_or_else(|problem| {
        section.problem("schema", problem);
        Shape::Text
    })
}

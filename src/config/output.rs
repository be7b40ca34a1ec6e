//! What a module writes: names, or names with what their values must be.

use std::path::Path;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::section::{Section, nearest};
use crate::engine::{Grammar, Shape};
use crate::program::layout::REASONING;
use crate::program::parse;

/// One of `outputs`.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputPlan {
    /// Its name.
    pub name: String,
    /// What it must be. The answer is decoded under a grammar where any output of a module is more than text.
    pub shape: Shape,
}

/// As the task file has it: the name alone where it is text.
impl Serialize for OutputPlan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.shape == Shape::Text {
            return serializer.serialize_str(&self.name);
        }
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("name", &self.name)?;
        match &self.shape {
            Shape::Text => map.serialize_entry("kind", "text")?,
            Shape::Values(values) => map.serialize_entry("values", values)?,
            Shape::Number => map.serialize_entry("kind", "number")?,
            Shape::Flag => map.serialize_entry("kind", "flag")?,
            Shape::List(values) => {
                map.serialize_entry("kind", "list")?;
                if !values.is_empty() {
                    map.serialize_entry("values", values)?;
                }
            }
            Shape::Json(schema) => map.serialize_entry("schema", &schema.to_string())?,
        }
        map.end()
    }
}

/// The kinds that need nothing else said.
const KINDS: [&str; 4] = ["text", "number", "flag", "list"];

/// Reads one that is a table.
pub(super) fn read(section: Section<'_>, base: &Path) -> OutputPlan {
    let name = section.required_text("name");
    let kind = section.text("kind");
    let values = section.texts("values");
    let schema = section.text("schema");
    let shape = match (kind.as_deref(), values, schema) {
        (None | Some("text"), None, None) => Shape::Text,
        (Some("number"), None, None) => Shape::Number,
        (Some("flag"), None, None) => Shape::Flag,
        (Some("list"), None, None) => Shape::List(Vec::new()),
        (Some("list"), Some(values), None) => Shape::List(read_values(&section, values)),
        (None, Some(values), None) => Shape::Values(read_values(&section, values)),
        (None, None, Some(schema)) => read_schema(&section, &schema, base),
        (Some(kind), None, None) => {
            section.problem("kind", format!("there is no kind `{kind}`; {}", nearest(kind, &KINDS)));
            Shape::Text
        }
        _ => {
            section.problem("name", "give one of `kind`, `values` and `schema`; only `kind = \"list\"` goes with `values`");
            Shape::Text
        }
    };
    section.finish();
    OutputPlan { name, shape }
}

/// Each must be told from the others in an answer, and from the reasoning where the module reasons.
pub(super) fn check(section: &Section<'_>, outputs: &[OutputPlan], reasoning: bool) {
    for (place, OutputPlan { name, .. }) in outputs.iter().enumerate() {
        if let Some(OutputPlan { name: other, .. }) = outputs[..place].iter().find(|other| parse::names_it(&other.name, name)) {
            let cause = "cannot be told apart in an answer: case and marks like `_` around a name do not count";
            section.problem("outputs", format!("has `{other}` and `{name}`, which {cause}; rename one"));
        }
        if reasoning && parse::names_it(name, REASONING) {
            let cause = "with `reasoning = true`, the reasoning stands behind that name in an answer";
            section.problem("outputs", format!("cannot have `{name}`: {cause}; rename it"));
        }
    }
}

fn read_values(section: &Section<'_>, values: Vec<String>) -> Vec<String> {
    if values.is_empty() {
        section.problem("values", "must name at least one");
    }
    if let Some(bad) = values.iter().find(|value| value.trim() != value.as_str() || value.is_empty() || value.contains('\n')) {
        section.problem("values", format!("{bad:?} cannot be one: no line break, no space at its ends, not empty"));
    }
    values
}

/// A schema that is written out, or the path of one.
fn read_schema(section: &Section<'_>, schema: &str, base: &Path) -> Shape {
    let written = schema.trim_start().starts_with('{');
    let path = base.join(schema);
    let source = match written {
        true => Ok(schema.to_owned()),
        false => std::fs::read_to_string(&path).map_err(|e| format!("{} cannot be read: {e}", path.display())),
    };
    let shape = source.and_then(|source| {
        let schema = serde_json::from_str(&source).map_err(|e| format!("is no JSON: {e}"))?;
        let shape = Shape::Json(schema);
        let wrong = |cause| format!("cannot be enforced: {cause}");
        Grammar::value(&shape).check().map_err(wrong)?;
        Ok(shape)
    });
    shape.unwrap_or_else(|problem| {
        section.problem("schema", problem);
        Shape::Text
    })
}

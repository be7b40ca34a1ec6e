//! `[[module]]`: the parts of a program that ask a model, with their outputs and demonstrations.

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::fingerprint::Keys;
use super::model::ModelRef;
use crate::engine::Shape;
use crate::program::Condition;

/// `[[module]]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModulePlan {
    /// The name of the module: letters, digits, `_` and `-`. It also names a file in the run's folder `best/`.
    pub name: String,
    /// The fields that the prompt shows: fields of a row, or outputs of modules and steps that run before.
    pub inputs: Vec<String>,
    /// The fields that the module writes. Each is a name, or a table with `name` and one of `values`, `kind` (`"number"`,
    /// `"flag"`, `"list"`, `"text"`) and `schema`.
    pub outputs: Vec<OutputPlan>,
    /// The instruction to begin with, here or in a file.
    pub instruction: String,
    /// Whether the module's text stays unchanged.
    pub frozen: bool,
    /// Sentences of the instruction that must stay in it, word for word; left out: none.
    pub keep: Vec<String>,
    /// The most tokens of an answer.
    pub max_tokens: u32,
    /// The temperature of the answers. With 0, the most probable token is always taken.
    pub temperature: f32,
    /// The probability mass of nucleus sampling, from 0.01 to 1. Without effect if the temperature is 0.
    pub top_p: f32,
    /// Whether the module writes its reasoning before its outputs. A search may change this.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reasoning: bool,
    /// The condition under which the module runs: `{ field = "kind", equals = "long" }`, or with `contains = "…"` or
    /// `empty = true` instead of `equals`. `not = true` inverts it; None: always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// The `[model.NAME]` that answers.
    pub model: ModelRef,
    /// Demonstrations (worked examples) that the prompt shows from the start: a file of rows, or a list of rows and of ids of
    /// training rows; left out: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub demonstrations: Vec<DemonstrationPlan>,
}

pub(super) static KEYS: Keys = Keys {
    inside: "name inputs outputs instruction frozen keep max_tokens temperature top_p reasoning when model \
        demonstrations",
    ..Keys::NONE
};

impl ModulePlan {
    /// Whether one of the module's outputs is called `name`.
    #[must_use]
    pub fn writes(&self, name: &str) -> bool {
        self.outputs.iter().any(|output| output.name == name)
    }
}

/// One of a module's `outputs`.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputPlan {
    /// The name of the field.
    pub name: String,
    /// What the value can be. If any output of a module is not plain text, its answers are decoded under a grammar.
    pub shape: Shape,
}

/// Writes the form of the task file: the name alone if the output is plain text, and a table otherwise.
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

/// A demonstration in the prompt of a module: inputs with the right outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct DemonstrationPlan {
    /// The id of the row, or `demonstration-N` for the Nth table of a list if it has no `id`.
    pub id: String,
    /// The names and values of the module's inputs and outputs, in the module's order. The reasoning comes last, if the module
    /// reasons.
    pub fields: Vec<(String, String)>,
}

/// Writes the form of the task file: a table of fields.
impl Serialize for DemonstrationPlan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        for (name, value) in self.fields.iter().filter(|(name, _)| name != "id") {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl DemonstrationPlan {
    /// Returns the value of a field. Empty if the demonstration has no such field.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        self.fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value)
    }
}

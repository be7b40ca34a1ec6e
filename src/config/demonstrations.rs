//! `demonstrations` of a module: worked examples that the user gives.

use std::path::Path;

use serde::de::IgnoredAny;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::plan::ModulePlan;
use super::section::Section;
use crate::data::{DataError, Dataset, Example};
use crate::engine::Shape;
use crate::program::layout::REASONING;
use crate::program::{Demonstration, Module, ModuleText, layout};

/// A worked example, by the fields that its module reads and writes.
#[derive(Debug, Clone, PartialEq)]
pub struct DemonstrationPlan {
    /// The row that it is taken from, or its place in the list.
    pub id: String,
    /// The module's inputs and outputs, in its order; the reasoning last, where the module reasons.
    pub fields: Vec<(String, String)>,
}

/// As the task file has it in a list: a table of fields.
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
    fn field(&self, name: &str) -> String {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// The same as the module's chat shows it.
    #[must_use]
    pub fn shown(&self, module: &Module, text: &ModuleText) -> Demonstration {
        let named = |name: &String| (name.clone(), self.field(name));
        let outputs: Vec<(String, String)> = module.outputs.iter().map(named).collect();
        let reasoning = text.reasoning.then(|| self.field(REASONING));
        Demonstration {
            id: self.id.clone(),
            inputs: module.inputs.iter().map(named).collect(),
            answer: layout::worked_answer(reasoning.as_deref(), &outputs),
        }
    }
}

/// Reads a module's worked examples: a file of rows, or a list of such rows and of ids of training rows.
pub(super) fn read(section: &Section<'_>, module: &ModulePlan, base: &Path, train: Option<&Path>) -> Vec<DemonstrationPlan> {
    const KEY: &str = "demonstrations";
    let rows = if section.is_text(KEY) { in_file(&section.path(KEY, base).unwrap_or_default()) } else { listed(section, train) };
    let found = rows.and_then(|rows| rows.iter().map(|row| checked(row, module)).collect());
    found.unwrap_or_else(|problem: String| {
        section.problem(KEY, problem);
        Vec::new()
    })
}

fn in_file(path: &Path) -> Result<Vec<Example>, String> {
    let rows = Dataset::open(path, None).and_then(|data| data.check(&[])).map_err(|error| error.to_string())?;
    if rows.is_empty() {
        return Err(format!("{} has no rows; leave `demonstrations` out if there are none", path.display()));
    }
    Ok(rows)
}

fn listed(section: &Section<'_>, train: Option<&Path>) -> Result<Vec<Example>, String> {
    let mut training = None;
    let mut rows: Vec<Example> = Vec::new();
    for (place, item) in section.texts_or_tables("demonstrations").into_iter().enumerate() {
        let row = match item {
            Ok(id) => {
                let path = train.ok_or("names rows of `data.train`, which is missing")?;
                let data = match &mut training {
                    Some(data) => data,
                    empty => empty.insert(Dataset::open(path, None).map_err(|error: DataError| error.to_string())?),
                };
                of_training(data, &id)?
            }
            Err(table) => {
                let fields = table.all_but("");
                let id = fields.get("id").map_or_else(|| format!("demonstration-{}", place + 1), crate::data::to_text);
                Example { id, fields }
            }
        };
        if rows.iter().any(|other| other.id == row.id) {
            return Err(format!("`{}` stands twice", row.id));
        }
        rows.push(row);
    }
    Ok(rows)
}

/// The training row called `id`.
fn of_training(data: &Dataset, id: &str) -> Result<Example, String> {
    for place in 0..data.len() {
        if data.id(place).map_err(|error| error.to_string())? == id {
            return data.get(place).map_err(|error| error.to_string());
        }
    }
    Err(format!("{} has no row with the id `{id}`", data.path().display()))
}

/// The fields that the module needs of a row.
fn checked(row: &Example, module: &ModulePlan) -> Result<DemonstrationPlan, String> {
    let outputs = module.outputs.iter().map(|output| &output.name);
    let reasoning = REASONING.to_owned();
    let needed = module.inputs.iter().chain(outputs).chain(module.reasoning.then_some(&reasoning));
    let text = |name: &String| match row.input(name) {
        // As a rollout reads it.
        None if module.inputs.contains(name) && row.fields.contains_key(name) => Some(String::new()),
        _ => row.text(name),
    };
    let field = |name: &String| match text(name) {
        Some(text) => Ok((name.clone(), text)),
        None => Err(format!("`{}` has no `{name}`; a worked example needs all inputs and outputs of its module", row.id)),
    };
    let plan = DemonstrationPlan { id: row.id.clone(), fields: needed.map(field).collect::<Result<_, _>>()? };
    for output in &module.outputs {
        let value = plan.field(&output.name);
        if let Some(amiss) = amiss(&output.shape, &value) {
            return Err(format!("`{}` of `{}` is `{value}`, which is {amiss}", output.name, row.id));
        }
    }
    Ok(plan)
}

/// What a value is where its output can never be so; None where it can. Whether JSON fits its schema is not asked.
fn amiss(shape: &Shape, value: &str) -> Option<&'static str> {
    let (is_one, otherwise) = match shape {
        Shape::Text => (true, ""),
        Shape::Values(values) => (values.iter().any(|one| one == value), "not among its `values`"),
        Shape::Number => (is_number(value), "no number: give digits, perhaps with a minus and decimals"),
        Shape::Flag => (matches!(value, "true" | "false"), "neither `true` nor `false`"),
        Shape::List(values) => (is_list(value, values), "no list of texts, or not of its `values`: give one like [\"a\", \"b\"]"),
        Shape::Json(_) => (serde_json::from_str::<IgnoredAny>(value).is_ok(), "no JSON"),
    };
    (!is_one).then_some(otherwise)
}

/// A number as a grammar lets it be written.
fn is_number(value: &str) -> bool {
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, decimals) = value.split_once('.').unwrap_or((value, "0"));
    is_digits(whole.strip_prefix('-').unwrap_or(whole)) && is_digits(decimals)
}

/// A list as a grammar lets it be written: of any texts, or of at most as many as there are `values`.
fn is_list(value: &str, values: &[String]) -> bool {
    let fits = |texts: Vec<String>| texts.len() <= values.len() && texts.iter().all(|text| values.contains(text));
    serde_json::from_str(value).is_ok_and(|texts| values.is_empty() || fits(texts))
}

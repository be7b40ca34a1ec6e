//! Reads the `demonstrations` of a module.

use std::path::Path;

use serde::de::IgnoredAny;

use super::section::Section;
use crate::config::module::{DemonstrationPlan, ModulePlan};
use crate::data::{Dataset, Example, to_text};
use crate::engine::Shape;
use crate::program::layout::REASONING;

const KEY: &str = "demonstrations";

/// Reads the demonstrations of a module: a file of rows, or a list of rows and of ids of training rows. `train` is the file of the
/// training rows, if the task file names one.
pub(super) fn read(section: &Section<'_>, module: &ModulePlan, folder: &Path, train: Option<&Path>) -> Vec<DemonstrationPlan> {
    let rows = match section.is_text(KEY) {
        true => rows_of_file(&section.path(KEY, folder).unwrap_or_default()),
        false => rows_of_list(section, train),
    };
    let demonstrations = rows.and_then(|rows| rows.iter().map(|row| demonstration(row, module)).collect());
    demonstrations.unwrap_or_else(|problem: String| {
        section.problem(KEY, problem);
        Vec::new()
    })
}

fn rows_of_file(path: &Path) -> Result<Vec<Example>, String> {
    let rows = Dataset::open(path, None).and_then(|data| data.check(&[])).map_err(|error| error.to_string())?;
    if rows.is_empty() {
        return Err(format!("{} has no rows; leave `demonstrations` out if there are none", path.display()));
    }
    Ok(rows)
}

fn rows_of_list(section: &Section<'_>, train: Option<&Path>) -> Result<Vec<Example>, String> {
    let mut training = None;
    let mut rows: Vec<Example> = Vec::new();
    for (index, item) in section.texts_or_tables(KEY).into_iter().enumerate() {
        let row = match item {
            Ok(id) => {
                let path = train.ok_or("names rows of `data.train`, which is missing")?;
                let data = match &mut training {
                    Some(data) => data,
                    empty => empty.insert(Dataset::open(path, None).map_err(|error| error.to_string())?),
                };
                row_with_id(data, &id)?
            }
            Err(table) => {
                let fields = table.json_without("");
                let id = fields.get("id").map_or_else(|| format!("demonstration-{}", index + 1), to_text);
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

fn row_with_id(data: &Dataset, id: &str) -> Result<Example, String> {
    for index in 0..data.len() {
        if data.id(index).map_err(|error| error.to_string())? == id {
            return data.get(index).map_err(|error| error.to_string());
        }
    }
    Err(format!("{} has no row with the id `{id}`", data.path().display()))
}

/// Takes the fields of the module from a row.
fn demonstration(row: &Example, module: &ModulePlan) -> Result<DemonstrationPlan, String> {
    let outputs = module.outputs.iter().map(|output| &output.name);
    let reasoning = REASONING.to_owned();
    let needed = module.inputs.iter().chain(outputs).chain(module.reasoning.then_some(&reasoning));
    let text = |name: &String| match row.input(name) {
        // An input that is null is an empty text, as in a rollout.
        None if module.inputs.contains(name) && row.fields.contains_key(name) => Some(String::new()),
        _ => row.text(name),
    };
    let field = |name: &String| match text(name) {
        Some(text) => Ok((name.clone(), text)),
        None => Err(format!("`{}` has no `{name}`; a demonstration needs all inputs and outputs of its module", row.id)),
    };
    let plan = DemonstrationPlan { id: row.id.clone(), fields: needed.map(field).collect::<Result<_, _>>()? };
    for output in &module.outputs {
        let value = plan.field(&output.name);
        if let Some(problem) = problem_with_value(&output.shape, value) {
            return Err(format!("`{}` of `{}` is `{value}`, which is {problem}", output.name, row.id));
        }
    }
    Ok(plan)
}

/// Returns why an output cannot have a value. None if it can. JSON is not checked against its schema.
fn problem_with_value(shape: &Shape, value: &str) -> Option<&'static str> {
    let (is_valid, problem) = match shape {
        Shape::Text => (true, ""),
        Shape::Values(values) => (values.iter().any(|one| one == value), "not among its `values`"),
        Shape::Number => (is_number(value), "no number: give digits, perhaps with a minus and decimals"),
        Shape::Flag => (matches!(value, "true" | "false"), "neither `true` nor `false`"),
        Shape::List(values) => (is_list(value, values), "no list of texts, or not of its `values`: give one like [\"a\", \"b\"]"),
        Shape::Json(_) => (serde_json::from_str::<IgnoredAny>(value).is_ok(), "no JSON"),
    };
    (!is_valid).then_some(problem)
}

/// Whether the grammar of a number allows the text.
fn is_number(value: &str) -> bool {
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, decimals) = value.split_once('.').unwrap_or((value, "0"));
    is_digits(whole.strip_prefix('-').unwrap_or(whole)) && is_digits(decimals)
}

/// Whether the grammar of a list allows the text. If there are `values`, a list has no other items and at most as many as there are
/// values.
fn is_list(value: &str, values: &[String]) -> bool {
    let fits = |texts: Vec<String>| texts.len() <= values.len() && texts.iter().all(|text| values.contains(text));
    serde_json::from_str(value).is_ok_and(|texts| values.is_empty() || fits(texts))
}

//! The files of a project that begins with the user's rows.

use std::path::Path;

use gepard::data::{Example, listed, to_text};
use gepard::error::RunError;
use gepard::init::infer::{self, InferredTask};

use super::new_file::NewFile;
use crate::cli::CliError;

/// Returns the files of the project, and notes about it for the user. Each note is one line.
pub(super) fn project(
    data: &Path,
    inputs: &[String],
    output: Option<&str>,
    model: &str,
) -> Result<(Vec<NewFile>, Vec<String>), CliError> {
    let rows = infer::read_rows(data).map_err(RunError::from)?;
    let unusable = |cause: String| CliError::Usage(format!("--data {}: {cause}", data.display()));
    let output = infer::infer_task(&rows, inputs, output).map_err(unusable)?.output;
    // Rows without an answer are of no use, and would hide of which kind the answers are.
    let all = rows.len();
    let rows: Vec<Example> = rows.into_iter().filter(|row| is_answered(row, &output)).collect();
    let task = infer::infer_task(&rows, inputs, Some(&output)).map_err(unusable)?;
    let total = rows.len();
    let [train, val, test] = infer::split_rows(rows, &task.inputs);
    if train.is_empty() || val.is_empty() {
        return Err(unusable("its rows have nearly all the same inputs, so there is nothing to split".into()));
    }
    let mut notes = vec![
        format!("{total} rows: {} for training, {} for validation, {} for the test", train.len(), val.len(), test.len()),
        format!("The program reads {} and writes `{}`.", listed(&task.inputs), task.output),
        format!("The metric is \"{}\": {}. docs/metrics.md has the others.", task.metric.kind, task.metric.reason),
    ];
    let unread: Vec<String> = unused_fields(&train, &task);
    if !unread.is_empty() {
        notes.push(format!("{} stay in the rows and are not read.", listed(&unread)));
    } else if task.inputs.len() > 1 {
        notes.push("To leave fields out, name those that are to be read with --inputs.".into());
    }
    match all - total {
        0 => {}
        1 => notes.push(format!("1 of {all} rows has no `{output}` and is left out.")),
        open => notes.push(format!("{open} of {all} rows have no `{output}` and are left out.")),
    }
    let unused = total - train.len() - val.len() - test.len();
    if unused > 0 {
        notes.push(format!(
            "{unused} more {} in none of the files: the test is run twice, and more rows tell it little more.",
            if unused == 1 { "row is" } else { "rows are" }
        ));
    }
    if test.is_empty() {
        notes.push("There are too few rows for a test split.".into());
    }
    let mut files = vec![NewFile { name: "gepard.toml".into(), content: task_file(&task, model, !test.is_empty()) }];
    for (name, rows) in [("train.jsonl", train), ("val.jsonl", val), ("test.jsonl", test)] {
        if !rows.is_empty() {
            files.push(NewFile { name: name.into(), content: rows.iter().map(json_line).collect() });
        }
    }
    Ok((files, notes))
}

/// Whether a row has an answer: a value that is neither null nor blank text.
fn is_answered(row: &Example, output: &str) -> bool {
    row.fields.get(output).is_some_and(|value| !value.is_null() && !to_text(value).trim().is_empty())
}

/// Returns the fields that are neither inputs nor the answer.
fn unused_fields(rows: &[Example], task: &InferredTask) -> Vec<String> {
    let names = infer::field_names(rows).into_iter();
    names.filter(|name| **name != task.output && !task.inputs.contains(name)).cloned().collect()
}

/// Returns the row as a line of JSONL, with its id.
fn json_line(row: &Example) -> String {
    let mut object = serde_json::Map::new();
    object.insert("id".into(), row.id.as_str().into());
    object.extend(row.fields.iter().filter(|(name, _)| *name != "id").map(|(name, value)| (name.clone(), value.clone())));
    format!("{}\n", serde_json::Value::Object(object))
}

/// Returns the content of `gepard.toml`.
fn task_file(task: &InferredTask, model: &str, has_test: bool) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let inputs: Vec<String> = task.inputs.iter().map(|name| quoted(name)).collect();
    let test = if has_test { "test = \"test.jsonl\"              # never seen while optimizing\n" } else { "" };
    let fields = if task.inputs.len() == 1 { "field" } else { "fields" };
    let mut instruction = format!("Given the {fields} {}, produce the field `{}`.", listed(&task.inputs), task.output);
    if !task.metric.form.is_empty() {
        instruction += &format!(" {}", task.metric.form);
    }
    let further = |(key, names): &(&str, Vec<String>)| {
        let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        format!("{key} = [{}]\n", names.join(", "))
    };
    let further: String = task.metric.keys.iter().map(further).collect();
    format!(
        "# NewFile by `gepard init --data`. What was guessed can be changed.\n\n\
         [data]\n\
         train = \"train.jsonl\"            # what the reflecting model may read\n\
         val = \"val.jsonl\"                # what prompts are compared on\n\
         {test}\n\
         [[module]]\n\
         name = \"answer\"\n\
         inputs = [{}]\n\
         outputs = [{}]\n\
         instruction = {}\n\
         max_tokens = {}\n\n\
         [metric]\n\
         kind = {}                   # {}\n\
         field = {}\n\
         {further}\n\
         [model.task]\n\
         gguf = {}\n\n\
         [optimize]\n\
         budget = \"300\"                   # rollouts (runs of one row), or a time: \"30m\"\n",
        inputs.join(", "),
        quoted(&task.output),
        quoted(&instruction),
        task.max_tokens,
        quoted(task.metric.kind),
        task.metric.reason,
        quoted(&task.output),
        quoted(model),
    )
}

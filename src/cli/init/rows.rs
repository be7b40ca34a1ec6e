//! A project from a user's own rows.

use std::path::Path;

use gepard::data::{Example, listed, to_text};
use gepard::error::RunError;
use gepard::init::infer::{self, Guess};

use super::Made;
use crate::cli::CliError;

/// The files, and what was found, in lines.
pub(super) fn project(
    data: &Path,
    inputs: &[String],
    output: Option<&str>,
    model: &str,
) -> Result<(Vec<Made>, Vec<String>), CliError> {
    let rows = infer::read(data).map_err(RunError::from)?;
    let unusable = |cause: String| CliError::Usage(format!("--data {}: {cause}", data.display()));
    let output = infer::guess(&rows, inputs, output).map_err(unusable)?.output;
    // Rows that nobody has answered yet teach nothing, and would hide what the answers look like.
    let all = rows.len();
    let rows: Vec<Example> = rows.into_iter().filter(|row| is_answered(row, &output)).collect();
    let guess = infer::guess(&rows, inputs, Some(&output)).map_err(unusable)?;
    let total = rows.len();
    let [train, val, test] = infer::split(rows, &guess.inputs);
    if train.is_empty() || val.is_empty() {
        return Err(unusable("its rows have nearly all the same inputs, so there is nothing to split".into()));
    }
    let mut words = vec![
        format!("{total} rows: {} for training, {} for validation, {} for the test", train.len(), val.len(), test.len()),
        format!("The program reads {} and writes `{}`.", listed(&guess.inputs), guess.output),
        format!("The metric is \"{}\": {}. docs/metrics.md has the others.", guess.metric, guess.because),
    ];
    let unread: Vec<String> = left_out(&train, &guess);
    if !unread.is_empty() {
        words.push(format!("{} stay in the rows and are not read.", listed(&unread)));
    } else if guess.inputs.len() > 1 {
        words.push("To leave fields out, name those that are to be read with --inputs.".into());
    }
    match all - total {
        0 => {}
        1 => words.push(format!("1 of {all} rows has no `{output}` and is left out.")),
        open => words.push(format!("{open} of {all} rows have no `{output}` and are left out.")),
    }
    let unused = total - train.len() - val.len() - test.len();
    if unused > 0 {
        words.push(format!(
            "{unused} more {} in none of the files: the test is run twice, and more rows tell it little more.",
            if unused == 1 { "row is" } else { "rows are" }
        ));
    }
    if test.is_empty() {
        words.push("There are too few rows for a test split.".into());
    }
    let mut files = vec![Made { name: "gepard.toml".into(), content: task_file(&guess, model, !test.is_empty()) }];
    for (name, rows) in [("train.jsonl", train), ("val.jsonl", val), ("test.jsonl", test)] {
        if !rows.is_empty() {
            files.push(Made { name: name.into(), content: rows.iter().map(line).collect() });
        }
    }
    Ok((files, words))
}

/// Whether the answer of a row is there: `null` and blank text are none.
fn is_answered(row: &Example, output: &str) -> bool {
    row.fields.get(output).is_some_and(|value| !value.is_null() && !to_text(value).trim().is_empty())
}

/// Fields that are neither read nor the answer.
fn left_out(rows: &[Example], guess: &Guess) -> Vec<String> {
    let names = infer::fields(rows).into_iter();
    names.filter(|name| **name != guess.output && !guess.inputs.contains(name)).cloned().collect()
}

/// A row with its id, so that it is the same row in whichever file it stands.
fn line(row: &Example) -> String {
    let mut whole = serde_json::Map::new();
    whole.insert("id".into(), row.id.as_str().into());
    whole.extend(row.fields.iter().filter(|(name, _)| *name != "id").map(|(name, value)| (name.clone(), value.clone())));
    format!("{}\n", serde_json::Value::Object(whole))
}

fn task_file(guess: &Guess, model: &str, has_test: bool) -> String {
    let text = |text: &str| toml::Value::from(text).to_string();
    let inputs: Vec<String> = guess.inputs.iter().map(|name| text(name)).collect();
    let test = if has_test { "test = \"test.jsonl\"              # never seen while optimizing\n" } else { "" };
    let fields = if guess.inputs.len() == 1 { "field" } else { "fields" };
    let instruction = format!("Given the {fields} {}, produce the field `{}`.", listed(&guess.inputs), guess.output);
    format!(
        "# Made by `gepard init --data`. What was guessed can be changed.\n\n\
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
         field = {}\n\n\
         [model.task]\n\
         gguf = {}\n\n\
         [optimize]\n\
         budget = \"300\"                   # rollouts (runs of one row), or a time: \"30m\"\n",
        inputs.join(", "),
        text(&guess.output),
        text(&instruction),
        guess.max_tokens,
        text(guess.metric),
        guess.because,
        text(&guess.output),
        text(model),
    )
}

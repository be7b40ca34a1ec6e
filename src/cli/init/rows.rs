//! The files of a project that begins with the user's rows.

use std::path::Path;

use gepard::data::{Example, is_blank, listed};
use gepard::error::RunError;
use gepard::init::forms::{self, Converted};
use gepard::init::infer::{self, InferredTask};
use gepard::init::{answer_field, answer_length, fields, leak};

use super::model::Model;
use super::new_file::NewFile;
use crate::cli::CliError;

/// Returns the files of the project, and notes about it for the user. Each note is one line.
pub(super) fn project(
    data: &Path,
    inputs: &[String],
    output: Option<&str>,
    model: &Model,
) -> Result<(Vec<NewFile>, Vec<String>), CliError> {
    let rows = infer::read_rows(data).map_err(RunError::from)?;
    let unusable = |cause: String| CliError::Usage(format!("--data {}: {cause}", data.display()));
    let (rows, unfolded) = match forms::unfold(&rows) {
        Some((rows, told)) => (rows, Some(told)),
        None => (rows, None),
    };
    // A user who names fields means those of the file.
    let is_named = output.is_some() || !inputs.is_empty();
    let converted = if is_named { None } else { forms::convert(&rows).map_err(unusable)? };
    let (rows, told, outputs, instruction) = match converted {
        Some(Converted { rows, told, output, instruction }) => (rows, Some(told), vec![output], instruction),
        None => {
            let named = output.map_or_else(Vec::new, |names| infer::named_fields(&rows, names));
            (rows, None, named, None)
        }
    };
    let inferred = infer::infer_task(&rows, inputs, &outputs).map_err(unusable)?;
    let (outputs, guess): (Vec<String>, _) = (inferred.outputs().cloned().collect(), inferred.guess);
    // Rows without an answer are of no use, and would hide of which kind the answers are.
    let all = rows.len();
    let rows: Vec<Example> = rows.into_iter().filter(|row| outputs.iter().any(|output| is_answered(row, output))).collect();
    let task = infer::infer_task(&rows, inputs, &outputs).map_err(unusable)?;
    let total = rows.len();
    let warnings = warnings(&rows, &task, !inputs.is_empty());
    let names: Vec<&str> = outputs.iter().map(String::as_str).collect();
    let max_tokens = answer_length::most_tokens(&rows, &names, model.path.as_deref());
    let [train, val, test] = infer::split_rows(rows, &task.inputs);
    if train.is_empty() || val.is_empty() {
        return Err(unusable("its rows have nearly all the same inputs, so there is nothing to split".into()));
    }
    let mut notes = vec![
        format!("{total} rows: {} for training, {} for validation, {} for the test", train.len(), val.len(), test.len()),
        format!("The program reads {} and writes {}.", listed(&task.inputs), listed(&outputs)),
        format!("The metric is \"{}\": {}. docs/metrics.md has the others.", task.metric.kind, task.metric.reason),
    ];
    if let Some(why) = guess {
        notes.insert(
            2,
            match outputs.as_slice() {
                [output] => format!("`{output}` is taken for the answer: {why}. --output can name another."),
                several => {
                    format!("{} are taken for answers: they have the same few values. --output can name one.", listed(several))
                }
            },
        );
    }
    notes.splice(0..0, unfolded.into_iter().chain(told));
    notes.extend(warnings);
    let unread: Vec<String> = unused_fields(&train, &task);
    if !unread.is_empty() {
        notes.push(format!("{} stay in the rows and are not read.", listed(&unread)));
    } else if task.inputs.len() > 1 {
        notes.push("To leave fields out, name those that are to be read with --inputs.".into());
    }
    match all - total {
        0 => {}
        1 => notes.push(format!("1 of {all} rows has no {} and is left out.", listed(&outputs))),
        open => notes.push(format!("{open} of {all} rows have no {} and are left out.", listed(&outputs))),
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
    let mut files = vec![NewFile {
        name: "gepard.toml".into(),
        content: task_file(&task, instruction, max_tokens, &model.reference, !test.is_empty()),
    }];
    for (name, rows) in [("train.jsonl", train), ("val.jsonl", val), ("test.jsonl", test)] {
        if !rows.is_empty() {
            files.push(NewFile { name: name.into(), content: rows.iter().map(json_line).collect() });
        }
    }
    Ok((files, notes))
}

/// Whether a row has an answer: a value that is neither null nor blank text.
fn is_answered(row: &Example, output: &str) -> bool {
    row.fields.get(output).is_some_and(|value| !is_blank(value))
}

/// Returns notes on fields that number the rows or tell the answer, on those that may be answers too, and on answers that are
/// bare numbers. `are_named` is whether the user named the inputs.
fn warnings(rows: &[Example], task: &InferredTask, are_named: bool) -> Vec<String> {
    let unread =
        task.unread.iter().map(|unread| format!("`{}` is not read: {}. --inputs can name it.", unread.field, unread.reason));
    let mut notes: Vec<String> = unread.collect();
    if let Some(name) = fields::named_by_a_value(rows) {
        notes.push(format!(
            "`{name}` is the name of a field and a value of it: if the first line is a row, write the names of the fields above it."
        ));
    }
    let all: Vec<&Example> = rows.iter().collect();
    for input in &task.inputs {
        if let Some(leak) = task.outputs().find_map(|output| leak::of_field(&all, input, output)) {
            notes.push(format!("`{input}` is read, though {leak}: is it there when the program is used?"));
        }
    }
    let others = answer_field::other_classes(rows, &task.inputs, &task.output);
    if !are_named && !others.is_empty() {
        let outputs: Vec<&str> = task.outputs().chain(others.iter().copied()).map(String::as_str).collect();
        notes.push(format!(
            "{} too {} few different values: if the program is to write them as well, --output {}",
            listed(&others),
            if others.len() == 1 { "has" } else { "have" },
            shell_word(&outputs.join(","))
        ));
    }
    if !task.further.is_empty() {
        return notes;
    }
    match fields::in_words(rows, &task.unread, &task.output) {
        Some(words) => notes.push(format!(
            "The values of `{}` are bare numbers; `{words}` says the same in words, which a model writes more surely: --output {words}",
            task.output
        )),
        // A label has a form where it is the position of a choice.
        None if fields::are_ratings(rows, &task.output) => {}
        None if fields::are_codes(rows, &task.output) && (task.metric.kind != "label" || task.metric.form.is_empty()) => notes.push(format!(
            "The values of `{}` are few small numbers: if they stand for names that the file has lost, write the names instead.",
            task.output
        )),
        None => {}
    }
    if task.metric.kind == "number" && fields::are_ratings(rows, &task.output) {
        notes.push(format!(
            "The values of `{}` are ratings, of which a near one counts as wrong: `absolute` under [metric] is the largest difference that is right.",
            task.output
        ));
    }
    notes
}

/// Returns a text as one word of a shell, in quotes if it has spaces.
fn shell_word(text: &str) -> String {
    if text.contains(char::is_whitespace) { format!("\"{text}\"") } else { text.to_owned() }
}

/// Returns the fields that are neither inputs nor the answer, and for which no note says why.
fn unused_fields(rows: &[Example], task: &InferredTask) -> Vec<String> {
    let is_told = |name: &String| task.unread.iter().any(|unread| unread.field == *name);
    let names = infer::field_names(rows).into_iter();
    names
        .filter(|name| task.outputs().all(|output| output != *name) && !task.inputs.contains(name) && !is_told(name))
        .cloned()
        .collect()
}

/// Returns the row as a line of JSONL, with its id.
fn json_line(row: &Example) -> String {
    let mut object = serde_json::Map::new();
    object.insert("id".into(), row.id.as_str().into());
    object.extend(row.fields.iter().filter(|(name, _)| *name != "id").map(|(name, value)| (name.clone(), value.clone())));
    format!("{}\n", serde_json::Value::Object(object))
}

/// Returns the content of `gepard.toml`. `instruction` is None where the rows bring none.
fn task_file(task: &InferredTask, instruction: Option<String>, max_tokens: usize, model: &str, has_test: bool) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let inputs: Vec<String> = task.inputs.iter().map(|name| quoted(name)).collect();
    let outputs: Vec<String> = task.outputs().map(|name| quoted(name)).collect();
    let field = if task.further.is_empty() { format!("field = {}\n", quoted(&task.output)) } else { String::new() };
    let test = if has_test { "test = \"test.jsonl\"              # never seen while optimizing\n" } else { "" };
    let fields = if task.inputs.len() == 1 { "field" } else { "fields" };
    let plain = || {
        let produced = if task.further.is_empty() { "field" } else { "fields" };
        let mut plain =
            format!("Given the {fields} {}, produce the {produced} {}.", listed(&task.inputs), listed(task.outputs()));
        if !task.metric.form.is_empty() {
            plain += &format!(" {}", task.metric.form);
        }
        plain
    };
    let instruction = instruction.unwrap_or_else(plain);
    let further = |(key, names): &(&str, Vec<String>)| {
        let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
        format!("{key} = [{}]\n", names.join(", "))
    };
    let further: String = task.metric.keys.iter().map(further).collect();
    format!(
        "# Written by `gepard init --data`. What was guessed can be changed.\n\n\
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
         {field}{further}\n\
         [model.task]\n\
         gguf = {}\n\n\
         [optimize]\n\
         budget = \"300\"                   # rollouts (runs of one row), or a time: \"30m\"\n",
        inputs.join(", "),
        outputs.join(", "),
        quoted(&instruction),
        max_tokens,
        quoted(task.metric.kind),
        task.metric.reason,
        quoted(model),
    )
}

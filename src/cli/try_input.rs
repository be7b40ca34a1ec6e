//! `gepard try`: runs a candidate on one input and prints the trace.

use std::io::{self, Read, Write};

use clap::Args;
use gepard::engine::{Ended, Role, Usage};
use gepard::hooks::Hooks;
use gepard::run::{self, TracedStep, TriedInput, TryRequest};
use serde_json::{Map, Value, json};

use super::error::CliError;
use super::interrupt::interrupt_flag;
use super::progress::{Mode, ProgressReporter};
use super::screen::printable_json;
use super::subject::{Subject, SubjectArguments};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    subject: SubjectArguments,
    /// The fields of the input. `FIELD=@FILE` reads a file, `FIELD=-` reads stdin, and `FIELD=@@TEXT` is a text that begins with
    /// `@`.
    #[arg(value_name = "FIELD=VALUE")]
    fields: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// How progress is reported on stderr [default: bar on a terminal, else plain].
    #[arg(long, value_enum)]
    progress: Option<Mode>,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), CliError> {
    let Subject { plan, candidate, recorded } = arguments.subject.read()?;
    let request = TryRequest { candidate, recorded, fields: read_fields(&arguments.fields)? };
    let mode = Mode::or_default(arguments.progress);
    let interrupted = interrupt_flag(mode == Mode::Bar)?;
    let mut progress = ProgressReporter::new(mode, &interrupted);
    let tried = run::try_input(&plan, &request, &mut Hooks::new(&interrupted, |event| progress.on_event(event)))?;
    // The view must be cleared before the result is printed.
    drop(progress);
    let printed = match arguments.json {
        true => print_json(&tried, out),
        false => print_trace(&tried, out),
    };
    printed.map_err(CliError::Output)?;
    match tried.prediction.error {
        Some(error) => Err(CliError::FailedInput(error)),
        None => Ok(()),
    }
}

/// Reads the fields of the command line.
fn read_fields(given: &[String]) -> Result<Map<String, Value>, CliError> {
    let mut fields = Map::new();
    for field in given {
        let usage = |cause: String| CliError::Usage(format!("`{field}`: {cause}"));
        let (name, value) = field.split_once('=').ok_or_else(|| usage("a field is given as FIELD=VALUE".into()))?;
        let value = match value {
            "-" => io::read_to_string(io::stdin()).map_err(|cause| usage(format!("cannot read stdin: {cause}")))?,
            _ => match value.strip_prefix('@') {
                None => value.to_owned(),
                Some(text) if text.starts_with('@') => text.to_owned(),
                Some(path) => read_file(path).map_err(|cause| usage(format!("cannot read {path}: {cause}")))?,
            },
        };
        if fields.insert(name.to_owned(), value.into()).is_some() {
            return Err(usage(format!("`{name}` is given twice")));
        }
    }
    Ok(fields)
}

/// The most bytes of a file that is the value of a field. No model reads as much.
const LARGEST_VALUE: u64 = 64 << 20;

fn read_file(path: &str) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(LARGEST_VALUE).read_to_string(&mut text)?;
    Ok(text)
}

fn print_json(tried: &TriedInput, out: &mut dyn Write) -> io::Result<()> {
    let step = |TracedStep { step, chat }: &TracedStep| {
        json!({
            "module": step.module,
            "inputs": step.inputs.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "messages": chat,
            "answer": chat.as_ref().map(|_| &step.answer),
            "ended": chat.as_ref().map(|_| &step.ended),
            "outputs": step.outputs,
            "problem": step.problem,
            "seconds": step.seconds,
            "tokens": step.usage,
        })
    };
    let whole = json!({
        "outputs": tried.prediction.outputs,
        "error": tried.prediction.error,
        "steps": tried.steps.iter().map(step).collect::<Vec<_>>(),
        "tokens": tried.cost.usage,
        "engine_seconds": tried.cost.engine,
    });
    writeln!(out, "{}", printable_json(&whole)?)
}

fn print_trace(tried: &TriedInput, out: &mut dyn Write) -> io::Result<()> {
    for TracedStep { step, chat } in &tried.steps {
        writeln!(out, "== {} ==", step.module)?;
        for message in chat.iter().flatten() {
            let begun = if message.role == Role::Assistant { ", or the beginning of an answer" } else { "" };
            writeln!(out, "-- {}{begun}\n{}", message.role.name(), message.content.trim_end())?;
        }
        if chat.is_some() {
            writeln!(out, "-- answer{}\n{}", ended_in_words(&step.ended), step.answer.trim_end())?;
        }
        for (name, value) in &step.outputs {
            writeln!(out, "-- {name} = {}", value.trim_end())?;
        }
        if let Some(problem) = &step.problem {
            writeln!(out, "-- problem: {problem}")?;
        }
        writeln!(out, "-- {:.2} s{}\n", step.seconds, tokens_in_words(step.usage))?;
    }
    for (name, value) in &tried.prediction.outputs {
        writeln!(out, "{name} = {}", value.trim_end())?;
    }
    Ok(())
}

/// Returns how an answer ended, where it was not ended by the model.
fn ended_in_words(ended: &Ended) -> String {
    match ended {
        Ended::Stop | Ended::Grammar => String::new(),
        Ended::Length => " (cut off at `max_tokens`)".into(),
        Ended::Refused(reason) => format!(" (refused: {reason})"),
    }
}

/// Returns the tokens of a step; empty for a step that asked no model.
fn tokens_in_words(usage: Usage) -> String {
    if usage == Usage::default() {
        return String::new();
    }
    let reasoned = if usage.reasoned > 0 { format!(" ({} of reasoning)", usage.reasoned) } else { String::new() };
    let repeated = if usage.repeated > 0 { format!(", {} of them repeated", usage.repeated) } else { String::new() };
    format!(", {} prompt tokens, {} generated{reasoned}{repeated}", usage.prefilled + usage.reused, usage.decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_text_or_the_content_of_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "long\ntext").unwrap();
        let from_file = format!("b=@{}", file.path().display());
        let read = |given: &[&str]| read_fields(&given.iter().map(|&field| field.to_owned()).collect::<Vec<_>>());
        let fields = read(&["a=x=y", &from_file, "c=@@me", "d="]).unwrap();
        assert_eq!(Value::Object(fields), json!({"a": "x=y", "b": "long\ntext", "c": "@me", "d": ""}));
        for (given, words) in [
            (&["a"][..], "a field is given as FIELD=VALUE"),
            (&["a=1", "a=2"], "`a` is given twice"),
            (&["a=@/no/such"], "cannot read /no/such"),
        ] {
            let error = read(given).unwrap_err();
            assert_eq!((error.exit_code(), error.to_string().contains(words)), (2, true), "{error}");
        }
    }
}

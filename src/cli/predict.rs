//! `gepard predict`: answers new rows with a candidate.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use gepard::data::counted;
use gepard::hooks::Hooks;
use gepard::run::{self, PredictRequest, PredictResult};

use super::error::CliError;
use super::interrupt::interrupt_flag;
use super::progress::{Mode, ProgressReporter};
use super::subject::{Subject, SubjectArguments};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    subject: SubjectArguments,
    /// The rows: a JSONL, CSV or TSV file with the fields that the program reads. It needs no right answers.
    #[arg(long, short, value_name = "FILE")]
    input: PathBuf,
    /// The file to write: the rows with the program's outputs and a column `error`. Its ending says the format; another ending means
    /// that of the input [default: NAME.predicted.jsonl, .csv or .tsv beside the input].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How progress is reported on stderr [default: bar on a terminal, else plain].
    #[arg(long, value_enum)]
    progress: Option<Mode>,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), CliError> {
    let Subject { plan, candidate, recorded } = arguments.subject.read()?;
    let output = arguments.output.clone().unwrap_or_else(|| run::default_output(&arguments.input));
    let request = PredictRequest { candidate, recorded, input: arguments.input.clone(), output };
    let mode = Mode::or_default(arguments.progress);
    let interrupted = interrupt_flag(mode == Mode::Bar)?;
    let mut progress = ProgressReporter::new(mode, &interrupted);
    let result = run::predict(&plan, &request, &mut Hooks::new(&interrupted, |event| progress.on_event(event)))?;
    // The view must be cleared before the result is printed.
    drop(progress);
    print_result(&result, &request.output, out).map_err(CliError::Output)?;
    let PredictResult { rows, failed, error_column: column, .. } = result;
    if failed > 0 { Err(CliError::FailedRows { failed, rows, column }) } else { Ok(()) }
}

fn print_result(result: &PredictResult, output: &Path, out: &mut dyn Write) -> std::io::Result<()> {
    let seconds = result.cost.elapsed;
    let known = match result.known {
        0 => String::new(),
        known => format!(", {known} of them before this command was started again"),
    };
    let pace = result.rows as f64 / seconds.max(f64::MIN_POSITIVE);
    writeln!(out, "{} in {} ({seconds:.1} s, {pace:.2} rows/s){known}", counted(result.rows, "row"), output.display())
}

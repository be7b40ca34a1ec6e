//! The command line: one file for each subcommand. It is the only part of the program that prints: results to stdout,
//! everything else to stderr.

mod chats;
mod compare;
mod compare_adapters;
mod compare_optimizers;
mod doctor;
mod error;
mod eval;
mod export;
mod init;
mod interrupt;
mod judge_lines;
mod manual;
mod models;
mod optimize;
mod overrides;
mod predict;
mod progress;
mod report;
mod run_folder;
#[cfg(target_os = "linux")]
mod sandboxed;
mod screen;
mod spending;
mod split;
mod subject;
mod terminal;
mod time;
mod try_input;

use std::ffi::OsString;
use std::io::{ErrorKind, IsTerminal, Write};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use self::error::{CliError, EXIT_CODES};
pub use self::run_folder::default_run_folder;
use self::screen::PrintableWriter;
use self::terminal::printable;

/// Better prompts for small local models: GEPA (reflective prompt evolution) on the device.
#[derive(Debug, Parser)]
#[command(name = "gepard", version, about, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: CliCommand,
}

#[derive(Debug, Subcommand)]
enum CliCommand {
    /// Create a project that runs as it is, from a template or from your own rows.
    Init(init::Arguments),
    /// Search for a better prompt. An existing run is resumed where it stopped.
    Optimize(optimize::Arguments),
    /// Score a candidate on examples.
    Eval(eval::Arguments),
    /// Answer new rows with the best prompt of a run, or with the seed of a task file. A command that was stopped goes on.
    Predict(predict::Arguments),
    /// Run a prompt on one input, and show each chat and each answer.
    Try(try_input::Arguments),
    /// Write the report of a run: one HTML page that can be read offline.
    Report(report::Arguments),
    /// Compare runs on the same examples, or optimizers, prompts and adapters on a task.
    Compare(compare::Arguments),
    /// Export the best candidate of a run: as text, JSON, a Modelfile, a request, a DSPy state, or a llama-server command.
    Export(export::Arguments),
    /// Print the chat of each row, as the model is sent it, with its right answer: what the training of weights reads.
    Chats(chats::Arguments),
    /// Judge answers that another program writes to stdin, with the metric of a task: the reward of the training of weights.
    JudgeLines(judge_lines::Arguments),
    /// Check a task on this machine: the memory that it needs, its speed, and the score of its seed.
    Doctor(doctor::Arguments),
    /// List, add and verify the model files in the cache.
    #[command(subcommand)]
    Models(models::ModelsCommand),
    /// Print completions for a shell.
    Completions(manual::Completions),
    /// Print the manual page of gepard or of a subcommand.
    Man(manual::Page),
}

impl CliCommand {
    /// Runs the command, which writes its result to `out`.
    fn run(&self, out: &mut dyn Write) -> Result<(), CliError> {
        match self {
            Self::Init(arguments) => init::run(arguments, out),
            Self::Optimize(arguments) => optimize::run(arguments, out),
            Self::Eval(arguments) => eval::run(arguments, out),
            Self::Predict(arguments) => predict::run(arguments, out),
            Self::Try(arguments) => try_input::run(arguments, out),
            Self::Report(arguments) => report::run(arguments, out),
            Self::Compare(arguments) => compare::run(arguments, out),
            Self::Export(arguments) => export::run(arguments, out),
            Self::Chats(arguments) => chats::run(arguments, out),
            Self::JudgeLines(arguments) => judge_lines::run(arguments, out),
            Self::Doctor(arguments) => doctor::run(arguments, out),
            Self::Models(command) => models::run(command, out),
            Self::Completions(arguments) => manual::completions(arguments, &mut Arguments::command(), out),
            Self::Man(arguments) => manual::page(arguments, &Arguments::command(), out),
        }
    }
}

/// Parses a command line, runs the command, and returns its exit code. The first of `arguments` is the name of the program.
///
/// If the arguments ask for help or for the version, or are not valid, it prints that and ends the process instead.
#[must_use]
pub fn main(arguments: &[OsString]) -> u8 {
    // gepard starts itself with this argument before every piece of generated code, so nothing else is done first.
    #[cfg(target_os = "linux")]
    if let [_, first, rest @ ..] = arguments
        && first == "sandboxed"
    {
        return sandboxed::run(rest);
    }
    let command = parse(arguments);
    let stdout = std::io::stdout().lock();
    let result = match stdout.is_terminal() {
        true => run(&command, &mut PrintableWriter::new(stdout)),
        false => run(&command, &mut { stdout }),
    };
    match result {
        Ok(()) => 0,
        // The reader of a pipe, such as `head`, may stop reading: that is no failure.
        Err(CliError::Output(cause)) if cause.kind() == ErrorKind::BrokenPipe => 0,
        Err(error) => {
            // If stderr cannot be written either, the exit code still reports the failure.
            drop(writeln!(std::io::stderr(), "gepard: {}", printable(&error.to_string())));
            error.exit_code()
        }
    }
}

/// Parses a command line. Ends the process where it asks for help or is not valid.
fn parse(arguments: &[OsString]) -> CliCommand {
    let mut command = Arguments::command();
    // Listing what the build can do looks for devices, which takes time and may print: only for `--version`.
    if arguments.iter().any(|argument| argument == "--version") {
        command = command.long_version(format!("{}\n{}", env!("CARGO_PKG_VERSION"), gepard::run::build_features()));
    }
    match Arguments::from_arg_matches(&command.get_matches_from(arguments)) {
        Ok(arguments) => arguments.command,
        Err(error) => error.exit(),
    }
}

/// Runs a command and flushes its output.
fn run(command: &CliCommand, out: &mut dyn Write) -> Result<(), CliError> {
    command.run(out)?;
    out.flush().map_err(CliError::Output)
}

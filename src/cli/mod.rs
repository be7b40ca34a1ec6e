//! The command line: one file a subcommand. The only place that prints: results to stdout, all
//! else to stderr.

mod compare;
mod compare_optimizers;
mod doctor;
mod eval;
mod export;
mod init;
mod lists;
mod manual;
mod models;
mod optimize;
mod overrides;
mod progress;
mod proposals;
mod report;
#[cfg(target_os = "linux")]
mod sandboxed;
mod screen;
mod terminal;
mod time;
mod view;
mod words;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use gepard::config::ConfigError;
use gepard::error::RunError;
use gepard::gguf::GgufError;
use gepard::models::ModelFileError;
use gepard::report::export::ExportError;
use gepard::report::page::ReportError;

/// Better prompts for small local models: GEPA (reflective prompt evolution) on the device.
#[derive(Debug, Parser)]
#[command(name = "gepard", version, about, after_help = EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a project that runs as it is, from a template or from your own rows.
    Init(init::Arguments),
    /// Look for a better prompt; on an existing run directory, go on where it stopped.
    Optimize(optimize::Arguments),
    /// Score a prompt on examples.
    Eval(eval::Arguments),
    /// A run as one page of HTML, to look at offline.
    Report(report::Arguments),
    /// Runs side by side, on the same examples.
    Compare(compare::Arguments),
    /// Hand the result of a run on: as text, JSON, a Modelfile, a request, a DSPy state, or a llama-server command.
    Export(export::Arguments),
    /// What a task will meet on this machine: memory, speed, the seed's score.
    Doctor(doctor::Arguments),
    /// See and manage the model files in the cache.
    #[command(subcommand)]
    Models(models::ModelsCommand),
    /// Print completions for a shell.
    Completions(manual::Completions),
    /// Print the manual page.
    Man(manual::Page),
}

const EXIT_CODES: &str = "Exit codes: 0 done; 2 usage or configuration; 3 data; 4 model; 5 metric; \
    6 run directory; 130 interrupted (the journal is whole: the same command goes on); 1 anything else.";

fn long_version() -> String {
    format!("{}\n{}", env!("CARGO_PKG_VERSION"), gepard::run::build_features())
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The task file.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A model file or the cache.
    #[error(transparent)]
    ModelFile(#[from] ModelFileError),
    /// A GGUF file.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// A run's result that cannot be handed on.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A folder of which no page can be made.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// What was given on the command line.
    #[error("{0}")]
    Usage(String),
    /// A file or folder.
    #[error("cannot {doing} {}: {cause}", path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Printing to stdout.
    #[error("cannot write the output: {0}")]
    Output(std::io::Error),
}

impl CliError {
    /// That `doing` failed on a file or folder.
    fn file(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::File { doing, path, cause }
    }

    fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Usage(_) | Self::File { .. } => 2,
            Self::ModelFile(_) | Self::Gguf(_) => 4,
            Self::Output(_) => 1,
            Self::Export(_) | Self::Report(_) => 6,
            Self::Run(error) => match error {
                RunError::Config(_) | RunError::Plan(_) => 2,
                RunError::Data(_) => 3,
                RunError::ModelFile(_) | RunError::Engine(_) => 4,
                RunError::Metric { .. } | RunError::Unready(_) => 5,
                RunError::RunDirectory(_) => 6,
                RunError::Interrupted => 130,
            },
        }
    }
}

/// Parses, runs, tells.
pub fn main() -> ExitCode {
    // No command for people, and asked for before every piece of generated code: nothing else is done before.
    #[cfg(target_os = "linux")]
    if std::env::args_os().nth(1).is_some_and(|argument| argument == "sandboxed") {
        return sandboxed::run(&std::env::args_os().skip(2).collect::<Vec<_>>());
    }
    let mut command = Arguments::command();
    // Looking for devices takes time and may print: only for who asks.
    if std::env::args_os().any(|argument| argument == "--version") {
        command = command.long_version(long_version());
    }
    let arguments = match Arguments::from_arg_matches(&command.get_matches()) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    let stdout = std::io::stdout().lock();
    let mut out: Box<dyn Write> = if stdout.is_terminal() { Box::new(screen::Screen::new(stdout)) } else { Box::new(stdout) };
    let out = &mut *out;
    let result = match &arguments.command {
        Command::Init(arguments) => init::run(arguments, out),
        Command::Optimize(arguments) => optimize::run(arguments, out),
        Command::Eval(arguments) => eval::run(arguments, out),
        Command::Report(arguments) => report::run(arguments, out),
        Command::Compare(arguments) => compare::run(arguments, out),
        Command::Export(arguments) => export::run(arguments, out),
        Command::Doctor(arguments) => doctor::run(arguments, out),
        Command::Models(command) => models::run(command, out),
        Command::Completions(arguments) => manual::completions(arguments, &mut Arguments::command(), out),
        Command::Man(arguments) => manual::page(arguments, &Arguments::command(), out),
    };
    let result = result.and_then(|()| out.flush().map_err(CliError::Output));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // A reader that has seen enough (`| head`) is no failure.
        Err(CliError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            // Where even this cannot be written, the exit code has to do.
            drop(writeln!(std::io::stderr(), "gepard: {}", terminal::printable(&error.to_string())));
            ExitCode::from(error.exit_code())
        }
    }
}

/// What the first Ctrl-C is answered with.
const STOPPING: &str = "gepard: stopping after the running step; Ctrl-C again to stop at once";

/// A flag that the first Ctrl-C sets; the second ends the process at once. Where a view is drawn, it tells of the first: what
/// is written beside it would be torn.
fn interrupt_flag(by_view: bool) -> Result<Arc<AtomicBool>, CliError> {
    let flag = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&flag);
    ctrlc::set_handler(move || {
        if heard.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        if !by_view {
            drop(writeln!(std::io::stderr(), "{STOPPING}"));
        }
    })
    .map_err(|e| CliError::Usage(format!("cannot listen for Ctrl-C: {e}")))?;
    Ok(flag)
}

/// `runs/TASK-SUFFIX` in the current folder, TASK being the name of the task file's folder.
fn default_run_folder(task: &Path, suffix: &str) -> PathBuf {
    PathBuf::from("runs").join(format!("{}-{suffix}", task_name(task)))
}

/// The name of the task file's folder.
fn task_name(task: &Path) -> String {
    let absolute = std::path::absolute(task).unwrap_or_else(|_| task.to_owned());
    absolute.parent().and_then(Path::file_name).map_or("run".into(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_folder_is_named_after_the_task_s_folder_as_it_is() {
        let folder = |suffix| default_run_folder(Path::new("tasks/x-seed0/gepard.toml"), suffix);
        assert_eq!(folder("seed0"), Path::new("runs/x-seed0-seed0"));
        assert_eq!(folder("compare"), Path::new("runs/x-seed0-compare"));
    }

    #[test]
    fn what_failed_with_a_file_is_told_with_its_path() {
        let error = CliError::file("make", Path::new("there"))(std::io::ErrorKind::NotADirectory.into());
        assert_eq!(error.to_string(), "cannot make there: not a directory");
        assert_eq!(error.exit_code(), 2);
    }
}

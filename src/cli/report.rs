//! `gepard report`: writes the report of a run.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use gepard::report::page::{self, ReportError};
use gepard::run_directory::RunDirectoryError;

use super::error::CliError;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The run directory, or the folder of `gepard compare --optimizers`. The run need not be finished.
    run: PathBuf,
    /// The file to write the report to [default: report.html in the run directory].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), CliError> {
    let file = arguments.output.clone().unwrap_or_else(|| arguments.run.join("report.html"));
    if file.is_dir() {
        return Err(CliError::Usage(format!("{} is a folder; --output names a file", file.display())));
    }
    let folder = arguments.output.as_deref().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(CliError::Usage(format!("there is no folder {} to write the page into", folder.display())));
    }
    page::write(&arguments.run, &file).map_err(|error| match error {
        ReportError::RunDirectory(RunDirectoryError::Io { doing: "write", path, cause }) => {
            let other = if arguments.output.is_some() { "another file" } else { "a file" };
            CliError::Usage(format!("cannot write {}: {cause}; give {other} with --output", path.display()))
        }
        error => error.into(),
    })?;
    writeln!(out, "the report is in {}", file.display()).map_err(CliError::Output)
}

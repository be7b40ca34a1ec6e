//! `gepard export`: exports the best candidate of a finished run, or another one.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use gepard::data::listed;
use gepard::report::export::{self, Choice, Format};

use super::error::CliError;
use super::terminal::print_to_stderr;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The directory of a finished run.
    run: PathBuf,
    /// The format to export.
    #[arg(long, value_enum)]
    format: FormatName,
    /// Export this candidate of the pool in place of the best; 0 is the seed. The report lists them.
    #[arg(long, value_name = "N", conflicts_with = "max_prompt_tokens")]
    candidate: Option<usize>,
    /// Export the best of the fully validated candidates with at most this number of prompt tokens.
    #[arg(long, value_name = "N")]
    max_prompt_tokens: Option<usize>,
    /// Export only this module.
    #[arg(long, value_name = "NAME")]
    module: Option<String>,
    /// Write files into this folder: one file for each module, unless the format holds a whole program [default: to stdout].
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatName {
    /// The chat of each module, for people to read.
    Text,
    /// Everything that a program needs to send the same requests.
    Json,
    /// A Modelfile of Ollama.
    Modelfile,
    /// The body of a chat-completions request.
    Openai,
    /// The state of a DSPy program, for its `load`.
    Dspy,
    /// A command line of llama-server, and one of curl.
    LlamaServer,
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Text => Self::Text,
            FormatName::Json => Self::Json,
            FormatName::Modelfile => Self::Modelfile,
            FormatName::Openai => Self::OpenAi,
            FormatName::Dspy => Self::Dspy,
            FormatName::LlamaServer => Self::LlamaServer,
        }
    }
}

pub(super) fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), CliError> {
    let choice = Choice::of_options(arguments.candidate, arguments.max_prompt_tokens);
    let mut modules = export::open(&arguments.run, choice)?;
    if let Some(wanted) = &arguments.module {
        let names = listed(modules.iter().map(|exported| &exported.module.name));
        modules.retain(|exported| exported.module.name == *wanted);
        if modules.is_empty() {
            return Err(CliError::Usage(format!("--module {wanted}: the run has {names}")));
        }
    }
    let files = export::files(&modules, arguments.format.into())?;
    match (&arguments.output, files.as_slice()) {
        (Some(folder), files) => write_files(files, folder, out)?,
        // A pipe gets nothing but the file's text; the notes are written to stderr.
        (None, [file]) => write!(out, "{}", file.content).map_err(CliError::Output)?,
        (None, files) => {
            let count = files.len();
            return Err(CliError::Usage(format!(
                "this format has {count} files, one a module: give --output DIR for all of them, or --module NAME for one"
            )));
        }
    }
    for (file, note) in files.iter().flat_map(|file| file.notes.iter().map(move |note| (file, note))) {
        print_to_stderr(&format!("{}: {note}", file.name));
    }
    Ok(())
}

/// Writes the files into `folder`, which is created where needed, and prints their paths.
fn write_files(files: &[export::ExportFile], folder: &Path, out: &mut dyn Write) -> Result<(), CliError> {
    std::fs::create_dir_all(folder).map_err(CliError::file("make", folder))?;
    for file in files {
        let path = folder.join(&file.name);
        std::fs::write(&path, &file.content).map_err(CliError::file("write", &path))?;
        writeln!(out, "{}", path.display()).map_err(CliError::Output)?;
    }
    Ok(())
}

//! `gepard export`

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gepard::data::listed;
use gepard::report::export::{self, Format};

use super::CliError;
use super::progress::line;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The directory of a finished run.
    run: PathBuf,
    /// In which form.
    #[arg(long, value_enum)]
    format: FormatName,
    /// Only this module.
    #[arg(long, value_name = "NAME")]
    module: Option<String>,
    /// Write files into this folder, one a module where the form holds no whole program [default: to stdout].
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatName {
    /// The chat of each module, for people.
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
    let mut modules = export::open(&arguments.run)?;
    if let Some(wanted) = &arguments.module {
        let names = listed(modules.iter().map(|one| &one.module.name));
        modules.retain(|one| one.module.name == *wanted);
        if modules.is_empty() {
            return Err(CliError::Usage(format!("--module {wanted}: the run has {names}")));
        }
    }
    let files = export::files(&modules, arguments.format.into())?;
    match (&arguments.output, files.as_slice()) {
        (Some(folder), files) => {
            std::fs::create_dir_all(folder).map_err(CliError::file("make", folder))?;
            for file in files {
                let path = folder.join(&file.name);
                std::fs::write(&path, &file.content).map_err(CliError::file("write", &path))?;
                writeln!(out, "{}", path.display()).map_err(CliError::Output)?;
            }
        }
        // What a pipe or a file takes is the text as it is; notes for people go beside it.
        (None, [file]) => write!(out, "{}", file.content).map_err(CliError::Output)?,
        (None, files) => {
            return Err(CliError::Usage(format!(
                "this form has {} files, one a module: give --output DIR for all of them, or --module NAME for one",
                files.len()
            )));
        }
    }
    for (file, note) in files.iter().flat_map(|file| file.notes.iter().map(move |note| (file, note))) {
        line(&format!("{}: {note}", file.name));
    }
    Ok(())
}

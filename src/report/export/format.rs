//! The forms of an export.

use super::deployed::Deployed;
use super::error::ExportError;
use super::file::{ExportFile, ModuleExport};
use super::{dspy, modelfile, plain, request};

/// A form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The chat of each module, as text for people.
    Text,
    /// Everything that a program needs to send the same requests, as JSON.
    Json,
    /// A Modelfile of Ollama for each module.
    Modelfile,
    /// The body of a chat-completions request for each module.
    OpenAi,
    /// The state of a DSPy program.
    Dspy,
    /// A command line of llama-server, and one of curl, for each module.
    LlamaServer,
}

/// Writes one module in a form.
type ModuleWriter = fn(&Deployed) -> Result<ModuleExport, ExportError>;

/// Returns the files of an export: one for each module, or one for all if the form holds a whole program.
///
/// # Errors
/// [`ExportError::Form`] if the form would change a text, or if the text chooses its demonstrations for each call.
pub fn files(modules: &[Deployed], format: Format) -> Result<Vec<ExportFile>, ExportError> {
    let for_each = |extension: &str, write: ModuleWriter| -> Result<Vec<ExportFile>, ExportError> {
        let file = |one: &Deployed| -> Result<ExportFile, ExportError> {
            let ModuleExport { content, notes } = write(one)?;
            Ok(ExportFile { name: format!("{}.{extension}", one.module.name), content, notes })
        };
        modules.iter().map(file).collect()
    };
    if format != Format::Text {
        modules.iter().try_for_each(Deployed::require_fixed_prompt)?;
    }
    let mut files: Vec<ExportFile> = match format {
        Format::Text => {
            for_each("txt", |one| Ok(ModuleExport { content: plain::text(one), notes: one.nearest_note().into_iter().collect() }))
        }
        Format::Modelfile => for_each("Modelfile", modelfile::write),
        Format::OpenAi => for_each("json", |one| Ok(request::openai(one))),
        Format::LlamaServer => for_each("txt", |one| Ok(request::llama_server(one))),
        Format::Json => Ok(vec![plain::json(modules)]),
        Format::Dspy => Ok(vec![dspy::state(modules)?]),
    }?;
    // A form with one file for each module has them in the order of the modules.
    let is_whole = files.len() < modules.len();
    for (index, note) in modules.iter().enumerate().filter_map(|(index, one)| Some((index, one.lora_note()?))) {
        if let Some(file) = files.get_mut(if is_whole { 0 } else { index }) {
            file.notes.push(note);
        }
    }
    Ok(files)
}

//! The result of a run, in the forms in which other programs take it.
//!
//! A run directory is all that is read: `plan.toml` says how a prompt is laid out, `best.json` has its texts. Every chat is
//! rendered here by the code that rendered it in the run, with a placeholder where a field's text goes, and compared with the
//! one that `best.json` keeps. So what is exported is what was measured, or nothing is.

mod dspy;
mod modelfile;
mod plain;
mod request;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::config::{self, ConfigError, ModelSource, Plan};
use crate::engine::settings::context_key;
use crate::engine::{Grammar, Message, Role};
use crate::journal;
use crate::models;
use crate::program::{Module, ModuleText, layout};

use super::result::{BestFile, braced};

/// Tokens of context where neither the plan nor the model file says less.
const CONTEXT: usize = 8192;

/// A form in which a result is handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The chat of each module, as text for people.
    Text,
    /// Everything, as JSON.
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

/// A file of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub content: String,
    /// What the form cannot carry of what was measured, and what its user must know; a sentence each.
    pub notes: Vec<String>,
}

/// Why a result cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A file of the run directory cannot be read.
    #[error("cannot read {path}: {cause}; a run directory has it once the run is finished")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// `best.json` is none.
    #[error("{path}: not a best.json: {cause}")]
    Best {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// `plan.toml` cannot be used.
    #[error(transparent)]
    Plan(#[from] ConfigError),
    /// The two do not belong together.
    #[error(
        "{folder}: the chat of `{module}` in best.json is not what plan.toml and this gepard make of its texts; one of the files \
         was changed, or the run is of another version: run the same `gepard optimize` command again to write both"
    )]
    Differs {
        /// The run directory.
        folder: PathBuf,
        /// The module.
        module: String,
    },
    /// The form cannot hold the text unchanged.
    #[error("module `{module}`: {cause}")]
    Form {
        /// The module.
        module: String,
        /// What it cannot hold, and which form can.
        cause: String,
    },
}

/// A module of a finished run, ready to be handed on.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployed {
    /// The module.
    pub module: Module,
    /// Its best text.
    pub text: ModuleText,
    /// Its model: the file where it is on this machine, else the name in the task file.
    pub model: String,
    /// Whether that file is on this machine.
    pub is_here: bool,
    /// Whether there is no such file, but the scripted engine.
    pub scripted: bool,
    /// Tokens of context that the model is to have.
    pub context: usize,
    /// Tokens of reasoning before its answers, at most; 0: they begin at once.
    pub thinking: u32,
    /// The chat that is sent, with the placeholders where the fields' texts go. A last message of the assistant is the
    /// beginning of the answer.
    pub messages: Vec<Message>,
    /// Each input field with its placeholder, which stands once in the chat, in its last message of the user.
    pub placeholders: Vec<(String, String)>,
    /// What the answer is decoded under.
    pub grammar: Option<Grammar>,
}

impl Deployed {
    /// `recorded` is the run's fingerprint, which knows how large the context was.
    fn new(plan: &Plan, module: Module, text: ModuleText, recorded: &BTreeMap<String, String>) -> Self {
        let source = plan.models.get(module.model.0).map(|model| (&model.name, &model.source));
        let (model, scripted, context, thinking) = match source {
            Some((name, ModelSource::Llama { gguf, context, thinking, .. })) => {
                let context = context.or_else(|| recorded.get(&context_key(name))?.parse().ok());
                let path = models::resolve(gguf, Path::new("")).map(|path| path.to_string_lossy().into_owned());
                (path.unwrap_or_else(|_| gguf.clone()), false, context.unwrap_or(CONTEXT), thinking.unwrap_or(0))
            }
            Some((name, ModelSource::Scripted { .. })) => (name.clone(), true, CONTEXT, 0),
            None => (String::new(), true, CONTEXT, 0),
        };
        let is_here = Path::new(&model).is_file();
        let placeholders = placeholders(&module, &text);
        let messages = layout::render(&module, &text, &placeholders).messages;
        let grammar = layout::grammar(&module, &text);
        Self { module, text, model, is_here, scripted, context, thinking, messages, placeholders, grammar }
    }

    /// The chat for the fields' texts, as the run sent it.
    #[must_use]
    pub fn chat(&self, inputs: &[(String, String)]) -> Vec<Message> {
        layout::render(&self.module, &self.text, inputs).messages
    }

    /// What the answer begins with; empty where nothing is given.
    #[must_use]
    pub fn begun(&self) -> &str {
        self.messages.last().filter(|last| last.role == Role::Assistant).map_or("", |last| last.content.as_str())
    }

    /// The model's name, without folder and ending.
    fn model_name(&self) -> String {
        let path = Path::new(&self.model);
        let stem = if models::is_path(&self.model) { path.file_stem() } else { path.file_name() };
        stem.map_or_else(|| self.model.clone(), |name| name.to_string_lossy().into_owned())
    }

    /// What is to be known where answers were decoded under a grammar that the form cannot hold.
    fn grammar_note(&self) -> Option<String> {
        let note = "the grammar that answers were decoded under is not in it: answers may be something else";
        self.grammar.as_ref().map(|_| note.into())
    }

    /// What is to be known where a model reasons first.
    fn thinking_note(&self) -> Option<String> {
        (self.thinking > 0).then(|| {
            format!(
                "`{}` was measured with at most {} tokens of reasoning before an answer: that bound is not in it, nor is the chat that follows on the reasoning",
                self.module.name, self.thinking
            )
        })
    }

    /// What is to be known wherever the model is to be put in by hand.
    fn model_note(&self) -> Option<String> {
        let (name, model) = (&self.module.name, &self.model);
        match self.scripted {
            true => Some(format!("`{name}` was run with the scripted engine: put your model file in the place of `{model}`")),
            false if !self.is_here => Some(format!("the model file `{model}` is not on this machine: put its path there")),
            false => None,
        }
    }

    fn wrong(&self, cause: impl Into<String>) -> ExportError {
        ExportError::Form { module: self.module.name.clone(), cause: cause.into() }
    }
}

/// `{field}` for each input, with as many more braces as it takes to stand nowhere else in the chat.
fn placeholders(module: &Module, text: &ModuleText) -> Vec<(String, String)> {
    let empty: Vec<(String, String)> = module.inputs.iter().map(|field| (field.clone(), String::new())).collect();
    let rest: String = layout::render(module, text, &empty).messages.into_iter().map(|message| message.content + "\n").collect();
    let placeholder = |field: &String| {
        let braced = (1..).map(|n| format!("{}{field}{}", "{".repeat(n), "}".repeat(n)));
        (field.clone(), braced.into_iter().find(|text| !rest.contains(text)).unwrap_or_default())
    };
    module.inputs.iter().map(placeholder).collect()
}

/// The modules of the finished run in `folder`.
///
/// # Errors
/// [`ExportError`]; [`ExportError::Differs`] where the run's own chat would not come out.
pub fn open(folder: &Path) -> Result<Vec<Deployed>, ExportError> {
    let path = folder.join("best.json");
    let source = std::fs::read_to_string(&path).map_err(|cause| ExportError::Read { path: path.clone(), cause })?;
    let best: BestFile =
        serde_json::from_str(&source).map_err(|e| ExportError::Best { path: path.clone(), cause: e.to_string() })?;
    let plan = config::load(&folder.join("plan.toml"), &[])?;
    let recorded = journal::recorded_fingerprint(folder);
    let mut deployed = Vec::new();
    for (place, module) in plan.modules.iter().enumerate() {
        let absent = || ExportError::Best { path: path.clone(), cause: format!("it has no module `{}`", module.name) };
        let saved = best.modules.iter().find(|saved| saved.name == module.name).ok_or_else(absent)?;
        let mut module = plan.module(place).ok_or_else(absent)?;
        module.layout = saved.layout.unwrap_or(module.layout);
        let text = ModuleText { layout: None, ..saved.text() };
        let one = Deployed::new(&plan, module, text, &recorded);
        if one.chat(&braced(&one.module)) != saved.messages {
            return Err(ExportError::Differs { folder: folder.to_owned(), module: saved.name.clone() });
        }
        deployed.push(one);
    }
    Ok(deployed)
}

/// Writes a module's file: its content, and its notes.
type Writer = fn(&Deployed) -> Result<(String, Vec<String>), ExportError>;

/// The files of an export: one for each module, or one for all where the form holds a whole program.
///
/// # Errors
/// [`ExportError::Form`] where the form cannot hold a text unchanged.
pub fn files(modules: &[Deployed], format: Format) -> Result<Vec<File>, ExportError> {
    let each = |ending: &str, write: Writer| {
        let file = |one: &Deployed| {
            let (content, notes) = write(one)?;
            Ok(File { name: format!("{}.{ending}", one.module.name), content, notes })
        };
        modules.iter().map(file).collect()
    };
    match format {
        Format::Text => each("txt", |one| Ok((plain::text(one), Vec::new()))),
        Format::Modelfile => each("Modelfile", modelfile::write),
        Format::OpenAi => each("json", |one| Ok(request::openai(one))),
        Format::LlamaServer => each("txt", |one| Ok(request::llama_server(one))),
        Format::Json => Ok(vec![plain::json(modules)]),
        Format::Dspy => Ok(vec![dspy::state(modules)?]),
    }
}

#[cfg(test)]
mod tests;

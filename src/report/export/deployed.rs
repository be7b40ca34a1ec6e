//! A module of a finished run, with everything that an export needs of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::ExportError;
use crate::config::{ModelSource, Plan};
use crate::engine::settings::context_key;
use crate::engine::{Grammar, Message, Role};
use crate::models;
use crate::program::{Module, ModuleText, render};

/// Tokens of context if neither the plan nor the run's fingerprint has a number.
const DEFAULT_CONTEXT: usize = 8192;

/// A module of a finished run.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployed {
    /// The module, with the layout of the candidate.
    pub module: Module,
    /// The candidate's text for the module.
    pub text: ModuleText,
    /// The path of the module's model file; if the file is not on this machine, its name in the task file.
    pub model: String,
    /// Whether the model file is on this machine.
    pub has_model_file: bool,
    /// Whether the module was run with the scripted engine, which has no model file.
    pub is_scripted: bool,
    /// The most tokens of prompt and answer together.
    pub context: usize,
    /// The most tokens of reasoning before an answer; 0 if the model does not reason.
    pub thinking: u32,
    /// The file of the model's adapter (LoRA) and its scale. None if it has none.
    pub lora: Option<(PathBuf, f64)>,
    /// The chat that is sent, with a placeholder for the text of each field. If the last message is of the assistant, it is the
    /// beginning of the answer.
    pub messages: Vec<Message>,
    /// Each input field with its placeholder. A placeholder occurs once, in the last message of the user.
    pub placeholders: Vec<(String, String)>,
    /// The grammar that the answer is decoded under; None if any answer is allowed.
    pub grammar: Option<Grammar>,
}

impl Deployed {
    /// `fingerprint` is that of the run. It has the size of the context, if the plan leaves it open.
    pub(super) fn new(plan: &Plan, module: Module, text: ModuleText, fingerprint: &BTreeMap<String, String>) -> Self {
        let model = plan.models.get(module.model.0);
        let source = match model.map(|model| (&model.name, &model.source)) {
            Some((name, ModelSource::Llama { gguf, context, thinking, lora, lora_scale, .. })) => {
                let context = context.or_else(|| fingerprint.get(&context_key(name))?.parse().ok());
                let path = models::resolve(gguf, Path::new("")).map(|path| path.to_string_lossy().into_owned());
                DeployedModel {
                    name: path.unwrap_or_else(|_| gguf.clone()),
                    is_scripted: false,
                    context: context.unwrap_or(DEFAULT_CONTEXT),
                    thinking: thinking.unwrap_or(0),
                    lora: lora.clone().map(|path| (path, lora_scale.unwrap_or(1.0))),
                }
            }
            Some((name, ModelSource::Openai(servers))) => {
                let context = servers.context.or_else(|| fingerprint.get(&context_key(name))?.parse().ok());
                DeployedModel {
                    name: servers.model.clone(),
                    is_scripted: false,
                    context: context.unwrap_or(DEFAULT_CONTEXT),
                    thinking: servers.thinking.unwrap_or(0),
                    lora: None,
                }
            }
            Some((name, ModelSource::Scripted { .. })) => DeployedModel::scripted(name),
            None => DeployedModel::scripted(""),
        };
        let placeholders = placeholders(&module, &text);
        let messages = render::prompt(&module, &text.with_nearest(&placeholders), &placeholders).messages;
        let grammar = render::grammar(&module, &text);
        Self {
            module,
            text,
            has_model_file: Path::new(&source.name).is_file(),
            model: source.name,
            is_scripted: source.is_scripted,
            context: source.context,
            thinking: source.thinking,
            lora: source.lora,
            messages,
            placeholders,
            grammar,
        }
    }

    /// Returns the chat that the run sent for the given texts of the fields.
    #[must_use]
    pub fn chat(&self, inputs: &[(String, String)]) -> Vec<Message> {
        render::prompt(&self.module, &self.text.with_nearest(inputs), inputs).messages
    }

    /// Returns the beginning of the answer that the chat ends with; an empty text if it has none.
    #[must_use]
    pub fn answer_beginning(&self) -> &str {
        self.messages.last().filter(|last| last.role == Role::Assistant).map_or("", |last| last.content.as_str())
    }

    /// Returns the model's name without folder and extension.
    pub(super) fn model_name(&self) -> String {
        let path = Path::new(&self.model);
        let stem = if models::is_path(&self.model) { path.file_stem() } else { path.file_name() };
        stem.map_or_else(|| self.model.clone(), |name| name.to_string_lossy().into_owned())
    }

    /// Returns the note for a form that cannot hold a grammar; None if there is no grammar.
    pub(super) fn grammar_note(&self) -> Option<String> {
        let note = "the grammar that answers were decoded under is not in it: an answer can have any form";
        self.grammar.as_ref().map(|_| note.into())
    }

    /// Returns the note for a form that cannot bound the reasoning; None if the model does not reason.
    pub(super) fn thinking_note(&self) -> Option<String> {
        (self.thinking > 0).then(|| {
            format!(
                "`{}` was measured with at most {} tokens of reasoning before an answer: this bound is not in it, nor is the part of \
                 the chat that follows the reasoning",
                self.module.name, self.thinking
            )
        })
    }

    /// Returns the note on the model's adapter, which no form has; None if it has none.
    pub(super) fn lora_note(&self) -> Option<String> {
        self.lora.as_ref().map(|(path, scale)| {
            let path = path.display();
            format!(
                "`{}` was measured with the adapter {path} at the scale {scale}, which is not in it: give it to the server, too \
                 (llama-server: `--lora-scaled {path}:{scale}`; a Modelfile: `ADAPTER {path}`)",
                self.module.name
            )
        })
    }

    /// Returns the note for a form that names the model file; None if the file is on this machine.
    pub(super) fn model_note(&self) -> Option<String> {
        let (name, model) = (&self.module.name, &self.model);
        match self.is_scripted {
            true => {
                Some(format!("`{name}` was run with the scripted engine: replace `{model}` with the path of your model file"))
            }
            false if !self.has_model_file => {
                Some(format!("the model file `{model}` is not on this machine: replace the name with the path of the file"))
            }
            false => None,
        }
    }

    /// Returns the note for people who read the chat of a text that chooses its demonstrations for each call; None if it shows the
    /// same ones in every call.
    pub(super) fn nearest_note(&self) -> Option<String> {
        self.text.nearest.map(|most| {
            format!(
                "`{}` shows each call the {most} demonstrations most similar to its inputs, of {} in best.json: the chat is an example",
                self.module.name,
                self.text.demonstrations.len()
            )
        })
    }

    /// Checks that the prompt is the same for every call but for the inputs.
    ///
    /// # Errors
    /// [`ExportError::Form`] if the text chooses its demonstrations for each call.
    pub(super) fn require_fixed_prompt(&self) -> Result<(), ExportError> {
        match self.text.nearest {
            None => Ok(()),
            Some(most) => Err(self.form_error(format!(
                "the candidate shows each call the {most} demonstrations most similar to its inputs, so that it has no fixed \
                 prompt, and this form holds no other; export another candidate of the run (summary.json lists them under `pool`) \
                 with --candidate, or optimize with `fixed_prompt = true`"
            ))),
        }
    }

    /// Returns the error for a text that the export format cannot hold unchanged.
    pub(super) fn form_error(&self, cause: impl Into<String>) -> ExportError {
        ExportError::Form { module: self.module.name.clone(), cause: cause.into() }
    }
}

/// What [`Deployed`] has of a model.
struct DeployedModel {
    name: String,
    is_scripted: bool,
    context: usize,
    thinking: u32,
    lora: Option<(PathBuf, f64)>,
}

impl DeployedModel {
    fn scripted(name: &str) -> Self {
        Self { name: name.to_owned(), is_scripted: true, context: DEFAULT_CONTEXT, thinking: 0, lora: None }
    }
}

/// Returns each input field with its placeholder: `{field}`, with more braces if that occurs elsewhere in the chat.
pub(super) fn placeholders(module: &Module, text: &ModuleText) -> Vec<(String, String)> {
    let empty: Vec<(String, String)> = module.inputs.iter().map(|field| (field.clone(), String::new())).collect();
    let messages = render::prompt(module, text, &empty).messages;
    let without_fields: String = messages.into_iter().map(|message| message.content + "\n").collect();
    let placeholder = |field: &String| {
        let mut braced = (1..).map(|count| format!("{}{field}{}", "{".repeat(count), "}".repeat(count)));
        (field.clone(), braced.find(|text| !without_fields.contains(text)).unwrap_or_default())
    };
    module.inputs.iter().map(placeholder).collect()
}

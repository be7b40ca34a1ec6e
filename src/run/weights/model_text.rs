//! Chats as the text and the tokens of a model file, without loading the model.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::config::{ModelSource, Plan};
use crate::engine::chat::ChatTemplate;
use crate::engine::{Message, ModelId};
use crate::error::RunError;
use crate::gguf::{self, Arrays, Header, Value};
use crate::models;
use crate::tokenizer::Tokenizer;

/// A chat as a model reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PromptText {
    /// The name of the model in the task file.
    pub model: String,
    /// Its file, whose template and vocabulary these are.
    pub gguf: PathBuf,
    /// The text that the model's template makes of the chat, up to where the answer begins.
    pub text: String,
    /// The ids of its tokens. That of the beginning of text is among them if the model uses one.
    pub tokens: Vec<u32>,
}

/// The chat template and the vocabulary of a model file.
pub(super) struct ModelText {
    name: String,
    path: PathBuf,
    template: ChatTemplate,
    tokenizer: Tokenizer,
    /// The token that is put before a text: its text and its id; None if the model uses none.
    bos: Option<(String, u32)>,
}

impl ModelText {
    /// Reads the template and the vocabulary of a model. None if it is no model file.
    ///
    /// # Errors
    /// [`RunError::ModelFile`] if the file is not found, and [`RunError::Plan`] if the model reasons or has an adapter, or the file
    /// cannot be used.
    pub(super) fn open(plan: &Plan, model: ModelId) -> Result<Option<Self>, RunError> {
        let Some(model) = plan.models.get(model.0) else { return Ok(None) };
        let ModelSource::Llama { gguf, thinking, lora, .. } = &model.source else { return Ok(None) };
        if thinking.is_some() {
            let name = &model.name;
            return Err(RunError::Plan(format!(
                "[model.{name}] has `thinking`, and reasoning before an answer cannot be trained here; leave it out"
            )));
        }
        if lora.is_some() {
            let name = &model.name;
            return Err(RunError::Plan(format!(
                "[model.{name}] has `lora`, and training starts from the model file alone; leave it out"
            )));
        }
        let path = models::resolve(gguf, Path::new(""))?;
        let unusable = |cause: String| RunError::Plan(format!("{}: {cause}", path.display()));
        let header = gguf::read(&path).map_err(|error| unusable(error.to_string()))?;
        let source = header.chat_template().ok_or_else(|| unusable("it has no chat template; take a model for chats".into()))?;
        let [bos, eos] = ["bos", "eos"].map(|name| special_token(&header, name));
        let (bos, eos) = (bos.map_err(&unusable)?, eos.map_err(&unusable)?);
        let text_of = |token: &Option<(String, u32)>| token.as_ref().map_or("", |(text, _)| text.as_str()).to_owned();
        let template = ChatTemplate::new(source, &text_of(&bos), &text_of(&eos)).map_err(|error| unusable(error.to_string()))?;
        let tokenizer = Tokenizer::from_gguf(&header).map_err(|error| unusable(error.to_string()))?;
        let bos = bos.filter(|_| uses_bos(&header));
        Ok(Some(Self { name: model.name.clone(), path, template, tokenizer, bos }))
    }

    /// Returns a chat as the model reads it.
    ///
    /// # Errors
    /// [`RunError::Plan`] if the template refuses the chat.
    pub(super) fn prompt(&self, messages: &[Message]) -> Result<PromptText, RunError> {
        let rendered = self.template.render_for_answer(messages, false).map_err(|error| RunError::Plan(error.to_string()))?;
        let mut tokens = self.tokenizer.tokenize(&rendered.text);
        if let Some((text, id)) = &self.bos
            && !rendered.text.starts_with(text)
        {
            tokens.insert(0, *id);
        }
        Ok(PromptText { model: self.name.clone(), gguf: self.path.clone(), text: rendered.text, tokens })
    }
}

/// Returns the text and the id of a special token. None if the file names none.
///
/// # Errors
/// Why the vocabulary cannot be read.
fn special_token(header: &Header, name: &str) -> Result<Option<(String, u32)>, String> {
    let Some(id) = header.metadata.get(&format!("tokenizer.ggml.{name}_token_id")).and_then(Value::as_u64) else {
        return Ok(None);
    };
    let arrays = Arrays::open(header).map_err(|error| error.to_string())?;
    let tokens = arrays.texts("tokenizer.ggml.tokens").map_err(|error| error.to_string())?.unwrap_or_default();
    let index = usize::try_from(id).map_err(|error| error.to_string())?;
    let token = tokens.get(index).ok_or_else(|| format!("it has no token {id}, which it names as its {name}"))?;
    let id = u32::try_from(id).map_err(|error| error.to_string())?;
    Ok(Some((String::from_utf8_lossy(token).into_owned(), id)))
}

/// Whether the token for the beginning of text is put before every text. Vocabularies of the kind `llama` do so unless they say
/// otherwise, as in llama.cpp.
fn uses_bos(header: &Header) -> bool {
    match header.metadata.get("tokenizer.ggml.add_bos_token") {
        Some(Value::Bool(adds)) => *adds,
        _ => header.metadata.get("tokenizer.ggml.model").and_then(Value::as_str) == Some("llama"),
    }
}

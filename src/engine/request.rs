//! What a model is asked: a chat, and how its answer is decoded.

use serde::{Deserialize, Serialize};

use super::grammar::Grammar;

/// A model of the plan, as its index in the order of the `[model.NAME]` tables.
///
/// The engine of a plan has a model for every index below the number of these tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ModelId(pub usize);

/// The role of a chat message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Standing instructions. Where a chat template has no such role, they open the user's first turn.
    System,
    /// The user's turn.
    User,
    /// The model's turn. As the last message of a request it is the beginning of the answer, which the model continues.
    Assistant,
}

impl Role {
    /// The role's name in a chat template.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One message of a chat.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    /// The role under which the message stands.
    pub role: Role,
    /// The text, verbatim. It is never read as a template.
    pub content: String,
}

impl Message {
    /// Creates a message of the user.
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: Role::User, content: content.into() }
    }

    /// Creates a system message.
    pub fn system(content: impl Into<String>) -> Self {
        Self { role: Role::System, content: content.into() }
    }
}

/// How an answer is decoded and where it ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decoding {
    /// The most tokens of the answer, at least 1. Reasoning before it is not counted.
    pub max_tokens: u32,
    /// The temperature of the softmax. At 0, decoding is greedy.
    pub temperature: f32,
    /// The probability mass of nucleus sampling, in (0, 1]. Greedy decoding ignores it.
    pub top_p: f32,
    /// Strings that end the answer. The answer stops before the first of them.
    pub stop: Vec<String>,
    /// The constraint on the answer. None allows any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grammar: Option<Grammar>,
}

impl Decoding {
    /// Creates greedy decoding of at most `max_tokens` tokens, without stop strings or grammar.
    pub fn greedy(max_tokens: u32) -> Self {
        Self { max_tokens, temperature: 0.0, top_p: 1.0, stop: Vec::new(), grammar: None }
    }
}

/// One chat for one model, with its decoding settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The model that answers.
    pub model: ModelId,
    /// The chat so far.
    pub messages: Vec<Message>,
    /// Byte offsets into the concatenated contents of `messages`, ascending, at which requests are known to differ from here
    /// on. A prefix is shared with other requests up to the last of them. If there are none, it is shared as far as the
    /// requests are equal.
    pub breakpoints: Vec<usize>,
    /// How the answer is decoded.
    pub decoding: Decoding,
    /// The seed of the sampler. Greedy decoding ignores it.
    pub seed: u64,
}

//! Scores of given continuations: how likely a model is to answer with them, without decoding anything.

use serde::{Deserialize, Serialize};

use super::completion::Usage;
use super::request::{Message, ModelId};

/// One chat for one model, and the continuations that are scored.
///
/// A continuation follows the chat as the answer of [`Request`](super::Request) would, without reasoning before it: it is the
/// beginning of the answer, with the white space that a model writes there. After a begun answer `label:` most models write
/// ` billing`, whose tokens differ from those of `billing`. A continuation is divided into tokens by itself. Text in it that
/// spells a
/// special token is that token, as in a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreRequest {
    /// The model that scores.
    pub model: ModelId,
    /// The chat so far.
    pub messages: Vec<Message>,
    /// As in [`Request::breakpoints`](super::Request::breakpoints). The continuations of one request always share its chat.
    pub breakpoints: Vec<usize>,
    /// The continuations, at least one. None of them is empty.
    pub continuations: Vec<String>,
    /// Whether only the first token of each continuation is scored. Then nothing but the chat is computed.
    pub first_token_only: bool,
}

impl ScoreRequest {
    /// Checks that there are continuations and that none is empty.
    ///
    /// # Errors
    /// Why the request is refused.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.continuations.is_empty() {
            return Err("it has no continuation to score".into());
        }
        match self.continuations.iter().position(String::is_empty) {
            Some(index) => Err(format!("its continuation {} is empty", index + 1)),
            None => Ok(()),
        }
    }
}

/// The score of one token of a continuation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TokenScore {
    /// The natural logarithm of the token's probability after the tokens before it, at temperature 1 and over the whole
    /// vocabulary.
    pub log_probability: f32,
    /// Whether greedy decoding would take this token.
    pub is_likeliest: bool,
}

/// The scores of the tokens of one continuation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContinuationScore {
    /// The tokens in their order: all of them, or only the first if the request asks for no more.
    pub tokens: Vec<TokenScore>,
    /// The bytes of each token, in the same order; together they are those of the continuation. Empty if the engine does not know
    /// them, as with servers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bytes: Vec<Vec<u8>>,
}

impl ContinuationScore {
    /// Returns the log-probability of all scored tokens together, which is their sum.
    #[must_use]
    pub fn log_probability(&self) -> f64 {
        self.tokens.iter().map(|token| f64::from(token.log_probability)).sum()
    }

    /// Returns whether greedy decoding would take all scored tokens, so that its answer begins with them.
    #[must_use]
    pub fn is_greedy(&self) -> bool {
        self.tokens.iter().all(|token| token.is_likeliest)
    }
}

/// The scores of one request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreAnswer {
    /// The scores in the order of the continuations, or why the request was refused (for example a chat longer than the context).
    pub continuations: Result<Vec<ContinuationScore>, String>,
    /// The tokens that the scores cost. Tokens of continuations count as prompt tokens, and none is decoded.
    pub usage: Usage,
}

impl ScoreAnswer {
    /// Creates the answer to a request that is refused.
    pub(super) fn refused(reason: String) -> Self {
        Self { continuations: Err(reason), usage: Usage::default() }
    }
}

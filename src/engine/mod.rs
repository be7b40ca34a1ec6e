//! Text in, text out: the seam between the optimizer's world and the models.
//!
//! An [`Engine`] answers a list of [`Request`]s in order. It does not know that prompts are evolved.
//! [`scripted`] is the deterministic double; `llama` (the cargo feature of this name) runs GGUF files in this process.

pub mod chat;
pub mod grammar;
#[cfg(feature = "llama")]
pub mod llama;
pub mod memory;
pub mod reasoning;
pub mod scripted;
pub mod settings;

use std::ops::ControlFlow;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use grammar::{Grammar, Shape};

/// Which model of the plan answers: its index in the order of `[model.NAME]` tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ModelId(pub usize);

/// Who speaks in a chat message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Standing instructions. Folded into the user's turn where a template has no such role.
    System,
    /// The user's turn.
    User,
    /// The model's turn. As the last message of a request it is the beginning of the answer,
    /// which the model continues.
    Assistant,
}

impl Role {
    /// Its name in a chat.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One turn of a chat.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, verbatim: never treated as a template.
    pub content: String,
}

impl Message {
    /// A message of the user.
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: Role::User, content: content.into() }
    }

    /// A system message.
    pub fn system(content: impl Into<String>) -> Self {
        Self { role: Role::System, content: content.into() }
    }
}

/// How an answer is drawn and where it ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decoding {
    /// The most tokens an answer may have; at least 1.
    pub max_tokens: u32,
    /// 0 is greedy; otherwise the softmax temperature.
    pub temperature: f32,
    /// Nucleus mass in (0, 1]; unused when greedy.
    pub top_p: f32,
    /// The answer ends before the first of these.
    pub stop: Vec<String>,
    /// What the answer must look like; None: anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grammar: Option<Grammar>,
}

impl Decoding {
    /// The most likely token at every step, at most `max_tokens` of them.
    pub fn greedy(max_tokens: u32) -> Self {
        Self { max_tokens, temperature: 0.0, top_p: 1.0, stop: Vec::new(), grammar: None }
    }
}

/// One question to one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The model that answers.
    pub model: ModelId,
    /// The chat so far.
    pub messages: Vec<Message>,
    /// Byte offsets into the messages' concatenated contents at which requests are known to
    /// branch, ascending. What requests begin with is shared up to the last of them; without any,
    /// up to where they part.
    pub breakpoints: Vec<usize>,
    /// How to draw the answer.
    pub decoding: Decoding,
    /// Seeds the sampler; without effect on a greedy answer.
    pub seed: u64,
}

/// Why an answer ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// The model or a stop string ended it.
    #[default]
    Stop,
    /// `max_tokens` cut it off.
    Length,
    /// It is complete by its grammar: nothing more may follow.
    Grammar,
    /// It was never begun, and why (a prompt longer than the context, for one).
    Refused(String),
}

/// What an answer cost, in tokens. Sums over a wave are the wave's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Prompt tokens computed for this request.
    pub prefilled: u64,
    /// Prompt tokens that no earlier request of the wave has as the same prefix: what a perfect
    /// prefix tree would compute.
    pub unique: u64,
    /// Prompt tokens taken from what another request had computed.
    pub reused: u64,
    /// Tokens of the answer, with the reasoning before it.
    pub decoded: u64,
    /// Those of them that are reasoning.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reasoned: u64,
}

/// By reference, as serde calls it.
pub(crate) fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.prefilled += other.prefilled;
        self.unique += other.unique;
        self.reused += other.reused;
        self.decoded += other.decoded;
        self.reasoned += other.reasoned;
    }
}

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// The answer, without reasoning and without the beginning given in the request.
    pub text: String,
    /// What the model thought aloud before it, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// Why it ended.
    pub ended: Ended,
    /// What it cost.
    pub usage: Usage,
}

/// A sign of life from within [`Engine::generate`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct EngineProgress {
    /// Requests answered so far in this call.
    pub answered: usize,
    /// Prompt tokens computed so far in this call.
    pub prefilled: u64,
    /// Answer tokens so far in this call.
    pub decoded: u64,
}

impl std::ops::Add for EngineProgress {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            answered: self.answered + other.answered,
            prefilled: self.prefilled + other.prefilled,
            decoded: self.decoded + other.decoded,
        }
    }
}

/// What can go wrong beneath the requests; a refused request is no error but its own answer.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The caller's progress function asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// A model file cannot be used.
    #[error("model `{name}` ({path}): {cause}")]
    Model {
        /// The model's name in the task file.
        name: String,
        /// Its file.
        path: PathBuf,
        /// What is wrong and what to do about it.
        cause: String,
    },
    /// The models do not fit the machine.
    #[error(transparent)]
    Memory(#[from] memory::TooLarge),
    /// A script of the scripted engine cannot be used.
    #[error("{path}:{line}: {cause}")]
    Script {
        /// The script's file.
        path: PathBuf,
        /// The line, from 1; 0 speaks of the whole file.
        line: usize,
        /// What is wrong with it.
        cause: String,
    },
    /// llama.cpp failed in the middle of its work.
    #[error("llama.cpp failed while {doing}: {cause}")]
    Backend {
        /// What was under way.
        doing: &'static str,
        /// What llama.cpp said.
        cause: String,
    },
    /// The engine's thread is gone, after an error that it has told before.
    #[error("the engine's thread has ended; start again")]
    Gone,
}

/// All models of a run. One owner of weights and contexts; answers stand in the order of requests.
pub trait Engine {
    /// Answers `requests`. What an answer says depends on `requests`, their order and the plan
    /// alone, never on earlier calls; a greedy one should depend on its request alone, for it is not asked for twice.
    ///
    /// # Errors
    /// [`EngineError::Interrupted`] when `progress` breaks; anything else ends the run.
    fn generate(
        &mut self,
        requests: &[Request],
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<Vec<Completion>, EngineError>;

    /// How many tokens `text` has for this model.
    fn count_tokens(&self, model: ModelId, text: &str) -> usize;

    /// Bytes of a model's weights, at least 1: what a token of it costs in proportion.
    fn size(&self, model: ModelId) -> u64;

    /// The most tokens, prompt and answer together, that a request to this model may have.
    fn context_length(&self, model: ModelId) -> usize;

    /// Whatever an answer depends on beyond the plan (weights, build, threads, batch shapes),
    /// as ordered pairs for the journal's fingerprint.
    fn fingerprint(&self) -> Vec<(String, String)>;
}

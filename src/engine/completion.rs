//! What a model answers to one request, and what the answer cost.

use serde::{Deserialize, Serialize};

/// Why an answer ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// The model ended it, or a stop string did.
    #[default]
    Stop,
    /// It reached `max_tokens`, or it went in circles ([`Usage::repeated`]).
    Length,
    /// It is complete under its grammar, which allows no further token.
    Grammar,
    /// It was not decoded, or not to its end, for this reason (for example a prompt longer than the context).
    Refused(String),
}

/// The tokens that an answer cost. The sum over a wave's requests is the cost of the wave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Prompt tokens that were computed for this request.
    pub prefilled: u64,
    /// Prompt tokens whose prefix no earlier request of the wave has: what an ideal prefix tree would compute.
    pub unique: u64,
    /// Prompt tokens that had been computed for another request.
    pub reused: u64,
    /// Tokens of the answer and of the reasoning before it.
    pub decoded: u64,
    /// Tokens of the reasoning alone; they are counted in `decoded` as well.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reasoned: u64,
    /// Tokens that only repeat what stands before them, where reasoning or answer was ended because it went in circles; they are
    /// counted in `decoded` as well. Otherwise 0. Only models that are asked to reason are ended so.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub repeated: u64,
}

/// Returns whether a count is 0. It takes a reference because serde's `skip_serializing_if` passes one.
pub(crate) fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Usage {
    /// Returns the tokens that a budget in tokens counts: prompt tokens, shared prefixes once, and generated tokens. Unlike
    /// [`Self::prefilled`], they do not depend on what the process computed before, so that a resumed run counts the same.
    #[must_use]
    pub fn counted(&self) -> u64 {
        self.unique + self.decoded
    }
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.prefilled += other.prefilled;
        self.unique += other.unique;
        self.reused += other.reused;
        self.decoded += other.decoded;
        self.reasoned += other.reasoned;
        self.repeated += other.repeated;
    }
}

/// The server that gave an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedBy {
    /// The server's URL, as in the task file.
    pub server: String,
    /// The time between the request and the answer, in milliseconds.
    pub milliseconds: u64,
}

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// The answer, without reasoning, and without the beginning that the request gave.
    pub text: String,
    /// The reasoning before the answer, without its tags. None if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// Why the answer ended.
    pub ended: Ended,
    /// The tokens that the answer cost.
    pub usage: Usage,
    /// The server that gave the answer. None for a model in this process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<ServedBy>,
}

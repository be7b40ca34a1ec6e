//! The trait that every engine implements.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::completion::Completion;
use super::error::EngineError;
use super::request::{ModelId, Request};
use super::scoring::{ScoreAnswer, ScoreRequest};
use super::server_changes::ServerChanges;

/// How far a call of [`Engine::generate`] or [`Engine::score`] is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineProgress {
    /// Requests that were answered so far in this call.
    pub answered: usize,
    /// Prompt tokens that were computed so far in this call.
    pub prefilled: u64,
    /// Answer tokens that were decoded so far in this call.
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

/// All models of a plan, and the only owner of their weights and contexts.
///
/// The [`ModelId`]s that are passed to an engine must be those of the plan that it was opened for. [`Engine::generate`] and
/// [`Engine::score`] return an error for another one; the other methods panic, as an index out of bounds does.
pub trait Engine {
    /// Answers `requests`. The completions stand in the order of the requests.
    ///
    /// The text of an answer depends on `requests`, their order and the plan, never on earlier calls. A greedy answer should
    /// depend on its request alone, because the answer cache uses it again instead of sending the same request.
    ///
    /// # Errors
    /// [`EngineError::Interrupted`] if `progress` returns [`ControlFlow::Break`]. Any other error ends the run. A request that
    /// cannot be answered is not an error: it gets a completion with [`Ended::Refused`](super::Ended::Refused).
    fn generate(
        &mut self,
        requests: &[Request],
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<Vec<Completion>, EngineError>;

    /// Scores the continuations of `requests` without decoding. The answers stand in the order of the requests.
    ///
    /// A score depends on its request alone wherever a greedy answer does. If all tokens of a continuation are the likeliest, the
    /// greedy answer of [`Engine::generate`] to the same chat, without reasoning, grammar and stop strings, begins with it.
    ///
    /// # Errors
    /// As for [`Engine::generate`]. A request that cannot be scored is not an error: its answer has the reason.
    fn score(
        &mut self,
        requests: &[ScoreRequest],
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<Vec<ScoreAnswer>, EngineError>;

    /// Returns how many tokens `text` has for a model.
    fn count_tokens(&self, model: ModelId, text: &str) -> usize;

    /// Returns the bytes of a model's weights, at least 1. The cost of a token is proportional to it.
    fn weight_bytes(&self, model: ModelId) -> u64;

    /// Returns the most tokens, prompt and answer together, that a request to a model may have.
    fn context_length(&self, model: ModelId) -> usize;

    /// Returns what the answers depend on beyond the plan (weights, build, threads, batch sizes), as ordered pairs of name and
    /// value for the fingerprint of a run.
    fn fingerprint(&self) -> Vec<(String, String)>;

    /// Returns where the engine writes what happens to its servers while it answers. None if it has no servers.
    fn server_changes(&self) -> Option<Arc<ServerChanges>> {
        None
    }
}

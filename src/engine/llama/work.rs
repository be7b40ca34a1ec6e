//! What a wave does for its requests: it computes the chat of each, and then the work that the request asks for.

use std::ops::{ControlFlow, Range};

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::token::LlamaToken;

use super::chat_tokens::ChatTokens;
use super::tokenizer::Tokenizer;
use crate::engine::completion::Usage;
use crate::engine::interface::EngineProgress;

/// A request of a wave, as tokens.
pub(super) trait WaveRequest {
    /// The answer to the request.
    type Answer;
    /// The work that begins with the logits after the last token of the chat.
    type Work<'r>: Work<Answer = Self::Answer>
    where
        Self: 'r;

    /// Returns the tokens of the chat.
    fn chat(&self) -> &ChatTokens;

    /// Returns the cells that are reserved for tokens after the chat.
    fn cells_after_chat(&self) -> usize;

    /// Returns whether the answer must not depend on the other requests of the wave.
    fn is_exact(&self) -> bool;

    /// Begins the work. Nothing is read yet.
    fn begin(&self) -> Self::Work<'_>;

    /// Creates the answer to a request that was refused.
    fn refused(reason: String) -> Self::Answer;

    /// Returns the cells that are reserved for tokens after the first `shared` ones of the chat, which lie in the cells of nodes.
    fn cells_after(&self, shared: usize) -> usize {
        self.chat().tokens.len() - shared + self.cells_after_chat()
    }
}

/// The work of a wave for one request, after its chat.
pub(super) trait Work {
    /// The answer to the request.
    type Answer;
    /// How the work ended.
    type End;

    /// Whether all tokens of [`Work::next_tokens`] but the first are guesses. No cells are reserved for wrong guesses.
    const GUESSES: bool;

    /// Returns the tokens that are computed next: one and at most `extra` more. There are none if logits must be read first.
    fn next_tokens(&mut self, extra: usize) -> Vec<LlamaToken>;

    /// Reads the logits after the last token of the chat, or after each of the tokens that [`Work::next_tokens`] returned. `rows`
    /// are their rows in the batch that was computed last.
    ///
    /// Breaks with how the work ended, or continues with how many of the last tokens must be removed before the next ones.
    fn read(
        &mut self,
        context: &LlamaContext<'_>,
        tokenizer: &Tokenizer<'_>,
        rows: Range<usize>,
        done: &mut EngineProgress,
    ) -> ControlFlow<Self::End, usize>;

    /// Returns the answer once the work has ended. `chat` is what the chat cost.
    fn answer(self, end: Self::End, chat: Usage) -> Self::Answer;
}

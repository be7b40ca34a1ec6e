//! A request of a wave that has a sequence in the KV cache.

use std::ops::Range;

use super::work::WaveRequest;
use crate::engine::completion::Usage;

/// A request that is computed.
pub(super) struct ActiveRequest<'r, R: WaveRequest + 'r> {
    /// The index of the request in the wave.
    pub(super) index: usize,
    /// The sequence of the request in the KV cache.
    pub(super) sequence: i32,
    pub(super) request: &'r R,
    /// Tokens of the chat that lie in the cells of nodes.
    pub(super) shared: usize,
    /// Those of the shared tokens that were computed when this request was admitted.
    charged: usize,
    /// Tokens of the chat that were added to a batch, and those that are shared.
    pub(super) fed: usize,
    /// The position of the request's next token.
    pub(super) position: usize,
    /// Cells that were reserved for the request and are retired.
    pub(super) retired: usize,
    /// The rows of the current batch whose logits are for this request. None if the batch has no such row.
    pub(super) rows: Option<Range<usize>>,
    pub(super) work: R::Work<'r>,
}

impl<'r, R: WaveRequest> ActiveRequest<'r, R> {
    /// Creates a request whose work has not begun. Its first `shared` tokens lie in the cells of nodes; `charged` of them were
    /// computed for it.
    pub(super) fn new(index: usize, sequence: i32, request: &'r R, shared: usize, charged: usize) -> Self {
        Self {
            index,
            sequence,
            request,
            shared,
            charged,
            fed: shared,
            position: shared,
            retired: 0,
            rows: None,
            work: request.begin(),
        }
    }

    /// Returns what the chat cost. `unique` is [`Usage::unique`] of the chat.
    pub(super) fn chat_usage(&self, unique: u64) -> Usage {
        Usage {
            prefilled: (self.request.chat().tokens.len() - self.shared + self.charged) as u64,
            unique,
            reused: (self.shared - self.charged) as u64,
            ..Usage::default()
        }
    }
}

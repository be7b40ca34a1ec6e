//! One step of a wave: a batch is filled and computed, and its logits are read.

use std::ops::ControlFlow;

use super::Wave;
use crate::engine::error::EngineError;
use crate::engine::llama::active::ActiveRequest;
use crate::engine::llama::work::{WaveRequest, Work};

/// The most requests that are decoded together for which drafts are worth their rows in a batch.
const MOST_DRAFTING: usize = 4;

/// The most tokens of a batch that follow another new token of the same answer or continuation: drafts, and what is scored. So many
/// cost little more than none, because the weights are read once for all rows.
const MOST_EXTRA: usize = 16;

/// How the work for a request ended.
pub(super) type End<'r, R> = <<R as WaveRequest>::Work<'r> as Work>::End;

impl<'c, R: WaveRequest> Wave<'c, '_, R> {
    /// Computes one batch: a token for every request whose work goes on, with more if few requests are active, then tokens of chats.
    pub(super) fn step(&mut self, active: &mut [ActiveRequest<'c, R>]) -> Result<(), EngineError> {
        let mut left = self.shape.chunk;
        let extra = self.extra_tokens(active.len());
        for request in &mut *active {
            if left == 0 {
                break;
            }
            let tokens = request.work.next_tokens(extra);
            for &token in &tokens {
                let row = self.batch.add(token, request.position, request.sequence, true);
                request.rows = Some(request.rows.as_ref().map_or(row, |rows| rows.start)..row + 1);
                request.position += 1;
            }
            left -= tokens.len();
        }
        for request in active {
            let tokens = &request.request.chat().tokens;
            while left > 0 && request.fed < tokens.len() {
                let is_last = request.fed + 1 == tokens.len();
                let row = self.batch.add(tokens[request.fed], request.position, request.sequence, is_last);
                if is_last {
                    request.rows = Some(row..row + 1);
                }
                request.fed += 1;
                request.position += 1;
                left -= 1;
                self.done.prefilled += 1;
            }
        }
        self.decode()
    }

    /// Returns how many tokens a request may add to a batch behind its first one, if so many requests are active.
    fn extra_tokens(&self, active: usize) -> usize {
        let most = MOST_EXTRA.min(self.shape.chunk.saturating_sub(active));
        match <R::Work<'c> as Work>::GUESSES {
            false => most / active,
            // Wrong drafts fill cells, so only free cells may be used for them.
            true if self.shape.drafts && active <= MOST_DRAFTING => most.min(self.cache.free_cells()) / active,
            true => 0,
        }
    }

    /// Reads the logits that the batch has for a request. Returns how its work ended, or None if it goes on.
    pub(super) fn read(&mut self, request: &mut ActiveRequest<'c, R>) -> Result<Option<End<'c, R>>, EngineError> {
        let Some(rows) = request.rows.take() else { return Ok(None) };
        match request.work.read(self.cache.context(), &self.tokenizer, rows, &mut self.done) {
            ControlFlow::Break(end) => Ok(Some(end)),
            ControlFlow::Continue(0) => Ok(None),
            ControlFlow::Continue(removed) => {
                if <R::Work<'c> as Work>::GUESSES {
                    // Wrong drafts have filled cells that were not reserved for the request.
                    self.cache.reserve(removed);
                } else {
                    request.retired += removed;
                }
                request.position -= removed;
                self.cache.retire_cells(request.sequence, request.position)?;
                Ok(None)
            }
        }
    }

    /// Pads the batch and computes it.
    pub(super) fn decode(&mut self) -> Result<(), EngineError> {
        if (self.progress)(self.done).is_break() {
            return Err(EngineError::Interrupted);
        }
        let sequence = self.shape.sequences.padding_sequence();
        let padding = self.shape.padding.filter(|_| self.pads_logits || self.batch.rows_with_logits() == 0);
        let is_padded = padding.is_some_and(|padding| self.batch.pad(padding, sequence));
        self.batch.decode(&mut self.cache)?;
        if is_padded { self.cache.remove(sequence, 0) } else { Ok(()) }
    }
}

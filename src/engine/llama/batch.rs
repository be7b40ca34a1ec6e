//! The tokens that llama.cpp computes in one call.

use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;

use super::cache::{KvCache, failed};
use super::padding::RowPadding;
use crate::engine::error::EngineError;

/// The token of the rows that pad a batch. Nothing uses their results, so any token will do.
const PADDING_TOKEN: LlamaToken = LlamaToken(0);

/// A token in a batch.
struct Row {
    token: LlamaToken,
    position: usize,
    sequence: i32,
    /// Whether the logits after this token are computed.
    has_logits: bool,
}

/// A batch that is being filled.
pub(super) struct Batch {
    batch: LlamaBatch<'static>,
    rows: Vec<Row>,
}

impl Batch {
    /// Creates an empty batch for at most `chunk` tokens and the rows that pad it.
    pub(super) fn new(chunk: usize) -> Self {
        Self { batch: LlamaBatch::new(chunk + RowPadding::MOST_ADDED, 1), rows: Vec::new() }
    }

    /// Adds a token, and returns its row.
    pub(super) fn add(&mut self, token: LlamaToken, position: usize, sequence: i32, has_logits: bool) -> usize {
        self.rows.push(Row { token, position, sequence, has_logits });
        self.rows.len() - 1
    }

    /// Returns the number of rows whose logits are computed.
    pub(super) fn rows_with_logits(&self) -> usize {
        self.rows.iter().filter(|row| row.has_logits).count()
    }

    /// Pads the batch behind all other rows, with rows of `sequence`. Returns whether rows were added.
    pub(super) fn pad(&mut self, padding: RowPadding, sequence: i32) -> bool {
        let padding = padding.padding(self.rows.len(), self.rows_with_logits());
        let without_logits = self.rows.iter_mut().filter(|row| !row.has_logits);
        without_logits.take(padding.extra_logits).for_each(|row| row.has_logits = true);
        for position in 0..padding.added {
            self.add(PADDING_TOKEN, position, sequence, position < padding.added_with_logits);
        }
        padding.added > 0
    }

    /// Computes the batch and empties it. Its logits can be read from the context until the next batch.
    pub(super) fn decode(&mut self, cache: &mut KvCache<'_, '_>) -> Result<(), EngineError> {
        self.batch.clear();
        for Row { token, position, sequence, has_logits } in self.rows.drain(..) {
            let position = i32::try_from(position).map_err(failed("filling a batch"))?;
            self.batch.add(token, position, &[sequence], has_logits).map_err(failed("filling a batch"))?;
        }
        cache.decode(&mut self.batch)
    }
}

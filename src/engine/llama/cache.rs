//! The KV cache of a context: its sequences, and which of its cells are free.
//!
//! Attention sums over the cells of a sequence in their order, and the order decides how sums are rounded. So each sequence has
//! its tokens in ascending cells: cells are filled one after the other, and none is filled again before the cache is cleared.
//! Cells whose content is no longer needed are not freed but retired: they go to a sequence that nothing reads.

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;

use crate::engine::error::EngineError;
use crate::engine::memory::MOST_WITH_STATE;
use crate::engine::settings::Settings;

/// Returns a function that makes an error of a cause, for what was being done.
pub(super) fn failed<E: std::fmt::Display>(doing: &'static str) -> impl Fn(E) -> EngineError {
    move |cause| EngineError::Backend { doing, cause: cause.to_string() }
}

/// The numbers of a context's sequences. Those of requests come first, then those of nodes of the prefix tree, then one for the
/// rows that pad a batch, and one for retired cells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sequences {
    requests: i32,
    nodes: i32,
}

impl Sequences {
    /// The sequences for padding and for retired cells.
    const EXTRA: i32 = 2;

    /// The most sequences that llama.cpp has.
    const MOST: i32 = 256;

    /// Divides the sequences for a plan that decodes so many requests together.
    ///
    /// # Errors
    /// [`EngineError::Setting`] if llama.cpp does not have so many.
    pub(super) fn new(requests: usize) -> Result<Self, EngineError> {
        if !(1..=Settings::MOST_SEQUENCES).contains(&requests) {
            let most = Settings::MOST_SEQUENCES;
            return Err(EngineError::Setting {
                key: "sequences",
                cause: format!("is {requests}; set a number from 1 to {most}"),
            });
        }
        let requests = i32::try_from(requests).map_err(failed("numbering the sequences"))?;
        Ok(Self { requests, nodes: requests.min(Self::MOST - Self::EXTRA - requests) })
    }

    /// Divides the sequences for a model of which each sequence has a recurrent state. A state takes as much memory as hundreds of
    /// cells, so fewer requests are decoded together.
    ///
    /// # Errors
    /// As [`Sequences::new`].
    pub(super) fn with_states(requests: usize) -> Result<Self, EngineError> {
        Self::new(requests.min(MOST_WITH_STATE))
    }

    /// Returns how many sequences there are in all.
    pub(super) fn count(self) -> usize {
        self.all().count()
    }

    fn all(self) -> std::ops::Range<i32> {
        0..self.requests + self.nodes + Self::EXTRA
    }

    /// Returns the sequences of requests.
    pub(super) fn of_requests(self) -> std::ops::Range<i32> {
        0..self.requests
    }

    /// Returns the sequences of nodes.
    pub(super) fn of_nodes(self) -> std::ops::Range<i32> {
        self.requests..self.requests + self.nodes
    }

    /// Returns the sequence of the rows that pad a batch. It is empty between batches.
    pub(super) fn padding_sequence(self) -> i32 {
        self.requests + self.nodes
    }

    /// Returns the sequence that has all retired cells.
    fn retired_sequence(self) -> i32 {
        self.requests + self.nodes + 1
    }
}

/// The KV cache of a context.
pub(super) struct KvCache<'c, 'm> {
    context: &'c mut LlamaContext<'m>,
    sequences: Sequences,
    /// The cells that nodes and requests may fill.
    cells: usize,
    /// The cells that are neither filled nor reserved.
    free: usize,
    /// Whether sequences have a recurrent state beside their cells.
    has_state: bool,
}

impl<'c, 'm> KvCache<'c, 'm> {
    /// Wraps the cache of a context. It must be cleared before it is used.
    pub(super) fn new(context: &'c mut LlamaContext<'m>, sequences: Sequences, cells: usize, has_state: bool) -> Self {
        Self { context, sequences, cells, free: cells, has_state }
    }

    /// Returns the context, to read the logits of the batch that was decoded last.
    pub(super) fn context(&self) -> &LlamaContext<'m> {
        self.context
    }

    /// Returns the number of cells.
    pub(super) fn cells(&self) -> usize {
        self.cells
    }

    /// Returns the number of cells that are neither filled nor reserved.
    pub(super) fn free_cells(&self) -> usize {
        self.free
    }

    /// Reserves free cells.
    pub(super) fn reserve(&mut self, cells: usize) {
        self.free -= cells;
    }

    /// Gives back reserved cells that were not filled.
    pub(super) fn release(&mut self, cells: usize) {
        self.free += cells;
    }

    /// Removes all sequences, so that every cell is free.
    pub(super) fn clear(&mut self) {
        self.context.clear_kv_cache();
        self.free = self.cells;
    }

    /// Removes all sequences but `kept`, which fills the first `kept_cells` cells.
    pub(super) fn clear_except(&mut self, kept: i32, kept_cells: usize) -> Result<(), EngineError> {
        for sequence in self.sequences.all().filter(|&sequence| sequence != kept) {
            self.remove(sequence, 0)?;
        }
        self.free = self.cells - kept_cells;
        Ok(())
    }

    /// Adds all tokens of `from` to the sequence `to`, in the same cells.
    pub(super) fn share(&mut self, from: i32, to: i32) -> Result<(), EngineError> {
        self.context.copy_kv_cache_seq(from, to, None, None).map_err(failed("sharing a prefix"))
    }

    /// Retires the cells that a sequence has from a position on. A sequence with a recurrent state cannot be cut back; it is removed
    /// as a whole, and its cells before the position stay with the nodes that it shares them with.
    pub(super) fn retire_cells(&mut self, sequence: i32, position: usize) -> Result<(), EngineError> {
        let from = u32::try_from(position).map_err(failed("retiring cells"))?;
        let moved = self.context.copy_kv_cache_seq(sequence, self.sequences.retired_sequence(), Some(from), None);
        moved.map_err(failed("retiring cells"))?;
        self.remove(sequence, if self.has_state { 0 } else { position })
    }

    /// Removes a sequence from its cells from a position on. Cells that no other sequence has become free in llama.cpp.
    pub(super) fn remove(&mut self, sequence: i32, position: usize) -> Result<(), EngineError> {
        let doing = "removing a sequence";
        let number = u32::try_from(sequence).map_err(failed(doing))?;
        let from = u32::try_from(position).map_err(failed(doing))?;
        match self.context.clear_kv_cache_seq(Some(number), Some(from), None).map_err(failed(doing))? {
            true => Ok(()),
            false => Err(failed(doing)(format!("sequence {sequence} cannot be removed from position {position} on"))),
        }
    }

    /// Computes a batch, whose tokens fill cells.
    pub(super) fn decode(&mut self, batch: &mut LlamaBatch<'_>) -> Result<(), EngineError> {
        self.context.decode(batch).map_err(failed("decoding"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_divided_up_to_the_most_that_llama_cpp_has() {
        for (requests, nodes) in [(1, 1), (32, 32), (127, 127), (128, 126), (253, 1)] {
            let sequences = Sequences::new(requests).unwrap();
            assert_eq!((sequences.of_nodes().count(), sequences.count()), (nodes, requests + nodes + 2));
            assert!(sequences.count() <= 256);
        }
        for requests in [0, 254] {
            assert!(matches!(Sequences::new(requests), Err(EngineError::Setting { key: "sequences", .. })));
        }
    }
}

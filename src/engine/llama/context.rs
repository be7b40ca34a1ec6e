//! The parameters of llama.cpp's contexts.

use std::num::{NonZeroU32, TryFromIntError};

use llama_cpp_2::context::params::{KvCacheType, LlamaContextParams};

use super::padding::RowPadding;
use crate::engine::memory::CacheType;
use crate::engine::settings::Tuning;

/// The number types of keys and values in the KV cache of a context.
pub(super) struct CacheTypes {
    keys: KvCacheType,
    values: KvCacheType,
}

impl CacheTypes {
    /// Chooses the types for a model.
    ///
    /// On a CPU, 16-bit keys get values of another 16-bit type. If both have the same type, llama.cpp chooses the kernel of
    /// attention, and so the order in which sums are rounded, by the number of rows of a batch
    /// (`ggml_compute_forward_flash_attn_ext_f16`). With different types, each row is computed over its own cells in their order.
    /// Latent attention keeps keys and values in the same cells, so they have one type.
    pub(super) fn new(cache: CacheType, gpu_layers: u32, has_latent_attention: bool) -> Self {
        let (keys, values) = match cache {
            CacheType::Q8 => (KvCacheType::Q8_0, KvCacheType::Q8_0),
            CacheType::F16 if gpu_layers == 0 && !has_latent_attention => (KvCacheType::F16, KvCacheType::BF16),
            CacheType::F16 => (KvCacheType::F16, KvCacheType::F16),
        };
        Self { keys, values }
    }
}

/// The size of a context.
pub(super) struct ContextSize {
    /// Cells of the KV cache that requests may fill. All sequences share them.
    pub(super) cells: usize,
    /// Sequences of the KV cache.
    pub(super) sequences: usize,
    /// Threads of llama.cpp, and the most tokens of a batch.
    pub(super) tuning: Tuning,
}

impl ContextSize {
    /// Creates the parameters of a context with a unified KV cache, with room for the rows that pad a batch.
    ///
    /// llama.cpp aborts the process if it has more sequences than a batch may have rows whose logits are read
    /// (`llama_context::output_reserve`), so cells and batches are at least as many as the sequences.
    ///
    /// # Errors
    /// A size exceeds llama.cpp's range.
    pub(super) fn params(&self, types: CacheTypes, gpu_layers: u32) -> Result<LlamaContextParams, TryFromIntError> {
        let Tuning { threads, chunk } = self.tuning;
        let threads = i32::try_from(threads)?;
        let sequences = u32::try_from(self.sequences)?;
        let rows = u32::try_from(chunk + RowPadding::MOST_ADDED)?;
        let cells = u32::try_from(self.cells + RowPadding::MOST_ADDED)?;
        Ok(LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(cells.max(sequences)))
            .with_n_batch(rows.max(sequences))
            .with_n_ubatch(rows)
            .with_n_seq_max(sequences)
            .with_n_threads(threads)
            .with_n_threads_batch(threads)
            .with_type_k(types.keys)
            .with_type_v(types.values)
            .with_kv_unified(true)
            .with_op_offload(gpu_layers > 0))
    }
}

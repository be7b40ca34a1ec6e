//! The memory plan: how much memory each model needs, by its file's header, and how models share the machine's memory.

use serde::{Deserialize, Serialize};

use crate::gguf::Header;

/// The number type in which the KV cache stores keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheType {
    /// 16-bit floats.
    F16,
    /// Blocks of 32 eight-bit numbers with a scale: little more than half the size of `f16`.
    #[serde(rename = "q8_0")]
    Q8,
}

impl CacheType {
    /// Returns the type with this name in a task file. None if there is none.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::F16, Self::Q8].into_iter().find(|cache| cache.to_string() == name)
    }

    /// Returns the bytes that this many numbers take.
    fn bytes(self, elements: u64) -> u64 {
        match self {
            Self::F16 => elements.saturating_mul(2),
            Self::Q8 => elements.div_ceil(32).saturating_mul(34),
        }
    }
}

impl std::fmt::Display for CacheType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::F16 => "f16",
            Self::Q8 => "q8_0",
        })
    }
}

/// The most requests that are decoded together by a recurrent or hybrid model.
pub const MOST_WITH_STATE: usize = 8;

/// The sequences of such a model: those of the requests, as many for nodes of the prefix tree, one for padding and one for retired cells.
const SEQUENCES_WITH_STATE: u64 = 2 * MOST_WITH_STATE as u64 + 2;

/// What one model needs of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The model's name in the task file.
    pub name: String,
    /// Bytes of the weights.
    pub weights: u64,
    /// Layers that can be put on a GPU. The output layer is counted.
    pub layers: u32,
    /// Numbers that the KV cache holds for each token.
    pub cache_elements: u64,
    /// Bytes of the buffers for computing a batch, and of the states of a recurrent or hybrid model.
    pub compute: u64,
    /// Tokens of context that are wanted.
    pub context: usize,
    /// Whether the context may be smaller than wanted. It may unless the task file sets it.
    pub may_shrink: bool,
    /// The number type of the KV cache. None allows any. [`Need::from_header`] sets it for models that allow only one type.
    pub cache: Option<CacheType>,
    /// Layers that must be put on a GPU. None puts as many there as fit.
    pub gpu_layers: Option<u32>,
}

impl Need {
    /// Computes what the model of a header needs with batches of `chunk` tokens. If the header lacks a size of the attention,
    /// the largest possible size is assumed.
    #[must_use]
    pub fn from_header(name: &str, header: &Header, chunk: usize, context: usize) -> Self {
        let blocks = header.block_count().unwrap_or(1);
        let width = header.embedding_length().unwrap_or(0);
        // If the number of heads differs from layer to layer, it is computed from the width and the length of a key.
        let by_length = header.key_length().filter(|&length| length > 0).map(|length| width / length);
        let heads = header.head_count().or(by_length).unwrap_or(1).max(1);
        let kv_heads = header.kv_head_count().unwrap_or(heads);
        let key = header.key_length().unwrap_or(width / heads);
        let value = header.value_length().unwrap_or(width / heads);
        let vocabulary = header.vocab_size().unwrap_or(0);
        let inner = header.feed_forward_length().unwrap_or(width.saturating_mul(4));
        // 32-bit floats: the logits of every token, and a few activations of each width.
        let floats = vocabulary
            .saturating_add(width.saturating_mul(6))
            .saturating_add(inner.saturating_mul(3))
            .saturating_mul(chunk as u64);
        Self {
            name: name.to_owned(),
            weights: header.file_bytes.saturating_sub(header.data_start),
            layers: u32::try_from(blocks.saturating_add(1)).unwrap_or(u32::MAX),
            cache_elements: blocks.saturating_mul(kv_heads).saturating_mul(key.saturating_add(value)),
            compute: floats.saturating_mul(4).saturating_add(header.recurrent_state_bytes().saturating_mul(SEQUENCES_WITH_STATE)),
            context,
            may_shrink: true,
            // The q8_0 type has blocks of 32 numbers, which must divide a head.
            cache: (!key.is_multiple_of(32) || !value.is_multiple_of(32)).then_some(CacheType::F16),
            gpu_layers: None,
        }
    }

    /// Returns the bytes of a KV cache for `context` tokens.
    #[must_use]
    pub fn cache_bytes(&self, context: usize, cache: CacheType) -> u64 {
        cache.bytes(self.cache_elements).saturating_mul(context as u64)
    }
}

/// The memory of a machine that models may take, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Main memory that models may take.
    pub ram: u64,
    /// Free memory of the GPU. None if there is no GPU, or this build cannot use it.
    pub gpu: Option<u64>,
}

/// The divisor n: models may take all but 1/n of the memory.
const RESERVED_DIVISOR: u64 = 8;

impl Machine {
    /// Describes this machine. `ram` is seven eighths of its memory, or of the part of it that this process's control group
    /// allows. The memory that is free at the moment does not count, so that the same command gives the same plan.
    #[must_use]
    pub fn current(gpu: Option<u64>) -> Self {
        let mut system = sysinfo::System::new();
        system.refresh_memory();
        let total = system.cgroup_limits().map_or(system.total_memory(), |limits| limits.total_memory.min(system.total_memory()));
        Self { ram: total - total / RESERVED_DIVISOR, gpu }
    }
}

/// The memory that the plan gives to one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// The model's name in the task file.
    pub name: String,
    /// Tokens of context.
    pub context: usize,
    /// The number type of the KV cache.
    pub cache: CacheType,
    /// Layers on the GPU.
    pub gpu_layers: u32,
    /// Bytes of the weights, in main memory and on the GPU together.
    pub weights: u64,
    /// Bytes of the KV cache, in main memory and on the GPU together.
    pub cache_bytes: u64,
    /// Bytes of the buffers for computing a batch and of the states of a recurrent or hybrid model, in main memory and on the GPU
    /// together.
    pub compute: u64,
    /// Bytes of weights, cache, buffers and states that are on the GPU.
    pub on_gpu: u64,
}

impl Share {
    /// Returns the bytes of main memory that the model takes.
    #[must_use]
    pub fn ram(&self) -> u64 {
        self.weights.saturating_add(self.cache_bytes).saturating_add(self.compute).saturating_sub(self.on_gpu)
    }
}

/// How models share a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryPlan {
    /// The share of each model, in the order of the needs.
    pub shares: Vec<Share>,
    /// Whether only one model is loaded at a time, because the memory does not hold all of them.
    pub in_turns: bool,
}

impl MemoryPlan {
    /// Returns the most bytes of main memory that are taken at one time.
    #[must_use]
    pub fn ram(&self) -> u64 {
        self.at_one_time(self.shares.iter().map(Share::ram))
    }

    /// Returns the most bytes of the GPU's memory that are taken at one time.
    #[must_use]
    pub fn gpu(&self) -> u64 {
        self.at_one_time(self.shares.iter().map(|share| share.on_gpu))
    }

    /// Returns the largest of the models' bytes if one is loaded at a time, otherwise their sum. It is 0 without models.
    fn at_one_time(&self, bytes: impl Iterator<Item = u64>) -> u64 {
        bytes.fold(0, |all, one| if self.in_turns { all.max(one) } else { all.saturating_add(one) })
    }
}

/// A model that does not fit the machine in any way that [`plan`] tries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message())]
pub struct TooLarge {
    /// The model's name in the task file.
    pub name: String,
    /// The fewest bytes that the model needs.
    pub needs: u64,
    /// Bytes of its weights.
    pub weights: u64,
    /// The smallest context that was tried, in tokens.
    pub context: usize,
    /// Bytes that models may take.
    pub has: u64,
    /// Layers that must be put on the GPU, if it is the GPU's memory that is too small. None if it is the main memory.
    pub gpu_layers: Option<u32>,
}

impl TooLarge {
    fn message(&self) -> String {
        let Self { name, needs, weights, context, has, gpu_layers } = self;
        let [needs, weights, has] = [needs, weights, has].map(|bytes| mb(*bytes));
        match gpu_layers {
            None => format!(
                "`{name}` alone needs {needs} MB of memory ({weights} MB of weights, the rest for {context} tokens of context), and models \
                 may have {has} MB: take a smaller file or a stronger quantization, or lower `model.{name}.context`"
            ),
            Some(layers) => format!(
                "`{name}` alone needs {needs} MB of the GPU for {layers} layers and {context} tokens of context, and models may have \
                 {has} MB of it now: free some of it, or lower `model.{name}.gpu_layers` or `model.{name}.context`"
            ),
        }
    }
}

/// Returns bytes in megabytes (10^6 bytes), rounded up.
#[must_use]
pub fn mb(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}

/// The smallest context to which a context is shrunk, in tokens. It holds a reflection, or a prompt with a few demonstrations.
const LEAST_CONTEXT: usize = 2048;

/// Chooses how the models share the machine, and returns the first way that fits. The ways are tried in the order of what they
/// cost: all models together; with the smaller type of KV cache; one model at a time; and then the same with half the context, a
/// quarter, and so on.
///
/// # Errors
/// [`TooLarge`] with the largest model if nothing fits.
pub fn plan(needs: &[Need], machine: &Machine) -> Result<MemoryPlan, TooLarge> {
    let gpu = machine.gpu.map_or(0, usable);
    let mut halvings = 0;
    loop {
        let context = |need: &Need| match need.may_shrink {
            true => (need.context >> halvings).max(LEAST_CONTEXT.min(need.context)),
            false => need.context,
        };
        for in_turns in [false, true] {
            for cache in [CacheType::F16, CacheType::Q8] {
                let shares = share(needs, machine, in_turns, cache, &context);
                let plan = MemoryPlan { shares, in_turns: in_turns && needs.len() > 1 };
                if plan.ram() <= machine.ram && plan.gpu() <= gpu {
                    return Ok(plan);
                }
            }
        }
        if needs.iter().all(|need| !need.may_shrink || need.context >> halvings <= LEAST_CONTEXT) {
            let shares = share(needs, machine, true, CacheType::Q8, &context);
            let too_large = |share: &Share, needs, has, gpu_layers| {
                let Share { name, weights, context, .. } = share;
                TooLarge { name: name.clone(), needs, weights: *weights, context: *context, has, gpu_layers }
            };
            let largest_on_gpu = shares.iter().max_by_key(|share| share.on_gpu).filter(|share| share.on_gpu > gpu);
            if let Some(share) = largest_on_gpu {
                return Err(too_large(share, share.on_gpu, gpu, Some(share.gpu_layers)));
            }
            return match shares.iter().max_by_key(|share| share.ram()) {
                Some(share) => Err(too_large(share, share.ram(), machine.ram, None)),
                None => Ok(MemoryPlan { shares, in_turns: false }),
            };
        }
        halvings += 1;
    }
}

/// Returns the bytes of a GPU's free memory that models may take.
fn usable(free: u64) -> u64 {
    free - free / RESERVED_DIVISOR
}

/// Computes the shares for one choice. In turns, each model has the whole GPU; together, each has what the models before it left.
fn share(needs: &[Need], machine: &Machine, in_turns: bool, cache: CacheType, context: &impl Fn(&Need) -> usize) -> Vec<Share> {
    let whole = machine.gpu.map(usable);
    let mut left = whole;
    let mut shares = Vec::new();
    for need in needs {
        let (context, cache) = (context(need), need.cache.unwrap_or(cache));
        let cache_bytes = need.cache_bytes(context, cache);
        let per_layer = need.weights.saturating_add(cache_bytes).div_ceil(u64::from(need.layers.max(1))).max(1);
        let room = if in_turns { whole } else { left };
        let fits = room.map_or(0, |room| u32::try_from(room.saturating_sub(need.compute) / per_layer).unwrap_or(u32::MAX));
        let gpu_layers = need.gpu_layers.unwrap_or(fits).min(need.layers);
        let on_gpu = match gpu_layers {
            0 => 0,
            all if all == need.layers => need.weights.saturating_add(cache_bytes).saturating_add(need.compute),
            some => u64::from(some).saturating_mul(per_layer).saturating_add(need.compute),
        };
        left = left.map(|left| left.saturating_sub(on_gpu));
        shares.push(Share {
            name: need.name.clone(),
            context,
            cache,
            gpu_layers,
            weights: need.weights,
            cache_bytes,
            compute: need.compute,
            on_gpu,
        });
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GB: u64 = 1_000_000_000;

    /// Qwen3-8B: 36 layers of 8 key and value heads with 128 numbers each.
    fn qwen3_8b(name: &str, weights: u64) -> Need {
        Need {
            name: name.into(),
            weights,
            layers: 37,
            cache_elements: 36 * 8 * 256,
            compute: 250_000_000,
            context: 8192,
            may_shrink: true,
            cache: None,
            gpu_layers: None,
        }
    }

    fn planned(needs: &[Need], ram: u64, gpu: Option<u64>) -> MemoryPlan {
        plan(needs, &Machine { ram, gpu }).unwrap()
    }

    #[test]
    fn the_cheapest_way_that_fits_is_chosen() {
        let two = [qwen3_8b("task", 5 * GB), qwen3_8b("teacher", 5 * GB)];
        let together = planned(&two, 13 * GB, None);
        assert_eq!((together.in_turns, together.shares[0].cache, together.shares[0].context), (false, CacheType::F16, 8192));
        assert_eq!(together.shares[0].cache_bytes, 1_207_959_552);
        let smaller = planned(&two, 12 * GB, None);
        assert_eq!((smaller.in_turns, smaller.shares[0].cache), (false, CacheType::Q8));
        let in_turns = planned(&two, 7 * GB, None);
        assert_eq!((in_turns.in_turns, in_turns.shares[0].cache, in_turns.shares[0].context), (true, CacheType::F16, 8192));
        let shrunk = planned(&two, 5_700_000_000, None);
        assert_eq!((shrunk.in_turns, shrunk.shares[1].context), (true, 4096));
        assert!(!planned(&two[..1], 7 * GB, None).in_turns, "one model has no turns");
    }

    #[test]
    fn a_context_that_was_set_is_not_shrunk_and_a_model_that_does_not_fit_is_an_error() {
        let fixed = Need { may_shrink: false, cache: Some(CacheType::F16), ..qwen3_8b("task", 5 * GB) };
        let error = plan(&[fixed], &Machine { ram: 6 * GB, gpu: None }).unwrap_err();
        assert_eq!((error.context, error.has), (8192, 6 * GB));
        let error = plan(&[qwen3_8b("task", 9 * GB)], &Machine { ram: 8 * GB, gpu: None }).unwrap_err().to_string();
        assert!(error.starts_with("`task` alone needs 9411 MB of memory (9000 MB of weights"), "{error}");
    }

    #[test]
    fn a_gpu_takes_the_layers_that_fit() {
        let one = [qwen3_8b("task", 5 * GB)];
        let all = planned(&one, 8 * GB, Some(8 * GB));
        assert_eq!((all.shares[0].gpu_layers, all.shares[0].ram()), (37, 0));
        let some = &planned(&one, 8 * GB, Some(4 * GB)).shares[0];
        assert!((10..30).contains(&some.gpu_layers) && some.on_gpu <= 3_500_000_000, "{some:?}");
        let on_cpu = Need { gpu_layers: Some(0), ..qwen3_8b("task", 5 * GB) };
        assert_eq!(planned(&[on_cpu], 8 * GB, Some(24 * GB)).shares[0].on_gpu, 0);
    }

    #[test]
    fn models_whose_gpu_layers_are_set_take_turns_or_are_an_error() {
        let all = |name: &str| Need { gpu_layers: Some(37), ..qwen3_8b(name, 5 * GB) };
        assert!(!planned(&[all("task"), all("teacher")], 8 * GB, Some(24 * GB)).in_turns);
        assert!(planned(&[all("task"), all("teacher")], 8 * GB, Some(8 * GB)).in_turns);
        let error = plan(&[all("task")], &Machine { ram: 64 * GB, gpu: Some(4 * GB) }).unwrap_err();
        assert_eq!((error.has, error.gpu_layers), (3_500_000_000, Some(37)));
        assert!(error.to_string().contains("MB of the GPU for 37 layers"), "{error}");
    }

    proptest! {
        #[test]
        fn a_plan_takes_no_more_memory_than_the_machine_has(
            sizes in prop::collection::vec((1..20_u64, 1..33_000_usize, any::<bool>()), 1..4), ram in 1..40_u64, gpu in 0..24_u64
        ) {
            let need = |&(size, context, may_shrink): &(u64, usize, bool)| Need { context, may_shrink, ..qwen3_8b("m", size * GB / 2) };
            let needs: Vec<Need> = sizes.iter().map(need).collect();
            let machine = Machine { ram: ram * GB, gpu: (gpu > 0).then_some(gpu * GB) };
            match plan(&needs, &machine) {
                Ok(plan) => {
                    prop_assert!(plan.ram() <= machine.ram && plan.gpu() <= machine.gpu.unwrap_or(0));
                    for (share, need) in plan.shares.iter().zip(&needs) {
                        prop_assert!(share.context <= need.context && (need.may_shrink || share.context == need.context));
                    }
                }
                Err(error) => prop_assert!(error.needs > machine.ram),
            }
        }
    }
}

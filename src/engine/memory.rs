//! What models need of a machine's memory, from their headers, before anything is loaded; and how they share it.

use serde::{Deserialize, Serialize};

use crate::gguf::Header;

/// What the keys and values of the cache are stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheType {
    /// 16-bit floats.
    F16,
    /// Blocks of 32 eight-bit numbers with a scale: little more than half as large.
    #[serde(rename = "q8_0")]
    Q8,
}

impl CacheType {
    /// The one of this name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        [Self::F16, Self::Q8].into_iter().find(|cache| cache.to_string() == name)
    }

    /// Bytes of `elements`.
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

/// What one model needs, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Its name in the task file.
    pub name: String,
    /// Weights.
    pub weights: u64,
    /// Layers that can lie on a GPU, the output among them.
    pub layers: u32,
    /// Numbers that the cache holds of each token.
    pub cache_elements: u64,
    /// Room for the arithmetic of a batch.
    pub compute: u64,
    /// Tokens of context that are wanted.
    pub context: usize,
    /// Whether fewer would do, because nobody asked for so many.
    pub may_shrink: bool,
    /// What the cache is to be stored as; None: whatever fits. [`Need::of`] says it of models that can have one type alone.
    pub cache: Option<CacheType>,
    /// Layers that are to lie on a GPU; None: as many as fit.
    pub gpu_layers: Option<u32>,
}

impl Need {
    /// What the model of a header needs, with batches of `chunk` tokens. A file that does not say how its attention is
    /// shaped is taken for the largest that it can be.
    #[must_use]
    pub fn of(name: &str, header: &Header, chunk: usize, context: usize) -> Self {
        let blocks = header.block_count().unwrap_or(1);
        let width = header.embedding_length().unwrap_or(0);
        // Where each layer has its own number, the file may still say how long a key is.
        let by_length = header.key_length().filter(|&length| length > 0).map(|length| width / length);
        let heads = header.head_count().or(by_length).unwrap_or(1).max(1);
        let kv_heads = header.kv_head_count().unwrap_or(heads);
        let key = header.key_length().unwrap_or(width / heads);
        let value = header.value_length().unwrap_or(width / heads);
        let vocabulary = header.vocab_size().unwrap_or(0);
        let inner = header.feed_forward_length().unwrap_or(width.saturating_mul(4));
        // Logits of every token, and a few activations of each width: 32-bit floats.
        let floats = vocabulary
            .saturating_add(width.saturating_mul(6))
            .saturating_add(inner.saturating_mul(3))
            .saturating_mul(chunk as u64);
        Self {
            name: name.to_owned(),
            weights: header.file_bytes.saturating_sub(header.data_start),
            layers: u32::try_from(blocks.saturating_add(1)).unwrap_or(u32::MAX),
            cache_elements: blocks.saturating_mul(kv_heads).saturating_mul(key.saturating_add(value)),
            compute: floats.saturating_mul(4),
            context,
            may_shrink: true,
            // The smaller cache has blocks of 32 numbers, which must divide a head.
            cache: (!key.is_multiple_of(32) || !value.is_multiple_of(32)).then_some(CacheType::F16),
            gpu_layers: None,
        }
    }

    /// Bytes of the cache.
    #[must_use]
    pub fn cache_bytes(&self, context: usize, cache: CacheType) -> u64 {
        cache.bytes(self.cache_elements).saturating_mul(context as u64)
    }
}

/// What a machine has, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Memory that models may take.
    pub ram: u64,
    /// Free memory of the GPU; None: there is none, or this build cannot use it.
    pub gpu: Option<u64>,
}

/// One part in so many of the memory is left to everything else.
const LEFT_TO_OTHERS: u64 = 8;

impl Machine {
    /// This machine: seven eighths of what it has, or of what this process may have of it. What is free at the moment does
    /// not count, so that the same command gives the same plan.
    #[must_use]
    pub fn this(gpu: Option<u64>) -> Self {
        let mut system = sysinfo::System::new();
        system.refresh_memory();
        let total = system.cgroup_limits().map_or(system.total_memory(), |limits| limits.total_memory.min(system.total_memory()));
        Self { ram: total - total / LEFT_TO_OTHERS, gpu }
    }
}

/// One model's share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Its name in the task file.
    pub name: String,
    /// Tokens of context.
    pub context: usize,
    /// What its cache is stored as.
    pub cache: CacheType,
    /// Layers on the GPU.
    pub gpu_layers: u32,
    /// Bytes of weights, wherever they lie.
    pub weights: u64,
    /// Bytes of its cache.
    pub cache_bytes: u64,
    /// Bytes for the arithmetic of a batch.
    pub compute: u64,
    /// Bytes of all this on the GPU.
    pub on_gpu: u64,
}

impl Share {
    /// Bytes of memory beside the GPU's.
    #[must_use]
    pub fn ram(&self) -> u64 {
        self.weights.saturating_add(self.cache_bytes).saturating_add(self.compute).saturating_sub(self.on_gpu)
    }
}

/// How models share a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryPlan {
    /// Each model's share, in the order of the needs.
    pub shares: Vec<Share>,
    /// Whether only one is loaded at a time, because there is no room for all.
    pub in_turns: bool,
}

impl MemoryPlan {
    /// Bytes of memory beside the GPU's that are taken at a time.
    #[must_use]
    pub fn ram(&self) -> u64 {
        let of_all = self.shares.iter().map(Share::ram);
        if self.in_turns { of_all.max().unwrap_or(0) } else { of_all.fold(0, u64::saturating_add) }
    }

    /// Bytes of the GPU that are taken at a time.
    #[must_use]
    pub fn gpu(&self) -> u64 {
        let of_all = self.shares.iter().map(|share| share.on_gpu);
        if self.in_turns { of_all.max().unwrap_or(0) } else { of_all.fold(0, u64::saturating_add) }
    }
}

/// No way of sharing fits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.words())]
pub struct TooLarge {
    /// The model.
    pub name: String,
    /// Bytes it needs at least.
    pub needs: u64,
    /// Bytes of its weights.
    pub weights: u64,
    /// The smallest context that was tried.
    pub context: usize,
    /// Bytes that models may have.
    pub has: u64,
    /// Layers that were asked for on a GPU, where that is what it does not fit; None: it does not fit the machine's memory.
    pub gpu_layers: Option<u32>,
}

impl TooLarge {
    fn words(&self) -> String {
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

/// Bytes in millions, rounded up.
#[must_use]
pub fn mb(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000)
}

/// The smallest context that a model is given, in tokens: a reflection, or a prompt with a few examples, fits.
const LEAST_CONTEXT: usize = 2048;

/// How the models share the machine. What costs least comes first: all together, then with a smaller cache, then in turns, then
/// with half the context, and so on.
///
/// # Errors
/// [`TooLarge`] with the model that fits in no way.
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
            let on_gpu = shares.iter().max_by_key(|share| share.on_gpu).filter(|share| share.on_gpu > gpu);
            let Some(Share { name, weights, context, gpu_layers, .. }) = on_gpu.or(shares.iter().max_by_key(|share| share.ram()))
            else {
                return Ok(MemoryPlan { shares: Vec::new(), in_turns: false });
            };
            let (needs, has, gpu_layers) = match on_gpu {
                Some(share) => (share.on_gpu, gpu, Some(*gpu_layers)),
                None => (shares.iter().map(Share::ram).max().unwrap_or(0), machine.ram, None),
            };
            return Err(TooLarge { name: name.clone(), needs, weights: *weights, context: *context, has, gpu_layers });
        }
        halvings += 1;
    }
}

/// What of a GPU's free memory models may take.
fn usable(free: u64) -> u64 {
    free - free / LEFT_TO_OTHERS
}

/// Shares under one choice. In turns each has the whole GPU; together they take what those before have left.
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
    fn what_costs_least_is_tried_first() {
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
    fn what_was_asked_for_is_not_shrunk_and_what_fits_in_no_way_is_refused() {
        let asked = Need { may_shrink: false, cache: Some(CacheType::F16), ..qwen3_8b("task", 5 * GB) };
        let error = plan(&[asked], &Machine { ram: 6 * GB, gpu: None }).unwrap_err();
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
        let told = Need { gpu_layers: Some(0), ..qwen3_8b("task", 5 * GB) };
        assert_eq!(planned(&[told], 8 * GB, Some(24 * GB)).shares[0].on_gpu, 0);
    }

    #[test]
    fn layers_that_were_asked_for_take_turns_or_are_refused() {
        let all = |name: &str| Need { gpu_layers: Some(37), ..qwen3_8b(name, 5 * GB) };
        assert!(!planned(&[all("task"), all("teacher")], 8 * GB, Some(24 * GB)).in_turns);
        assert!(planned(&[all("task"), all("teacher")], 8 * GB, Some(8 * GB)).in_turns);
        let error = plan(&[all("task")], &Machine { ram: 64 * GB, gpu: Some(4 * GB) }).unwrap_err();
        assert_eq!((error.has, error.gpu_layers), (3_500_000_000, Some(37)));
        assert!(error.to_string().contains("MB of the GPU for 37 layers"), "{error}");
    }

    proptest! {
        #[test]
        fn a_plan_keeps_within_the_machine(
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

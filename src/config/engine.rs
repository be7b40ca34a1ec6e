//! `[engine]`: how llama.cpp is run.

use serde::Serialize;

/// `[engine]`. The whole table is outside of a run's fingerprint: the engine adds what its answers depend on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EnginePlan {
    /// The number of threads of llama.cpp; None: the fastest number, which is measured when a model is first used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// The most requests that are decoded at the same time. See README, "Speed".
    pub sequences: usize,
    /// The most tokens of a batch; None: the fastest number, which is measured when a model is first used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunk: Option<usize>,
    /// The most memory that the models may take, in megabytes; None: seven eighths of the machine's memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
}

//! Where a model is served, and how long is waited for its servers.

use std::path::PathBuf;
use std::time::Duration;

/// A model on one or more servers.
#[derive(Clone)]
pub struct ServedModel {
    /// The model's name in the task file.
    pub name: String,
    /// The servers' URLs, each with the path before `/chat/completions` and without a slash at its end. At least one.
    pub urls: Vec<String>,
    /// The name under which the servers offer the model.
    pub model: String,
    /// The key that is sent with each request. None sends no key.
    pub api_key: Option<String>,
    /// The most time until a request is answered.
    pub timeout: Duration,
    /// The most requests that a server has at the same time. None raises the number until the throughput stops growing.
    pub concurrency: Option<usize>,
    /// A `tokenizer.json` or a GGUF file to count tokens with. None takes four bytes for a token.
    pub tokenizer: Option<PathBuf>,
    /// A PEM file with the only certificates that are trusted. None trusts none.
    pub ca: Option<PathBuf>,
    /// The URL of a proxy. None uses none.
    pub proxy: Option<String>,
    /// The most tokens of prompt and answer together. None takes what the servers say.
    pub context: Option<usize>,
    /// The most tokens of reasoning before each answer. At 0 the servers are asked to answer without reasoning.
    pub thinking: u32,
    /// How often and after which time a request or a server is tried again.
    pub patience: Patience,
}

/// How often and after which time something is tried again.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// The wait before the second attempt. It doubles with each attempt.
    pub first_wait: Duration,
    /// The longest wait between two attempts.
    pub longest_wait: Duration,
    /// The most attempts to have a request answered. Those that a server refuses because it is busy are not counted.
    pub attempts: u32,
    /// The most times that one request is refused by busy servers.
    pub busy: u32,
    /// The number of failures in a row after which a server is left out.
    pub failures: u32,
    /// How often each server is asked in vain, when none answers, before the run stops.
    pub revivals: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(30),
            attempts: 5,
            busy: 100,
            failures: 3,
            revivals: 4,
        }
    }
}

impl Patience {
    /// Returns the wait after `failures` failures in a row, at least one.
    pub(super) fn wait(&self, failures: u32) -> Duration {
        self.first_wait.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(self.longest_wait)
    }
}

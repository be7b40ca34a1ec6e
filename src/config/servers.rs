//! `engine = "openai"` of `[model.NAME]`: a model on inference servers in the user's own network.

use std::path::PathBuf;

use serde::Serialize;

/// The keys of a model that servers with OpenAI's protocol run: vLLM, SGLang, llama-server and others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServersPlan {
    /// The servers that run the model, each with the path before `/chat/completions`: `["http://node1:8000/v1"]`. Nothing is sent
    /// anywhere else, and no redirect is followed.
    pub urls: Vec<String>,
    /// The name under which the servers offer the model.
    pub model: String,
    /// The environment variable with the key that is sent to the servers; None: no key is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// The most seconds until a request is answered.
    pub timeout: u64,
    /// The most requests that a server has at the same time; None: the number is raised until the throughput stops growing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<usize>,
    /// The model's `tokenizer.json` or a GGUF file of it, relative to the task file, to count tokens with; None: a token is
    /// taken to be four bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<PathBuf>,
    /// A PEM file with the certificates that sign those of the servers, relative to the task file. No other certificate is
    /// trusted, so that `https` needs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// The URL of a proxy that all requests go through; None: no proxy, whatever the environment says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// The most tokens of prompt and answer together; None: what the servers say, or 8192 if they do not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<usize>,
    /// The most tokens of reasoning before each answer; None: the servers are asked to answer at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<u32>,
}

impl ServersPlan {
    /// The default of `timeout`.
    pub const TIMEOUT: u64 = 600;

    /// The largest value of `concurrency`.
    pub const MOST_CONCURRENCY: usize = 1024;
}

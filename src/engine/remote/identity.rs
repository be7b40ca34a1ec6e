//! What a server is: its software, its version, and the model that it offers.

use std::fmt;

use serde_json::Value;

use super::client::Client;
use super::failure::Failure;

/// The software of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Software {
    /// vLLM.
    Vllm,
    /// SGLang.
    Sglang,
    /// llama.cpp's llama-server.
    LlamaServer,
    /// Another one, such as Ollama or LM Studio.
    Other,
}

impl fmt::Display for Software {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vllm => "vLLM",
            Self::Sglang => "SGLang",
            Self::LlamaServer => "llama-server",
            Self::Other => "an OpenAI-compatible server",
        })
    }
}

/// What a server says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) software: Software,
    /// The version of the software. Empty if it does not say it.
    pub(super) version: String,
    /// The model file or repository that is behind the model's name. Empty if it does not say it.
    pub(super) weights: String,
    /// The most tokens of prompt and answer together. None if it does not say it.
    pub(super) context: Option<usize>,
    /// The most requests that it computes at the same time. None if it does not say it.
    pub(super) slots: Option<usize>,
    /// The bytes of the weights. None if it does not say it.
    pub(super) weight_bytes: Option<u64>,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.software, self.version)?;
        if self.weights.is_empty() { Ok(()) } else { write!(f, " with {}", self.weights) }
    }
}

/// Returns a server's URL without the `/v1` of the protocol, where its own pages are.
pub(super) fn root(url: &str) -> &str {
    url.strip_suffix("/v1").unwrap_or(url)
}

/// Asks a server what it is, and whether it offers `model`.
pub(super) fn identify(client: &Client, url: &str, model: &str) -> Result<Identity, Failure> {
    let listed = client.get(&format!("{url}/models"))?;
    let models = listed["data"].as_array().cloned().unwrap_or_default();
    let id = |entry: &Value| entry["id"].as_str().unwrap_or_default().to_owned();
    let Some(card) = models.iter().find(|entry| id(entry) == model) else {
        let names: Vec<String> = models.iter().map(|entry| format!("`{}`", id(entry))).collect();
        let offered = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(Failure::Final(format!("{url} does not offer the model `{model}`; it offers {offered}")));
    };
    let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
    let mut identity = Identity {
        software: Software::Other,
        version: String::new(),
        weights: card["root"].as_str().unwrap_or_default().to_owned(),
        context: number(&card["max_model_len"]),
        slots: None,
        weight_bytes: card["meta"]["size"].as_u64(),
    };
    let asked = match card["owned_by"].as_str() {
        Some("vllm") => vec![Software::Vllm],
        Some("sglang") => vec![Software::Sglang],
        Some("llamacpp") => vec![Software::LlamaServer],
        // Ollama.
        Some("library") => Vec::new(),
        _ => vec![Software::LlamaServer, Software::Sglang, Software::Vllm],
    };
    for software in asked {
        let pages: &[&str] = match software {
            Software::Vllm => &["version"],
            Software::Sglang => &["server_info", "get_server_info"],
            Software::LlamaServer => &["props"],
            Software::Other => &[],
        };
        // A server that does not have a page is another one.
        let said = pages.iter().find_map(|page| client.get(&format!("{}/{page}", root(url))).ok());
        let key = if software == Software::LlamaServer { "build_info" } else { "version" };
        if let Some((said, version)) = said.and_then(|said| Some((said.clone(), said[key].as_str()?.to_owned()))) {
            (identity.software, identity.version) = (software, version);
            if software == Software::LlamaServer {
                identity.weights = said["model_path"].as_str().unwrap_or_default().to_owned();
                identity.context = number(&said["default_generation_settings"]["n_ctx"]);
                identity.slots = number(&said["total_slots"]);
            }
            break;
        }
    }
    Ok(identity)
}

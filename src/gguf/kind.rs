//! What a GGUF file is for: a model that answers prompts, or another of the things that are kept in this format.

use super::header::Header;

/// Architectures whose models turn text into vectors and cannot generate text (llama.cpp's `llama-arch.cpp`).
const EMBEDDING_ARCHITECTURES: [&str; 11] = [
    "bert",
    "modern-bert",
    "nomic-bert",
    "nomic-bert-moe",
    "neo-bert",
    "jina-bert-v2",
    "jina-bert-v3",
    "eurobert",
    "gemma-embedding",
    "llama-embed",
    "t5encoder",
];

/// Architectures whose models make or read pictures or sound (llama.cpp's `clip.cpp`, stable-diffusion.cpp, whisper.cpp).
const OTHER_ARCHITECTURES: [&str; 12] =
    ["flux", "sd1", "sd3", "sdxl", "wan", "ltxv", "hidream", "cosmos", "lumina2", "qwen_image", "whisper", "wavtokenizer-dec"];

/// `pooling_type` of a model that gives the relevance of a text as one number.
const RANKING: u64 = 4;

impl Header {
    /// Returns whether the model computes vectors of texts rather than text.
    pub fn is_embedding_model(&self) -> bool {
        // `pooling_type = 0` is the format's value for a model without pooling.
        let pools = self.architecture_number("pooling_type").is_some_and(|kind| kind != 0);
        pools || self.architecture().is_some_and(|name| EMBEDDING_ARCHITECTURES.contains(&name))
    }

    /// Returns what the file is, and what to take instead, if it is no language model that answers prompts. The text continues "it".
    /// None if it is such a model, or a part of one.
    pub fn other_kind(&self) -> Option<&'static str> {
        let text = |key: &str| self.metadata.get(key).and_then(|value| value.as_str());
        let architecture = self.architecture().unwrap_or_default();
        let kind = text("general.type").unwrap_or_default();
        let has = |start: &str| self.metadata.keys().any(|key| key.starts_with(start));
        if kind == "mmproj" || architecture == "clip" || has("clip.") {
            return Some(
                "is a projector (mmproj), the part that lets a model see or hear; take the file of the language model beside it",
            );
        }
        if kind == "adapter" || has("adapter.") {
            return Some(
                "is an adapter (LoRA), which changes a model and answers nothing alone; take the file of its model, and name this one as \
                 `lora` in the [model.NAME] of a task file",
            );
        }
        if kind == "imatrix" || has("imatrix.") || architecture == "imatrix" {
            return Some("is an importance matrix (imatrix), with which a model is quantized; take the file of the model");
        }
        if self.architecture_number("pooling_type") == Some(RANKING) {
            return Some("ranks texts (a reranking model) and cannot answer a prompt; take an instruction-tuned model");
        }
        if self.is_embedding_model() {
            return Some("makes vectors of texts and cannot answer a prompt; take an instruction-tuned model");
        }
        if OTHER_ARCHITECTURES.contains(&architecture) {
            return Some("makes or reads pictures or sound and cannot answer a prompt; take an instruction-tuned language model");
        }
        if self.tensor_count == 0 && self.vocab_size().is_some() && !self.is_split() {
            return Some("has no weights, only a vocabulary; take the file of the whole model");
        }
        None
    }
}

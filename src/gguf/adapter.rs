//! Adapters (LoRA): whether one fits a model, by the headers of both.

use std::collections::BTreeMap;

use super::header::Header;
use super::types::{TensorInfo, TensorType, Value};

/// The numbers of the types of integers and of 64-bit floats, which llama.cpp cannot multiply.
const NO_WEIGHTS: std::ops::RangeInclusive<u32> = 24..=28;

/// The two tensors that change one tensor of a model.
#[derive(Default)]
struct Pair<'a> {
    a: Option<&'a TensorInfo>,
    b: Option<&'a TensorInfo>,
}

impl Header {
    /// Checks that the file is an adapter that fits `model`, by the rules of llama.cpp's `llama-adapter.cpp`, which aborts the process
    /// or reads a wrong tensor where some of them are broken.
    ///
    /// # Errors
    /// Why it does not fit, as the end of a sentence that begins with the adapter.
    pub fn check_adapter_of(&self, model: &Self) -> Result<(), String> {
        let text = |key: &str| self.metadata.get(key).and_then(Value::as_str).unwrap_or_default();
        if text("general.type") != "adapter" {
            return Err(
                "is no adapter: its `general.type` is not `adapter`; convert it with llama.cpp's convert_lora_to_gguf.py".into(),
            );
        }
        if text("adapter.type") != "lora" {
            return Err(format!("is an adapter of the type `{}`; only `lora` can be used", text("adapter.type")));
        }
        if self.metadata.keys().any(|key| key.starts_with("adapter.alora.")) {
            return Err("is an activated adapter (aLoRA), which works from certain tokens on; take a plain one".into());
        }
        let (own, other) = (self.architecture().unwrap_or_default(), model.architecture().unwrap_or_default());
        if own != other {
            return Err(format!(
                "is for models of the architecture `{own}`, and this one has `{other}`; take the one it was trained for"
            ));
        }
        if !matches!(self.metadata.get("adapter.lora.alpha"), None | Some(Value::Float(_))) {
            return Err("has an `adapter.lora.alpha` that is no 32-bit number; convert it again".into());
        }
        self.check_pairs(model)
    }

    /// Checks that the tensors are pairs, each with the sizes of a tensor of `model`.
    fn check_pairs(&self, model: &Self) -> Result<(), String> {
        let tensors: BTreeMap<&str, &TensorInfo> = model.tensors.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let mut pairs: BTreeMap<&str, Pair<'_>> = BTreeMap::new();
        for tensor in &self.tensors {
            let name = tensor.name.as_str();
            if let Some(changed) = name.strip_suffix(".lora_a") {
                pairs.entry(changed).or_default().a = Some(tensor);
            } else if let Some(changed) = name.strip_suffix(".lora_b") {
                pairs.entry(changed).or_default().b = Some(tensor);
            } else if !name.ends_with("_norm.weight") {
                return Err(format!("has a tensor `{name}`, which belongs to no adapter; convert it again"));
            }
        }
        if pairs.is_empty() {
            return Err("changes nothing: it has no tensors; convert it again".into());
        }
        for (name, pair) in pairs {
            let (Some(a), Some(b)) = (pair.a, pair.b) else {
                return Err(format!("has only one of the two tensors that change `{name}`; convert it again"));
            };
            let changed = tensors.get(name).ok_or_else(|| {
                format!("changes a tensor `{name}`, which this model does not have; take the model it was trained for")
            })?;
            if a.kind.is_no_weight() || b.kind.is_no_weight() {
                return Err(format!("changes `{name}` by numbers of a type that no weights have; convert it again"));
            }
            check_sizes(name, changed, a, b)?;
        }
        Ok(())
    }
}

impl TensorType {
    fn is_no_weight(self) -> bool {
        NO_WEIGHTS.contains(&self.0)
    }
}

/// Checks the sizes of a pair. The rows of `a` are multiplied with the input, those of `b` with what comes of it; for the table of
/// tokens, whose rows are looked up, both stand the other way around.
fn check_sizes(name: &str, changed: &TensorInfo, a: &TensorInfo, b: &TensorInfo) -> Result<(), String> {
    let size = |tensor: &TensorInfo, dimension: usize| tensor.dimensions.get(dimension).copied().unwrap_or(1);
    let fits = match name.ends_with("token_embd.weight") {
        true => size(changed, 0) == size(b, 1) && size(changed, 1) == size(a, 1) && size(a, 0) == size(b, 0),
        false => size(changed, 0) == size(a, 0) && size(changed, 1) == size(b, 1) && size(a, 1) == size(b, 0),
    };
    let is_alike = |dimension| size(changed, dimension) == size(a, dimension) && size(changed, dimension) == size(b, dimension);
    if fits && is_alike(2) && is_alike(3) {
        return Ok(());
    }
    Err(format!(
        "has sizes {:?} and {:?} for `{name}`, which has {:?} here; take the model it was trained for",
        a.dimensions, b.dimensions, changed.dimensions
    ))
}

//! Adapters (LoRA) of random numbers for the test model.

use std::path::{Path, PathBuf};

use crate::models::{SETTINGS, answer, test_model, texts};
use crate::support::gguf::{entry, float, random_model};
use crate::support::model;
use gepard::engine::llama::Llama;
use gepard::engine::settings::{Adapter, ModelFile};
use gepard::engine::{Decoding, Engine, Message, ModelId, Request};
use gepard::gguf;

const RANK: u64 = 4;

/// Writes an adapter that changes the queries and the feed-forward of all layers. `wider` is added to the sizes of its inputs.
fn adapter(folder: &Path, architecture: &str, wider: u64) -> PathBuf {
    let header = gguf::read(&model()).unwrap();
    let entries = [
        entry("general.type", "adapter"),
        entry("general.architecture", architecture),
        entry("adapter.type", "lora"),
        float("adapter.lora.alpha", RANK as f32),
    ];
    let is_changed = |name: &str| name.ends_with(".attn_q.weight") || name.ends_with(".ffn_down.weight");
    let mut tensors = Vec::new();
    for tensor in header.tensors.iter().filter(|tensor| is_changed(&tensor.name)) {
        tensors.push((format!("{}.lora_a", tensor.name), vec![tensor.dimensions[0] + wider, RANK]));
        tensors.push((format!("{}.lora_b", tensor.name), vec![RANK, tensor.dimensions[1]]));
    }
    let path = folder.join(format!("{architecture}-{wider}.gguf"));
    std::fs::write(&path, random_model(&entries, &tensors)).unwrap();
    path
}

fn with(name: &str, lora: Option<(&Path, f32)>) -> ModelFile {
    let lora = lora.map(|(path, scale)| Adapter { path: path.to_owned(), scale });
    ModelFile { lora, ..test_model(name, 512) }
}

fn requests(models: &[usize]) -> Vec<Request> {
    let request = |&model: &usize| Request {
        model: ModelId(model),
        messages: vec![Message::user("Name the capital of France, and say one sentence about it.")],
        breakpoints: vec![],
        decoding: Decoding::greedy(24),
        seed: 1,
    };
    models.iter().map(request).collect()
}

#[test]
fn an_adapter_changes_the_answers_of_its_model_alone_and_shares_the_weights() {
    let folder = tempfile::tempdir().unwrap();
    let path = adapter(folder.path(), "llama", 0);
    let plain = answer(&mut Llama::open(&[with("plain", None)], SETTINGS).unwrap(), &requests(&[0]));
    let files = [with("plain", None), with("tuned", Some((path.as_path(), 1.0))), with("off", Some((path.as_path(), 0.0)))];
    let mut engine = Llama::open(&files, SETTINGS).unwrap();
    let (memory, _) = engine.memory();
    assert_eq!(memory.shares.len(), 1, "one copy of the weights");

    let together = texts(&answer(&mut engine, &requests(&[0, 1, 2, 0, 1])));
    let text = &plain[0].text;
    assert_eq!([&together[0], &together[2], &together[3]], [text; 3]);
    assert_ne!(&together[1], text);
    assert_eq!(together[1], together[4]);
    // Nothing of the cache of one adapter is left for another.
    for model in [1, 0, 2, 1, 0] {
        let alone = texts(&answer(&mut engine, &requests(&[model])));
        assert_eq!(alone[0], together[model], "{model}");
    }

    let fingerprint = engine.fingerprint();
    let hash =
        |name: &str| fingerprint.iter().find(|(key, _)| *key == format!("model.{name}.lora.sha256")).map(|(_, hash)| hash.len());
    assert_eq!([hash("plain"), hash("tuned"), hash("off")], [None, Some(64), Some(64)]);
}

#[test]
fn an_adapter_of_another_model_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |path: &Path| Llama::open(&[with("task", Some((path, 1.0)))], SETTINGS).err().unwrap().to_string();
    for (path, says) in [
        (adapter(folder.path(), "qwen3", 0), "is for models of the architecture `qwen3`, and this one has `llama`"),
        (adapter(folder.path(), "llama", 32), "take the model it was trained for"),
        (model(), "its `general.type` is not `adapter`"),
        (folder.path().join("none.gguf"), "none.gguf"),
    ] {
        let error = refused(&path);
        assert!(error.starts_with("model `task`") && error.contains(says), "{error}");
    }
}

//! The page on Qwen3-8B has the figures that the memory plan computes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gepard::engine::memory::{Machine, Need, mb, plan};
use gepard::engine::settings::Settings;
use gepard::gguf::{Header, Value, ValueType};

const GB: u64 = 1_000_000_000;

/// What a file of Qwen3-8B says of itself, with so many bytes of weights.
fn qwen3_8b(weights: u64) -> Header {
    let number = |key: &str, value| (format!("qwen3.{key}"), Value::Unsigned(value));
    let mut metadata = BTreeMap::from([
        ("general.architecture".to_owned(), Value::String("qwen3".into())),
        ("tokenizer.ggml.tokens".to_owned(), Value::Array { element: ValueType::String, count: 151_936, start: 0 }),
    ]);
    metadata.extend([
        number("block_count", 36),
        number("embedding_length", 4096),
        number("feed_forward_length", 12_288),
        number("attention.head_count", 32),
        number("attention.head_count_kv", 8),
        number("attention.key_length", 128),
        number("attention.value_length", 128),
    ]);
    let (path, tensors) = (PathBuf::new(), Vec::new());
    Header {
        path,
        file_bytes: weights,
        version: 3,
        tensor_count: 0,
        metadata,
        tensors,
        tensors_start: 0,
        alignment: 32,
        data_start: 0,
    }
}

fn row(file: &str, weights: u64, what: &str, ram: u64, gpu: Option<u64>) -> String {
    let machine = Machine { ram: ram * GB / 8 * 7, gpu: gpu.map(|gpu| gpu * GB) };
    let need = Need::from_header("task", &qwen3_8b(weights), Settings::CHUNK, 8192);
    let plan = plan(&[need], &machine).unwrap();
    let share = &plan.shares[0];
    format!(
        "| {file} | {what} | {} of 37 | {} | {} | {} | {} |\n",
        share.gpu_layers,
        share.context,
        share.cache,
        mb(share.on_gpu),
        mb(share.ram())
    )
}

#[test]
fn the_page_on_qwen3_8b_has_the_figures_of_the_memory_plan() {
    let mut table = String::from(
        "| file | machine | layers on the GPU | context | cache | GPU, MB | memory, MB |\n|---|---|---|---|---|---|---|\n",
    );
    for (file, weights) in [("Q4_K_M, 5.03 GB", 5_030_000_000), ("Q8_0, 8.71 GB", 8_710_000_000)] {
        for (what, ram, gpu) in [
            ("8 GB card, 16 GB", 16, Some(8)),
            ("12 GB card, 16 GB", 16, Some(12)),
            ("24 GB card, 32 GB", 32, Some(24)),
            ("CPU, 16 GB", 16, None),
            ("CPU, 32 GB", 32, None),
        ] {
            table += &row(file, weights, what, ram, gpu);
        }
    }
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/qwen3-8b.md")).unwrap();
    assert!(page.contains(&table), "docs/qwen3-8b.md should have this table:\n{table}");
}

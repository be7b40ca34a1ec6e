//! The page on Qwen3-8B has the figures that the memory plan computes.

#![allow(clippy::unwrap_used, clippy::panic)]

use gepard::engine::memory::{Machine, Need, mb, plan};

const GB: u64 = 1_000_000_000;

/// Layers, heads and widths of Qwen3-8B; the sizes are those of the common files.
fn qwen3_8b(name: &str, weights: u64) -> Need {
    let (vocabulary, width, inner, chunk) = (151_936, 4096, 12_288, 256);
    Need {
        name: name.into(),
        weights,
        layers: 37,
        cache_elements: 36 * 8 * (128 + 128),
        compute: (vocabulary + 6 * width + 3 * inner) * chunk * 4,
        context: 8192,
        may_shrink: true,
        cache: None,
        gpu_layers: None,
    }
}

fn row(file: &str, weights: u64, what: &str, ram: u64, gpu: Option<u64>) -> String {
    let machine = Machine { ram: ram * GB / 8 * 7, gpu: gpu.map(|gpu| gpu * GB) };
    let plan = plan(&[qwen3_8b("task", weights)], &machine).unwrap();
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

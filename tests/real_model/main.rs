//! Tests that load a real GGUF file through llama.cpp: SmolLM2-135M-Instruct, which `scripts/test` fetches.
//!
//! They are a test binary of their own because llama.cpp's threads would slow other tests down, and the other way around.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod engine;
mod hybrid;
mod lora;
mod models;
mod scoring;
mod server_export;
#[path = "../it/support/mod.rs"]
mod support;
mod thinking;
mod tokenizers;

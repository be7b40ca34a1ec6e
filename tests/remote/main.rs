//! Tests of models on servers, against doubles that speak the servers' protocol. Run with
//! `cargo test --no-default-features --features remote --test remote`.

#![allow(clippy::unwrap_used, clippy::panic)]

mod answers;
mod double;
mod errors;
mod forms;
mod many;
mod runs;
#[path = "../it/support/mod.rs"]
mod support;

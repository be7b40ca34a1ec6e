//! gepard: GEPA on the device. Reflective prompt evolution (arXiv 2507.19457) for small GGUF
//! models, with the model that does the task and the model that reflects in one offline process.
//!
//! The library emits [`event::Event`]s and never prints. A whole run is one call:
//!
//! ```no_run
//! use std::sync::atomic::AtomicBool;
//!
//! let plan = gepard::config::load("gepard.toml".as_ref(), &[])?;
//! let interrupted = AtomicBool::new(false);
//! let summary = gepard::run::optimize(&plan, "runs/mine".as_ref(), &interrupted, &mut |event| {
//!     // progress, logs, a user interface
//!     let _ = event;
//! })?;
//! assert!(summary.best_score >= summary.seed_score);
//! # Ok::<(), gepard::error::RunError>(())
//! ```
//!
//! The rooms, each with one job, arrows pointing one way: `cli → run → optimize → metric → program
//! → engine → data`. `optimize` knows nothing of llama.cpp, `engine` nothing of prompts that
//! evolve. See ARCHITECTURE.md.

pub mod catalog;
pub mod config;
pub mod data;
pub mod engine;
pub mod error;
pub mod event;
pub mod gguf;
pub mod hash;
pub mod journal;
pub mod metric;
pub mod optimize;
pub mod process;
pub mod program;
pub mod report;
pub mod run;
pub mod sandbox;

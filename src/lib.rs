//! gepard: GEPA on the device. Reflective prompt evolution (arXiv 2507.19457) for small GGUF
//! models, with the model that does the task and the model that reflects in one offline process.
//!
//! The library emits [`event::Event`]s and never prints. A whole run is one call:
//!
//! ```
//! # // A task that the scripted engine plays: whoever is told to say yes does.
//! # let home = tempfile::tempdir()?;
//! # std::env::set_current_dir(&home)?;
//! # let rows: String = (0..6).map(|n| format!("{{\"text\": \"question {n}\", \"answer\": \"yes\"}}\n")).collect();
//! # std::fs::write("train.jsonl", &rows)?;
//! # std::fs::write("val.jsonl", rows.replace("question", "other question"))?;
//! # std::fs::write("script.jsonl", concat!(
//! #     r#"{"contains": ["Write a better instruction"], "text": "```\nSay yes.\n```"}"#, "\n",
//! #     r#"{"contains": ["Say yes."], "text": "yes"}"#, "\n",
//! #     r#"{"text": "no"}"#, "\n",
//! # ))?;
//! # std::fs::write("gepard.toml", r#"
//! #     [data]
//! #     train = "train.jsonl"
//! #     val = "val.jsonl"
//! #     [[module]]
//! #     name = "answer"
//! #     inputs = ["text"]
//! #     outputs = ["answer"]
//! #     instruction = "Answer."
//! #     max_tokens = 8
//! #     [metric]
//! #     kind = "exact"
//! #     field = "answer"
//! #     [model.task]
//! #     engine = "scripted"
//! #     script = "script.jsonl"
//! #     [optimize]
//! #     operators = ["rewrite"]
//! #     budget = "60"
//! # "#)?;
//! use gepard::hooks::Hooks;
//!
//! let plan = gepard::config::load("gepard.toml".as_ref(), &[])?;
//! let mut hooks = Hooks::listening(|event| {
//!     // progress, logs, a user interface
//!     let _ = event;
//! });
//! let summary = gepard::run::optimize(&plan, "runs/mine".as_ref(), &mut hooks)?;
//! assert!(summary.best_score > summary.seed_score);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The rooms, each with one job, arrows pointing one way: `cli → run → optimize → metric → program
//! → engine → data`. `optimize` knows nothing of llama.cpp, `engine` nothing of prompts that
//! evolve. See ARCHITECTURE.md.

pub mod config;
pub mod data;
pub mod engine;
pub mod error;
pub mod evaluate;
pub mod event;
pub mod gguf;
pub mod hash;
pub mod hooks;
pub mod init;
pub mod journal;
pub mod metric;
pub mod models;
pub mod optimize;
pub mod process;
pub mod program;
pub mod randomness;
pub mod report;
pub mod run;
pub mod run_directory;
pub mod sandbox;
pub mod tokenizer;
mod whole_file;

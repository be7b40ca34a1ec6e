//! gepard: GEPA on the device. Reflective prompt evolution (arXiv 2507.19457) for small GGUF
//! models, with the model that does the task and the model that reflects in one offline process.
//!
//! The library emits [`event::Event`]s and never prints; only the command line does. A whole run is one call:
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
//! # The public interface
//!
//! [`config`] reads a task file into a plan, and [`run`] carries it out. [`event`] is what a run emits, through [`hooks`]. A program of
//! your own uses [`program`] and [`data`], a metric of your own [`metric`], another model runtime [`engine`]. A run returns a
//! [`report::summary::Summary`] or an [`error::RunError`].
//!
//! All other modules are hidden from this documentation. They are public for the command line, the tests and the benches of this
//! package, and they may change in any version.
//!
//! ARCHITECTURE.md describes the rooms and the order of their imports.

// The files of `cli` name the library by its name, as those of any other program do.
extern crate self as gepard;

pub mod config;
pub mod data;
pub mod engine;
pub mod error;
pub mod event;
pub mod hooks;
pub mod metric;
pub mod program;
pub mod report;
pub mod run;

#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod evaluate;
#[doc(hidden)]
pub mod gguf;
#[doc(hidden)]
pub mod hash;
#[doc(hidden)]
pub mod init;
#[doc(hidden)]
pub mod journal;
#[doc(hidden)]
pub mod models;
#[doc(hidden)]
pub mod optimize;
#[doc(hidden)]
pub mod process;
#[doc(hidden)]
pub mod randomness;
#[doc(hidden)]
pub mod run_directory;
#[doc(hidden)]
pub mod sandbox;
#[doc(hidden)]
pub mod tokenizer;
mod whole_file;

//! The engine that runs GGUF models in this process, through llama.cpp. Only this folder names the binding's types.
//!
//! Each model has a thread that owns its weights and its context (`worker`). The caller's side has the vocabularies, and counts
//! tokens with them. Models of the plan that have the same file and settings, but for adapter and reasoning, share one
//! thread. If the memory does not hold all
//! models, only one is loaded at a time.
//!
//! ```text
//! engine ─► model_file ─► recoded            a file: header, hash, faster copy
//!                      ─► adapter            adapters: checked, loaded, chosen for each list of requests
//!        ─► prepared                         vocabulary and chat template
//!        ─► worker ─► tune                   threads and batch size
//!                  ─► prompt, scoring        requests for answers and for scores, as tokens
//!                  ─► job ─► wave ─► prefix_tree, cache, batch, active
//!                                 ─► work     what follows a chat: decoding, scoring
//! ```

mod active;
mod adapter;
mod backend;
mod batch;
mod cache;
mod chat_tokens;
mod context;
mod decoding;
mod deep_stack;
mod drafter;
mod engine;
mod file_hash;
mod job;
mod model_file;
mod model_jobs;
mod padding;
mod prefix;
mod prefix_tree;
mod prepared;
mod prompt;
mod recoded;
mod sampler;
mod scoring;
mod tokenizer;
mod trie;
mod tune;
mod vocabulary;
mod wave;
mod work;
mod worker;

pub use backend::{build_features, devices};
pub use engine::Llama;
pub use vocabulary::{Vocabulary, checked_tokenizer};

//! The seam to the models: an [`Engine`] answers lists of [`Request`]s and [`ScoreRequest`]s, in order.
//!
//! An engine does not know that prompts are evolved. [`scripted`] is the deterministic double for tests; `llama` (the cargo
//! feature of this name) runs GGUF files in this process, through llama.cpp; `remote` (likewise) asks servers in the user's own
//! network.

pub mod chat;
mod completion;
mod error;
mod grammar;
mod interface;
pub(crate) mod jinja;
#[cfg(feature = "llama")]
pub mod llama;
pub mod memory;
#[cfg(feature = "remote")]
mod mixed;
pub mod reasoning;
#[cfg(feature = "remote")]
pub mod remote;
pub mod repetition;
mod request;
pub mod schema;
mod scoring;
pub mod scripted;
mod server_changes;
pub mod settings;
mod token_counting;

pub(crate) use completion::is_zero;
pub use completion::{Completion, Ended, ServedBy, Usage};
pub use error::EngineError;
pub use grammar::{Grammar, Shape};
pub use interface::{Engine, EngineProgress};
#[cfg(feature = "remote")]
pub use mixed::Mixed;
pub use request::{Decoding, Message, ModelId, Request, Role};
pub use scoring::{ContinuationScore, ScoreAnswer, ScoreRequest, TokenScore};
pub use server_changes::{ServerChange, ServerChanges};
pub use token_counting::describe_token_counting;

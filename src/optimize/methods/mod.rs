//! The optimizers, one file or folder for each method.
//!
//! To add a method: a variant of [`crate::config::Method`], a file here, and a line in `new_optimizer.rs`.

pub mod ape;
pub mod bootstrap_rs;
pub mod evoprompt;
pub mod fewshot;
pub mod gepa;
pub mod miprov2;
mod new_optimizer;
pub mod opro;
pub mod promptbreeder;
pub mod random;
pub mod reflexion;
pub mod simba;
pub mod single_prompt;
pub mod textgrad;

pub use self::new_optimizer::new_optimizer;

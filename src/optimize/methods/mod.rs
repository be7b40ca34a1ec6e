//! The optimizers: one file or folder for each method.

pub mod ape;
pub mod evoprompt;
pub mod gepa;
pub mod miprov2;
pub mod opro;
pub mod promptbreeder;
pub mod random;
pub mod reflexion;
pub mod search;
pub mod textgrad;
pub mod turns;

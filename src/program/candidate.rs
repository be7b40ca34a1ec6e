//! A candidate: a text for every module, compared as a whole.

use serde::{Deserialize, Serialize};

use crate::hash::sha256_hex;

/// What evolution may change in one module.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ModuleText {
    /// The prompt.
    pub instruction: String,
}

/// One text a module, in the program's order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Candidate(pub Vec<ModuleText>);

impl Candidate {
    /// A candidate of instructions alone.
    pub fn new<S: Into<String>>(instructions: impl IntoIterator<Item = S>) -> Self {
        let text = |instruction: S| ModuleText { instruction: instruction.into() };
        Self(instructions.into_iter().map(text).collect())
    }

    /// The same, with another instruction for the module at `index`.
    #[must_use]
    pub fn with_instruction(&self, index: usize, instruction: &str) -> Self {
        let mut changed = self.clone();
        changed.0[index].instruction = instruction.to_owned();
        changed
    }

    /// Bytes of all instructions together: what "shorter" means between equals.
    #[must_use]
    pub fn length(&self) -> usize {
        self.0.iter().map(|m| m.instruction.len()).sum()
    }

    /// A name for the whole text, 16 hexadecimal digits; part of cache and journal keys.
    #[must_use]
    pub fn key(&self) -> String {
        let mut hash = sha256_hex(serde_json::json!(self).to_string().as_bytes());
        hash.truncate(16);
        hash
    }
}

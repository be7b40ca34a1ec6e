//! A candidate: a text for every module, compared as a whole.

use std::ops::Index;

use serde::{Deserialize, Serialize};

use super::Layout;
use super::index::ModuleIndex;
use crate::hash::sha256_hex;

/// What evolution may change in one module.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ModuleText {
    /// The prompt.
    pub instruction: String,
    /// Worked examples from the training data, in the order in which they are shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub demonstrations: Vec<Demonstration>,
    /// Whether the model reasons before it answers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reasoning: bool,
    /// What stands where in its chat, where that is not as the plan says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
}

impl ModuleText {
    /// A prompt without worked examples, answered at once.
    pub fn new(instruction: impl Into<String>) -> Self {
        Self { instruction: instruction.into(), demonstrations: Vec::new(), reasoning: false, layout: None }
    }

    /// Tokens of the instruction and the worked examples, as `count` counts those of a text.
    #[must_use]
    pub fn tokens(&self, count: &dyn Fn(&str) -> usize) -> usize {
        count(&self.instruction) + self.demonstrations.iter().map(|shown| shown.tokens(count)).sum::<usize>()
    }
}

/// A worked example.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Demonstration {
    /// The training example that it is taken from.
    pub id: String,
    /// What the module reads, in its order.
    pub inputs: Vec<(String, String)>,
    /// What the assistant is to write.
    pub answer: String,
}

/// Tokens that a chat template takes for a turn of the user and one of the assistant, about.
const TURNS: usize = 10;

impl Demonstration {
    /// Its tokens, with about as many as a chat template takes for two turns.
    #[must_use]
    pub fn tokens(&self, count: &dyn Fn(&str) -> usize) -> usize {
        let inputs = self.inputs.iter().map(|(name, value)| count(name) + count(value) + 2);
        inputs.sum::<usize>() + count(&self.answer) + TURNS
    }
}

/// One text a module, in the program's order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Candidate(pub Vec<ModuleText>);

impl Candidate {
    /// A candidate of instructions alone.
    pub fn new<S: Into<String>>(instructions: impl IntoIterator<Item = S>) -> Self {
        Self(instructions.into_iter().map(ModuleText::new).collect())
    }

    /// The same, with another text for the module at `index`.
    #[must_use]
    pub fn with(&self, index: usize, text: ModuleText) -> Self {
        let mut changed = self.clone();
        changed.0[index] = text;
        changed
    }

    /// A name for the whole text, 16 hexadecimal digits; part of cache and journal keys.
    #[must_use]
    pub fn key(&self) -> String {
        let mut hash = sha256_hex(serde_json::json!(self).to_string().as_bytes());
        hash.truncate(16);
        hash
    }
}

impl Index<ModuleIndex> for Candidate {
    type Output = ModuleText;

    fn index(&self, index: ModuleIndex) -> &ModuleText {
        &self.0[index.0]
    }
}

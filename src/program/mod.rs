//! What is optimized: modules in sequence, the texts that can change, and one run of it all.

pub mod candidate;
pub mod language;
pub mod layout;
pub mod parse;
pub mod rollout;

pub use candidate::{Candidate, Demonstration, ModuleText};
pub use layout::Layout;
pub use rollout::{Rollout, Step};

use serde::Serialize;

use std::collections::BTreeMap;

use crate::engine::{ModelId, Shape};

/// One call of a model with a prompt of its own.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Module {
    /// Its name, unique in the program.
    pub name: String,
    /// The fields it reads: of the example, or outputs of earlier modules.
    pub inputs: Vec<String>,
    /// The fields it writes.
    pub outputs: Vec<String>,
    /// What those fields must be that are more than text: its answers are decoded under a grammar then.
    pub shapes: BTreeMap<String, Shape>,
    /// The most tokens of its answer.
    pub max_tokens: u32,
    /// 0 is greedy.
    pub temperature: f32,
    /// Which model answers.
    pub model: ModelId,
    /// What stands where in its chat.
    pub layout: Layout,
    /// Whether its text stays as it is.
    pub frozen: bool,
    /// Sentences that stay in its instruction, word for word.
    pub keep: Vec<String>,
}

/// The modules in the order in which they run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Program {
    /// At least one.
    pub modules: Vec<Module>,
}

impl Program {
    /// The fields of an example that the program reads: inputs that no earlier module writes.
    #[must_use]
    pub fn example_inputs(&self) -> Vec<String> {
        let mut written: Vec<&String> = Vec::new();
        let mut read: Vec<String> = Vec::new();
        for module in &self.modules {
            for input in &module.inputs {
                if !written.contains(&input) && !read.contains(input) {
                    read.push(input.clone());
                }
            }
            written.extend(&module.outputs);
        }
        read
    }

    /// The place of the module called `name`.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.modules.iter().position(|m| m.name == name)
    }

    /// Whether a module after `index` reads `field`.
    #[must_use]
    pub fn is_read_after(&self, index: usize, field: &str) -> bool {
        self.modules[index + 1..].iter().any(|m| m.inputs.iter().any(|i| i == field))
    }
}

#[cfg(test)]
pub(crate) mod tests_support {
    //! Modules for the tests of what reads them.

    use super::*;

    pub(crate) fn module(name: &str, inputs: &[&str], outputs: &[&str]) -> Module {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Module {
            name: name.into(),
            inputs: owned(inputs),
            outputs: owned(outputs),
            shapes: BTreeMap::new(),
            max_tokens: 8,
            temperature: 0.0,
            model: ModelId(0),
            layout: Layout::default(),
            frozen: false,
            keep: Vec::new(),
        }
    }
}

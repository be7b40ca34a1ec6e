//! What is optimized: modules, the steps between them, the texts that can change, and one run of it all.

pub mod candidate;
pub mod flow;
mod index;
pub mod known;
pub mod language;
pub mod layout;
pub mod parse;
pub mod rollout;
pub mod tools;
pub mod trace;

pub use candidate::{Candidate, Demonstration, ModuleText};
pub use flow::{Condition, Control, Flow, Next, Op};
pub use index::{ModuleIndex, PoolIndex};
pub use layout::{Layout, Prompt};
pub use rollout::MOST_STEPS;
pub use tools::Tool;
pub use trace::{Rollout, Step};

use serde::Serialize;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Index;
use std::sync::Arc;

use crate::data::Example;
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
    /// Nucleus mass in (0, 1]; unused when greedy.
    pub top_p: f32,
    /// Which model answers.
    pub model: ModelId,
    /// What stands where in its chat.
    pub layout: Layout,
    /// Whether its text stays as it is.
    pub frozen: bool,
    /// Sentences that stay in its instruction, word for word.
    pub keep: Vec<String>,
    /// For each output that the metric compares with a field of another name, that field.
    pub labels: BTreeMap<String, String>,
}

impl Module {
    /// The example's field that says what an output should be, where it has one.
    #[must_use]
    pub fn label<'a>(&'a self, output: &'a str) -> &'a str {
        self.labels.get(output).map_or(output, String::as_str)
    }
}

/// Modules, the steps between them, and what runs when.
#[derive(Debug, Clone)]
pub struct Program {
    /// At least one.
    pub modules: Vec<Module>,
    /// Steps that ask no model.
    pub tools: Vec<Tool>,
    /// What runs next.
    pub control: Arc<dyn Control>,
    /// The fields of an example that the program reads.
    pub reads: Vec<String>,
}

impl Program {
    /// Modules that run one after the other.
    #[must_use]
    pub fn of_modules(modules: Vec<Module>) -> Self {
        let flow = Flow::of_modules(modules.len());
        Self::of_flow(modules, Vec::new(), flow)
    }

    /// Modules and steps in the order of a flow. It reads from an example whatever nothing has written before.
    #[must_use]
    pub fn of_flow(modules: Vec<Module>, tools: Vec<Tool>, mut flow: Flow) -> Self {
        let (mut written, mut reads): (BTreeSet<&String>, Vec<String>) = (BTreeSet::new(), Vec::new());
        for op in &flow.ops {
            let (condition, inputs, outputs): (_, &[String], &[String]) = match op {
                Op::Call { next: Next::Module(index), when } => (when, &modules[*index].inputs, &modules[*index].outputs),
                Op::Call { next: Next::Tool(index), when } => (when, &tools[*index].inputs, &tools[*index].outputs),
                Op::Call { when, .. } => (when, &[], &[]),
                Op::Again { until, .. } => (until, &[], &[]),
            };
            for input in condition.iter().map(|condition| &condition.field).chain(inputs) {
                if !written.contains(input) && !reads.contains(input) {
                    reads.push(input.clone());
                }
            }
            written.extend(outputs);
        }
        let made = written.into_iter().filter(|field| !reads.contains(field)).cloned().collect();
        flow.made = made;
        Self { control: Arc::new(flow), modules, tools, reads }
    }

    /// Modules under a control of the library's user; `reads` are the fields that examples must have.
    #[must_use]
    pub fn controlled(modules: Vec<Module>, tools: Vec<Tool>, control: Arc<dyn Control>, reads: Vec<String>) -> Self {
        Self { modules, tools, control, reads }
    }

    /// The place of the module called `name`.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.modules.iter().position(|m| m.name == name)
    }

    /// The prompt of a call in a rollout of a candidate on an example, as its model was asked; None of a step that asks none.
    #[must_use]
    pub fn prompt(&self, candidate: &Candidate, example: &Example, step: &Step) -> Option<Prompt> {
        let index = self.position(&step.module)?;
        let text = rollout::without(candidate.0.get(index)?, (example, &self.reads), &step.inputs);
        Some(layout::render(&self.modules[index], &text, &step.inputs))
    }

    /// Whether a module or a step writes `field`.
    #[must_use]
    pub fn writes(&self, field: &str) -> bool {
        let modules = self.modules.iter().flat_map(|module| &module.outputs);
        modules.chain(self.tools.iter().flat_map(|tool| &tool.outputs)).any(|output| output == field)
    }

    /// Whether anything but the module at `index` reads `field`.
    #[must_use]
    pub fn is_read_by_others(&self, index: usize, field: &str) -> bool {
        let modules = self.modules.iter().enumerate().filter(|(other, _)| *other != index).flat_map(|(_, module)| &module.inputs);
        modules.chain(self.tools.iter().flat_map(|tool| &tool.inputs)).any(|input| input == field)
    }
}

impl Index<ModuleIndex> for Program {
    type Output = Module;

    fn index(&self, index: ModuleIndex) -> &Module {
        &self.modules[index.0]
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
            top_p: 1.0,
            model: ModelId(0),
            layout: Layout::default(),
            frozen: false,
            keep: Vec::new(),
            labels: BTreeMap::new(),
        }
    }
}

//! A program: its modules, the steps between them, and the order in which they run.

use std::collections::BTreeSet;
use std::ops::Index;
use std::sync::Arc;

use serde_json::Value;

use super::candidate::Candidate;
use super::flow::{Control, Flow, Next, Op};
use super::index::ModuleIndex;
use super::module::Module;
use super::render::{self, Prompt};
use super::tools::Tool;
use super::trace::Step;
use crate::data::Example;
use crate::engine::Shape;

/// Modules, steps that ask no model, and the control that decides what runs next.
#[derive(Debug, Clone)]
pub struct Program {
    /// The modules, at least one.
    pub modules: Vec<Module>,
    /// The steps that ask no model.
    pub tools: Vec<Tool>,
    /// Decides what runs next in a rollout.
    pub control: Arc<dyn Control>,
    /// The fields that the program reads from an example.
    pub reads: Vec<String>,
}

impl Program {
    /// Creates a program whose modules run one after the other.
    #[must_use]
    pub fn from_modules(modules: Vec<Module>) -> Self {
        let flow = Flow::of_modules(modules.len());
        Self::from_flow(modules, Vec::new(), flow)
    }

    /// Creates a program that runs in the order of `flow`. It reads from an example every field that is read before any module
    /// or step has written it.
    #[must_use]
    pub fn from_flow(modules: Vec<Module>, tools: Vec<Tool>, mut flow: Flow) -> Self {
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

    /// Creates a program with a [`Control`] of the caller. `reads` are the fields that every example must have.
    #[must_use]
    pub fn with_control(modules: Vec<Module>, tools: Vec<Tool>, control: Arc<dyn Control>, reads: Vec<String>) -> Self {
        Self { modules, tools, control, reads }
    }

    /// Returns the index of the module called `name`; None if there is none.
    #[must_use]
    pub fn module_index(&self, name: &str) -> Option<usize> {
        self.modules.iter().position(|module| module.name == name)
    }

    /// Returns the prompt that the model was given in `step`, a step of a rollout of `candidate` on `example`. None for a step
    /// that asked no model.
    #[must_use]
    pub fn prompt(&self, candidate: &Candidate, example: &Example, step: &Step) -> Option<Prompt> {
        let index = self.module_index(&step.module)?;
        let text = candidate.0.get(index)?.for_call(example, &self.reads, &step.inputs);
        Some(render::prompt(&self.modules[index], &text, &step.inputs))
    }

    /// Returns the value of an output whose text is `text`: what the JSON says if the task file declares a list, an object, a flag or
    /// a number, otherwise the text.
    #[must_use]
    pub fn output_value(&self, name: &str, text: &str) -> Value {
        let shape = self.modules.iter().find_map(|module| module.shapes.get(name));
        let is_json = matches!(shape, Some(Shape::List(_) | Shape::Json(_) | Shape::Flag | Shape::Number));
        serde_json::from_str(text).ok().filter(|_| is_json).unwrap_or_else(|| text.into())
    }

    /// Whether a module or a step writes `field`.
    #[must_use]
    pub fn writes(&self, field: &str) -> bool {
        let modules = self.modules.iter().flat_map(|module| &module.outputs);
        modules.chain(self.tools.iter().flat_map(|tool| &tool.outputs)).any(|output| output == field)
    }

    /// Whether a step, or a module other than the one at `index`, reads `field`.
    #[must_use]
    pub fn is_read_by_others(&self, index: usize, field: &str) -> bool {
        let modules = self.modules.iter().enumerate().filter(|(other, _)| *other != index).flat_map(|(_, module)| &module.inputs);
        modules.chain(self.tools.iter().flat_map(|tool| &tool.inputs)).any(|input| input == field)
    }

    /// Whether every module decodes greedily, so that a second rollout of a candidate on an example gives the same answers.
    #[must_use]
    pub fn is_greedy(&self) -> bool {
        self.modules.iter().all(|module| module.temperature <= 0.0)
    }
}

impl Index<ModuleIndex> for Program {
    type Output = Module;

    fn index(&self, index: ModuleIndex) -> &Module {
        &self.modules[index.0]
    }
}

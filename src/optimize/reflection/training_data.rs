//! The parts of the training data that single-prompt methods show to a reflector.

use crate::optimize::reflection::demonstrations::labelled_demonstration;
use crate::optimize::session::Session;
use crate::program::{Demonstration, ModuleText};

/// Returns the inputs and right outputs of a module for each training example that has all of them, in the order of the data.
/// Empty if the training data does not have the module's right outputs.
#[must_use]
pub fn labelled_pairs(session: &Session<'_>, module_index: usize) -> Vec<Demonstration> {
    let module = &session.program().modules[module_index];
    // A text without reasoning: the pair has the label alone, even if the task model reasons.
    let text = ModuleText::new("");
    let pair = |example| labelled_demonstration(module, &text, example, &|example| session.solution(example));
    session.train().iter().filter_map(pair).collect()
}

/// Returns the values of a module's inputs in the training data. A reflector may have read them and must not quote them.
#[must_use]
pub fn input_values(session: &Session<'_>, module_index: usize) -> Vec<String> {
    let module = &session.program().modules[module_index];
    session.train().iter().flat_map(|example| module.inputs.iter().filter_map(|name| example.text(name))).collect()
}

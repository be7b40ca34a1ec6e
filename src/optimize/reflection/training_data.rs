//! The parts of the training data that single-prompt methods show to a reflector.

use crate::data::Example;
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

/// Returns every value that the program reads from a training example. No instruction may quote one, whichever optimizer asked for it and
/// whatever its prompt showed.
#[must_use]
pub fn quotable(session: &Session<'_>) -> Vec<String> {
    values_of(session.train(), &session.program().reads)
}

/// Returns the values of `fields` in examples.
#[must_use]
pub fn values_of(examples: &[Example], fields: &[String]) -> Vec<String> {
    examples.iter().flat_map(|example| fields.iter().filter_map(|name| example.text(name))).collect()
}

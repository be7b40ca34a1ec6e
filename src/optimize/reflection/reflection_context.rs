//! What of the training data methods for a single prompt show to a model that writes.

use crate::data::{Example, listed};
use crate::optimize::Session;
use crate::optimize::methods::search::Step;
use crate::optimize::reflection::demonstrations::labelled;
use crate::program::{Demonstration, Module, ModuleText};

/// Inputs with the right outputs of a step's module, of the training examples in their order; none where the training data
/// does not know what the module should write.
#[must_use]
pub fn pairs(session: &Session<'_>, step: &Step<'_>) -> Vec<Demonstration> {
    let module = &session.program().modules[step.module];
    // A label is shown as it is, also where the student reasons before it.
    let text = ModuleText::new("");
    let solution = |example: &Example| session.solution(example);
    session.train().iter().filter_map(|example| labelled(module, &text, example, &solution)).collect()
}

/// What a reflector may have read of training examples, and must not quote.
#[must_use]
pub fn inputs(session: &Session<'_>, step: &Step<'_>) -> Vec<String> {
    let module = &session.program().modules[step.module];
    session.train().iter().flat_map(|example| module.inputs.iter().filter_map(|name| example.text(name))).collect()
}

/// What a module is for, in a sentence.
#[must_use]
pub fn problem(module: &Module) -> String {
    format!("Read {} and write {}.", listed(&module.inputs), listed(&module.outputs))
}

/// Asks for the same instruction in other words.
#[must_use]
pub fn paraphrase(instruction: &str) -> String {
    format!(
        "This is an instruction for an assistant:\n\n```\n{instruction}\n```\n\n\
         Write a variation of it: other words, the same meaning. Keep all names and values as they are spelled.\n\
         Write the whole new instruction and nothing else, between two lines of ```.\n"
    )
}

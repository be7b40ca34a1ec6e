//! Parts of prompts that several methods share.

use crate::data::listed;
use crate::program::Module;

/// Returns a sentence that states a module's task.
#[must_use]
pub fn task_sentence(module: &Module) -> String {
    format!("Read {} and write {}.", listed(&module.inputs), listed(&module.outputs))
}

/// Returns the prompt that asks for the same instruction in other words.
#[must_use]
pub fn paraphrase_prompt(instruction: &str) -> String {
    format!(
        "This is an instruction for an assistant:\n\n```\n{instruction}\n```\n\n\
         Write a variation of it: other words, the same meaning. Keep all names and values as they are spelled.\n\
         Write the whole new instruction and nothing else, between two lines of ```.\n"
    )
}

//! Writes the whole instruction anew.

use super::pack;
use super::{Questions, Work};
use crate::data::listed;
use crate::engine::Completion;
use crate::optimize::reflection::answer::{self, Unusable};
use crate::optimize::reflection::packing::Packed;
use crate::program::ModuleText;

pub(super) fn ask(work: &Work<'_>) -> Result<Questions, Unusable> {
    let task = format!(
        "{}Write a better instruction for the assistant, so that it makes none of these mistakes, on new inputs as well.\n\
         - Keep what is right in the instruction above, and add what the feedback teaches.\n\
         {}\
         - Say what to write when the input does not have it.\n\
         - Use short plain sentences, at most 150 words in all, in the language of the instruction above. Do not \
         repeat the examples.\n\
         Write the whole new instruction and nothing else, between two lines of ```.\n",
        pack::lessons(work),
        on_outputs(work),
    );
    let Packed { prompt, examples, left_out } = pack::pack(work, &task)?;
    Ok(Questions { examples, left_out, ..Questions::one(prompt, work.answer_tokens) })
}

/// What to say of the outputs: of what the data names the values, else how it is written, whatever it is about.
fn on_outputs(work: &Work<'_>) -> String {
    let outputs = listed(&work.module.outputs);
    if work.is_open() {
        return format!(
            "- Say how to read the input and how to write {outputs}: what to keep, what to leave out, how long. It must \
             serve inputs on all other subjects, so name no person, place, work or number of these examples.\n"
        );
    }
    format!(
        "- For each of {outputs}, name the values that may be written, spelled exactly so, and say in a few words when each \
         one is right. Do not invent values.\n"
    )
}

pub(super) fn finish(work: &Work<'_>, completion: &Completion) -> Result<ModuleText, Unusable> {
    work.with_instruction(work.general(answer::text(completion, &work.inputs())?)?)
}

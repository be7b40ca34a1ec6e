//! Says the same in fewer and simpler words.

use super::{Questions, Work};
use crate::engine::Completion;
use crate::optimize::reflection::answer::{self, Unusable};
use crate::program::ModuleText;

pub(super) fn ask(work: &Work<'_>) -> Questions {
    let prompt = format!(
        "This is an instruction for a small assistant that understands only plain words:\n\n```\n{}\n```\n\n\
         Write it again in fewer words and shorter sentences, in the same language. Keep all values and names exactly \
         as they are spelled. Leave out what says nothing.\n\
         Write the whole new instruction and nothing else, between two lines of ```.\n",
        work.text.instruction
    );
    Questions::one(prompt, work.answer_tokens)
}

pub(super) fn finish(work: &Work<'_>, completion: &Completion) -> Result<ModuleText, Unusable> {
    let shorter = work.general(answer::text(completion, &work.inputs())?)?;
    if (work.measure)(shorter) >= (work.measure)(&work.text.instruction) {
        return Err(Unusable::TooLong);
    }
    work.with_instruction(shorter)
}

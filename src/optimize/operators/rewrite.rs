//! The operator `rewrite`: asks a reflector for a whole new instruction.

use rand::Rng;

use super::input::OperatorInput;
use super::rollout_prompt::{lessons, pack_rollouts};
use super::text_operator::{Begun, Questions, TextOperator, single_answer};
use crate::data::listed;
use crate::engine::Completion;
use crate::optimize::reflection::packing::PackedPrompt;
use crate::optimize::reflection::unusable::Unusable;
use crate::program::ModuleText;

/// Writes the whole instruction anew from rollouts, diagnoses and rejected attempts.
pub(super) struct Rewrite;

impl TextOperator for Rewrite {
    fn asks_reflector(&self) -> bool {
        true
    }

    fn wants_diagnoses(&self) -> bool {
        true
    }

    fn begin(&self, input: &OperatorInput<'_>, _random: &mut dyn Rng) -> Result<Begun, Unusable> {
        let PackedPrompt { text, examples, left_out } = rewrite_prompt(input)?;
        let questions = Questions { examples, left_out, ..Questions::single(text, input.answer_tokens) };
        Ok(Begun::Ask(questions, |input, answers| read_rewrite(input, single_answer(answers)?)))
    }
}

/// Returns the prompt that asks for a new instruction.
///
/// # Errors
/// [`Unusable::NoRoom`] if no rollout fits the reflector's context.
pub fn rewrite_prompt(input: &OperatorInput<'_>) -> Result<PackedPrompt, Unusable> {
    let task = format!(
        "{}Write a better instruction for the assistant, so that it makes none of these mistakes, on new inputs as well.\n\
             - Keep what is right in the instruction above, and add what the feedback teaches.\n\
             {}\
             - Say what to write when the input does not have it.\n\
             - Use short plain sentences, at most 150 words in all, in the language of the instruction above. Do not \
             repeat the examples.\n\
             Write the whole new instruction and nothing else, between two lines of ```.\n",
        lessons(input),
        output_requirement(input),
    );
    pack_rollouts(input, &task)
}

/// Returns the line of the prompt on the outputs. If the training data has values for all of them, the instruction must name these
/// values; else it must say how the outputs are written, independent of the subject.
fn output_requirement(input: &OperatorInput<'_>) -> String {
    let outputs = listed(&input.module.outputs);
    if input.has_open_output() {
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

/// Returns the text with the instruction in a reflector's answer.
///
/// # Errors
/// [`Unusable`]
pub fn read_rewrite(input: &OperatorInput<'_>, answer: &Completion) -> Result<ModuleText, Unusable> {
    let text = input.read_text(answer)?;
    input.with_instruction(input.check_words(text)?)
}

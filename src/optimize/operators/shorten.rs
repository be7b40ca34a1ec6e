//! The operator `shorten`: asks a reflector for the same instruction in fewer and simpler words.

use rand::Rng;

use super::input::OperatorInput;
use super::text_operator::{Begun, Questions, TextOperator, single_answer};
use crate::engine::Completion;
use crate::optimize::reflection::unusable::Unusable;
use crate::program::ModuleText;

/// The fewest tokens of an instruction that is shortened.
const MIN_TOKENS: usize = 80;

/// Shortens the instruction.
pub(super) struct Shorten;

impl TextOperator for Shorten {
    fn applies(&self, input: &OperatorInput<'_>) -> bool {
        (input.count_task_tokens)(&input.text.instruction) >= MIN_TOKENS
    }

    fn asks_reflector(&self) -> bool {
        true
    }

    fn begin(&self, input: &OperatorInput<'_>, _random: &mut dyn Rng) -> Result<Begun, Unusable> {
        let prompt = format!(
            "This is an instruction for a small assistant that understands only plain words:\n\n```\n{}\n```\n\n\
             Write it again in fewer words and shorter sentences, in the same language. Keep all values and names exactly \
             as they are spelled. Leave out what says nothing.\n\
             Write the whole new instruction and nothing else, between two lines of ```.\n",
            input.text.instruction
        );
        Ok(Begun::Ask(Questions::single(prompt, input.answer_tokens), read_answers))
    }
}

fn read_answers(input: &OperatorInput<'_>, answers: &[Completion]) -> Result<ModuleText, Unusable> {
    let shorter = input.check_words(input.read_text(single_answer(answers)?)?)?;
    if (input.count_task_tokens)(shorter) >= (input.count_task_tokens)(&input.text.instruction) {
        return Err(Unusable::TooLong);
    }
    input.with_instruction(shorter)
}

//! Diagnoses: for each failed rollout, a reflector writes one rule that would have avoided the failure.

use super::input::OperatorInput;
use super::rollout_prompt::opening;
use super::text_operator::Questions;
use crate::data::listed;
use crate::engine::{Completion, Message};
use crate::evaluate::Scored;
use crate::optimize::reflection::packing;

/// The most failures of a minibatch that are diagnosed.
const MAX_FAILURES: usize = 4;

/// The most tokens of a diagnosis.
const MAX_TOKENS: u32 = 64;

/// Returns one question for each failure. There are none if nothing failed or no failure fits the reflector's context.
#[must_use]
pub fn questions(input: &OperatorInput<'_>) -> Questions {
    let has_failed = |scored: &&&Scored| scored.score().is_some_and(|score| score < 1.0);
    let failed: Vec<_> = input.rollouts.iter().filter(has_failed).take(MAX_FAILURES).collect();
    let head = opening(input);
    let question = |scored: &&Scored| {
        let example = packing::rollout_text(input.module, scored)?;
        let outputs = listed(&input.module.outputs);
        let rule = if input.has_open_output() {
            format!(
                "Write one rule for the assistant by which such mistakes are avoided: how to read the input, what of it to keep, \
                 how to write {outputs}. It must serve inputs on all other subjects: no names, dates or numbers of this one."
            )
        } else {
            format!(
                "Write one rule for the assistant by which inputs like this one get the right {outputs}. Name what in the input \
                 shows it, in general words, and the right answer exactly as the feedback spells it."
            )
        };
        let prompt = format!(
            "{head}Here is one answer that was wrong, or not wholly right.\n\n{example}\
             {rule} One sentence of at \
             most 25 words, in the language of the instruction. Write the rule alone, without quoting the input.\n",
        );
        let tokens = (input.count_reflector_tokens)(&prompt) + packing::TEMPLATE_TOKENS;
        (tokens <= input.prompt_room).then(|| vec![Message::user(prompt)])
    };
    let chats: Vec<Vec<Message>> = failed.iter().filter_map(|scored| question(scored)).collect();
    Questions { examples: chats.len(), left_out: failed.len() - chats.len(), chats, max_tokens: MAX_TOKENS, grammar: None }
}

/// Returns the rule in a reflector's answer. None if the answer has no usable sentence.
#[must_use]
pub fn read(input: &OperatorInput<'_>, completion: &Completion) -> Option<String> {
    let sentence = input.read_sentence(completion).and_then(|sentence| input.check_words(sentence));
    sentence.ok().map(str::to_owned)
}

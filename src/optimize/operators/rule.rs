//! Adds rules that failures teach: each failure is read alone, and a sentence on it is a rule.

use super::{Questions, Work, pack};
use crate::data::listed;
use crate::engine::{Completion, Message};
use crate::evaluate::Scored;
use crate::optimize::reflection::answer::{self, Unusable};
use crate::optimize::reflection::packing;
use crate::program::ModuleText;

/// The most failures that are diagnosed.
const MOST_FAILURES: usize = 4;

/// The most tokens of a diagnosis or of a rule.
const TOKENS: u32 = 64;

/// Questions on what was wrong in each failure; none where there is no failure, or no room.
#[must_use]
pub fn diagnoses(work: &Work<'_>) -> Questions {
    let failed: Vec<_> =
        work.rollouts.iter().filter(|scored| scored.score().is_some_and(|score| score < 1.0)).take(MOST_FAILURES).collect();
    let head = pack::opening(work);
    let ask = |scored: &&Scored| {
        let example = packing::example(work.module, scored)?;
        let outputs = listed(&work.module.outputs);
        let rule = if work.is_open() {
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
        ((work.count)(&prompt) + packing::TEMPLATE_ROOM <= work.room).then(|| vec![Message::user(prompt)])
    };
    let chats: Vec<Vec<Message>> = failed.iter().filter_map(|scored| ask(scored)).collect();
    Questions { examples: chats.len(), left_out: failed.len() - chats.len(), chats, max_tokens: TOKENS }
}

/// The sentence in an answer; None where there is none.
#[must_use]
pub fn diagnosis(work: &Work<'_>, completion: &Completion) -> Option<String> {
    let sentence = answer::sentence(completion, &work.inputs()).and_then(|sentence| work.general(sentence));
    sentence.ok().map(str::to_owned)
}

/// The instruction with the rules that are new to it.
pub(super) fn apply(work: &Work<'_>) -> Result<ModuleText, Unusable> {
    let mut rules: Vec<&str> = Vec::new();
    for rule in work.diagnoses.iter().map(String::as_str) {
        if !work.text.instruction.contains(rule) && !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    if rules.is_empty() {
        return Err(Unusable::Empty);
    }
    let lines: Vec<String> = rules.iter().map(|rule| format!("- {rule}")).collect();
    work.with_instruction(&work.with_lines(&lines))
}

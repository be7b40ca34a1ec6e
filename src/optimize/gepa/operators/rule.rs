//! Adds a rule that failures teach: first a sentence on each failure, then the rule.

use super::pack::{self, Packed};
use super::{Questions, Work, names};
use crate::engine::{Completion, Message};
use crate::journal::Scored;
use crate::optimize::gepa::answer::{self, Unusable};
use crate::program::ModuleText;

/// The most failures that are diagnosed.
const MOST_FAILURES: usize = 4;

/// The most tokens of a diagnosis or of a rule.
const TOKENS: u32 = 64;

/// Questions on what was wrong in each failure; none where there is no failure, or no room.
#[must_use]
pub fn diagnoses(work: &Work<'_>) -> Questions {
    let failed = work.rollouts.iter().filter(|scored| scored.score() < Some(1.0)).take(MOST_FAILURES);
    let head = pack::opening(work);
    let ask = |scored: &&Scored| {
        let example = pack::example(work.module, scored)?;
        let prompt = format!(
            "{head}Here is one answer that was wrong, or not wholly right.\n\n{example}\
             What should the instruction have said, so that this and similar answers are right? \
             Answer with one sentence of at most 25 words.\n"
        );
        ((work.count)(&prompt) + pack::TEMPLATE_ROOM <= work.room).then(|| vec![Message::user(prompt)])
    };
    let chats: Vec<Vec<Message>> = failed.copied().filter_map(|scored| ask(&scored)).collect();
    Questions { examples: chats.len(), chats, max_tokens: TOKENS }
}

/// The sentence in an answer; None where there is none.
#[must_use]
pub fn diagnosis(work: &Work<'_>, completion: &Completion) -> Option<String> {
    answer::sentence(completion, &work.inputs()).ok().map(str::to_owned)
}

pub(super) fn ask(work: &Work<'_>) -> Result<Questions, Unusable> {
    let task = format!(
        "{}Write one rule to be added to the instruction, so that the assistant's {} will be right on new inputs as well. \
         One sentence of at most 30 words, in the language of the instruction. Be concrete: name values exactly as the \
         feedback spells them. Do not repeat what the instruction says already. Write the rule alone.\n",
        pack::lessons(work),
        names(&work.module.outputs),
    );
    let Packed { prompt, examples } = pack::pack(work, &task)?;
    Ok(Questions::one(prompt, TOKENS, examples))
}

pub(super) fn finish(work: &Work<'_>, completion: &Completion) -> Result<ModuleText, Unusable> {
    let rule = answer::sentence(completion, &work.inputs())?;
    if work.text.instruction.contains(rule) {
        return Err(Unusable::Unchanged);
    }
    work.with_instruction(&format!("{}\n- {rule}", work.text.instruction.trim_end()))
}

//! Packs what a reflector reads to its context: the answer's room is reserved by the caller, the frame comes
//! next, then rollouts while they fit, failures before successes.

use super::{Work, names};
use crate::journal::{Scored, Verdict};
use crate::optimize::gepa::answer::Unusable;
use crate::optimize::gepa::profile::{self, Wording};
use crate::program::Module;

/// Tokens left free for what a chat template adds.
pub(super) const TEMPLATE_ROOM: usize = 64;

/// The most characters of one field; longer ones are cut in the middle.
const FIELD_LENGTH: usize = 1500;

/// Rejected attempts that are told, the latest ones.
const MOST_REJECTED: usize = 4;

/// A prompt for a reflector.
pub(super) struct Packed {
    pub(super) prompt: String,
    /// Rollouts that found room.
    pub(super) examples: usize,
    /// Rollouts that found none.
    pub(super) left_out: usize,
}

/// The opening, then rollouts, then `task`.
pub(super) fn pack(work: &Work<'_>, task: &str) -> Result<Packed, Unusable> {
    let head =
        format!("{}Here is how it did. Each example has what it read, what it wrote, and feedback on that.\n\n", opening(work));
    let mut left = work.room.saturating_sub((work.count)(&head) + (work.count)(task) + TEMPLATE_ROOM);
    let mut order: Vec<&Scored> = work.rollouts.to_vec();
    order.sort_by(|a, b| a.score().partial_cmp(&b.score()).unwrap_or(std::cmp::Ordering::Equal));
    let mut prompt = head;
    let (mut examples, mut left_out) = (0, 0);
    for scored in order {
        let Some(text) = example(work.module, scored) else { continue };
        let text = format!("# Example {}\n{text}", examples + 1);
        let tokens = (work.count)(&text);
        if tokens <= left {
            left -= tokens;
            prompt.push_str(&text);
            examples += 1;
        } else {
            left_out += 1;
        }
    }
    prompt.push_str(task);
    if examples == 0 { Err(Unusable::NoRoom) } else { Ok(Packed { prompt, examples, left_out }) }
}

/// What the assistant does, by which instruction.
pub(super) fn opening(work: &Work<'_>) -> String {
    let Module { inputs, outputs, .. } = work.module;
    let instruction = &work.text.instruction;
    format!(
        "An assistant reads {} and must write {}. It follows this instruction:\n\n```\n{instruction}\n```\n\n",
        names(inputs),
        names(outputs),
    )
}

/// What else is known: the profile, the diagnoses, what did not help.
pub(super) fn lessons(work: &Work<'_>) -> String {
    let mut text = String::new();
    let profile = profile::statement(work.profile, Wording::English);
    if !profile.is_empty() {
        text.push_str(&format!("In all the data there is:\n{profile}\n\n"));
    }
    if !work.diagnoses.is_empty() {
        text.push_str("Rules that single failures taught:\n");
        work.diagnoses.iter().for_each(|diagnosis| text.push_str(&format!("- {diagnosis}\n")));
        text.push('\n');
    }
    if !work.rejected.is_empty() {
        text.push_str("These were tried and did not help:\n");
        let latest = work.rejected.iter().rev().take(MOST_REJECTED).rev();
        latest.for_each(|attempt| text.push_str(&format!("- {attempt}\n")));
        text.push('\n');
    }
    text
}

/// One rollout as a reflector reads it; None where the module never ran.
pub(super) fn example(module: &Module, scored: &Scored) -> Option<String> {
    let step = scored.rollout.telling(&module.name)?;
    let mut text = String::new();
    for (name, value) in &step.inputs {
        text.push_str(&format!("{name}: {}\n", cut_middle(value.trim())));
    }
    text.push_str(&format!("\nThe assistant wrote:\n{}\n\n", cut_middle(step.answer.trim())));
    text.push_str(&format!("Feedback: {}\n\n", feedback(&module.name, scored)));
    Some(text)
}

/// The metric's words on this module, or on the whole rollout where it has none.
pub(super) fn feedback(module: &str, scored: &Scored) -> String {
    match &scored.verdict {
        Verdict::Judged(judgement) => match judgement.module_feedback.get(module) {
            Some(own) => format!("{} {own}", judgement.feedback),
            None => judgement.feedback.clone(),
        },
        Verdict::Unscored(_) => "The answer could not be judged.".into(),
    }
}

fn cut_middle(text: &str) -> String {
    let count = text.chars().count();
    if count <= FIELD_LENGTH {
        return text.to_owned();
    }
    let head: String = text.chars().take(FIELD_LENGTH * 2 / 3).collect();
    let tail: String = text.chars().skip(count - FIELD_LENGTH / 3).collect();
    format!("{head}\n[… {} characters left out …]\n{tail}", count - FIELD_LENGTH)
}

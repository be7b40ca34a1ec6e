//! The parts of a reflector's prompt that show rollouts and what is known about the module.

use super::input::OperatorInput;
use crate::evaluate::Scored;
use crate::optimize::reflection::packing::{self, PackedPrompt};
use crate::optimize::reflection::profile::{self, Wording};
use crate::optimize::reflection::unusable::Unusable;

/// The maximum number of rejected proposals of this module that a prompt lists. The latest are listed.
const MAX_REJECTED: usize = 4;

/// Builds a prompt of the opening, the rollouts that fit, and `task`. Rollouts with low scores come first.
///
/// # Errors
/// [`Unusable::NoRoom`] if no rollout fits the reflector's context.
pub(super) fn pack_rollouts(input: &OperatorInput<'_>, task: &str) -> Result<PackedPrompt, Unusable> {
    let head =
        format!("{}Here is how it did. Each example has what it read, what it wrote, and feedback on that.\n\n", opening(input));
    let mut order: Vec<&Scored> = input.rollouts.to_vec();
    // Unscored rollouts have the least information and come last.
    let rank = |scored: &&Scored| scored.score().unwrap_or(f64::INFINITY);
    order.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
    let examples = order.into_iter().filter_map(|scored| packing::rollout_text(input.module, scored));
    let packed = packing::pack(input.count_reflector_tokens, input.prompt_room, &head, examples, task);
    if packed.examples == 0 { Err(Unusable::NoRoom) } else { Ok(packed) }
}

/// Returns the beginning of a prompt: what the assistant reads and writes, and its instruction.
pub(super) fn opening(input: &OperatorInput<'_>) -> String {
    packing::opening(input.module, &input.text.instruction)
}

/// Returns the paragraphs on the outputs' profile, on the diagnoses and on rejected attempts. Empty if there are none of these.
pub(super) fn lessons(input: &OperatorInput<'_>) -> String {
    let mut text = String::new();
    let profile = profile::statement(input.profile, Wording::English);
    if !profile.is_empty() {
        text.push_str(&format!("In all the data there is:\n{profile}\n\n"));
    }
    if !input.diagnoses.is_empty() {
        text.push_str("Rules that single failures taught:\n");
        input.diagnoses.iter().for_each(|diagnosis| text.push_str(&format!("- {diagnosis}\n")));
        text.push('\n');
    }
    text.push_str(&rejected(input));
    text
}

/// Returns the paragraph on rejected attempts. Empty if there are none.
pub(super) fn rejected(input: &OperatorInput<'_>) -> String {
    if input.rejected.is_empty() {
        return String::new();
    }
    let latest = input.rejected.iter().rev().take(MAX_REJECTED).rev();
    let lines: String = latest.map(|attempt| format!("- {attempt}\n")).collect();
    format!("These were tried and did not help:\n{lines}\n")
}

//! Packs what a reflector reads to its context: the answer's room is reserved by the caller, the frame comes
//! next, then rollouts while they fit, failures before successes.

use super::Work;
use crate::evaluate::Scored;
use crate::optimize::reflection::answer::Unusable;
use crate::optimize::reflection::packing::{self, Packed};
use crate::optimize::reflection::profile::{self, Wording};

/// Rejected attempts that are told, the latest ones.
const MOST_REJECTED: usize = 4;

/// The opening, then rollouts, then `task`.
pub(super) fn pack(work: &Work<'_>, task: &str) -> Result<Packed, Unusable> {
    let head =
        format!("{}Here is how it did. Each example has what it read, what it wrote, and feedback on that.\n\n", opening(work));
    let mut order: Vec<&Scored> = work.rollouts.to_vec();
    // Those that the metric failed on say the least.
    let rank = |scored: &&Scored| scored.score().unwrap_or(f64::INFINITY);
    order.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
    let examples = order.into_iter().filter_map(|scored| packing::example(work.module, scored));
    let packed = packing::fill(work.count, work.room, &head, examples, task);
    if packed.examples == 0 { Err(Unusable::NoRoom) } else { Ok(packed) }
}

/// What the assistant does, by which instruction.
pub(super) fn opening(work: &Work<'_>) -> String {
    packing::opening(work.module, &work.text.instruction)
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

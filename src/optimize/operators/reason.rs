//! Lets the student reason before it answers, or no longer.

use rand::Rng;

use super::{Work, examples, format};
use crate::program::layout::REASONING;
use crate::program::{ModuleText, parse};

/// Tokens of an answer below which there is no room to reason.
const LEAST_TO_REASON: u32 = 64;

pub(super) fn applies(work: &Work<'_>) -> bool {
    let has_room = work.module.max_tokens >= LEAST_TO_REASON;
    // An output of that name could not be told from it.
    has_room && !work.module.outputs.iter().any(|output| parse::names_it(output, REASONING))
}

/// Worked examples show one of the two ways and go with it; where the data has worked solutions, some come instead.
pub(super) fn apply(work: &Work<'_>, random: &mut impl Rng) -> ModuleText {
    let reasoning = !work.text.reasoning;
    let text = ModuleText { demonstrations: Vec::new(), reasoning, ..format::where_it_applies(work) };
    let turned = Work { text: &text, right: &[], ..*work };
    if reasoning && examples::applies(&turned) { examples::apply(&turned, random) } else { text }
}

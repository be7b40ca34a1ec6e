//! What a reflector reads, packed to its context: the answer's room is reserved by the caller, the frame comes
//! next, then examples while they fit.

use crate::data;
use crate::evaluate::{Scored, Verdict};
use crate::program::{Demonstration, Module};

/// Tokens left free for what a chat template adds.
pub const TEMPLATE_ROOM: usize = 64;

/// The most characters of one field; longer ones are cut in the middle.
const FIELD_LENGTH: usize = 1500;

/// A prompt for a reflector.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packed {
    /// Its words.
    pub prompt: String,
    /// Examples that found room.
    pub examples: usize,
    /// Examples that found none.
    pub left_out: usize,
}

impl Packed {
    /// A prompt that shows no examples.
    #[must_use]
    pub fn plain(prompt: String) -> Self {
        Self { prompt, examples: 0, left_out: 0 }
    }
}

/// `head`, then numbered examples as far as `room` tokens hold them, then `tail`. One that is too long makes way
/// for the next.
#[must_use]
pub fn fill(
    count: &dyn Fn(&str) -> usize,
    room: usize,
    head: &str,
    examples: impl IntoIterator<Item = String>,
    tail: &str,
) -> Packed {
    let mut left = room.saturating_sub(count(head) + count(tail) + TEMPLATE_ROOM);
    let mut packed = Packed::plain(head.to_owned());
    for text in examples {
        let text = format!("# Example {}\n{text}", packed.examples + 1);
        let tokens = count(&text);
        if tokens <= left {
            left -= tokens;
            packed.prompt.push_str(&text);
            packed.examples += 1;
        } else {
            packed.left_out += 1;
        }
    }
    packed.prompt.push_str(tail);
    packed
}

/// What an assistant does, by which instruction.
#[must_use]
pub fn opening(module: &Module, instruction: &str) -> String {
    format!(
        "An assistant reads {} and must write {}. It follows this instruction:\n\n```\n{instruction}\n```\n\n",
        data::listed(&module.inputs),
        data::listed(&module.outputs),
    )
}

/// One rollout as a reflector reads it; None where the module never ran.
#[must_use]
pub fn example(module: &Module, scored: &Scored) -> Option<String> {
    let (inputs, answer) = run(module, scored)?;
    Some(format!("{inputs}\nThe assistant wrote:\n{answer}\n\nFeedback: {}\n\n", feedback(&module.name, scored)))
}

/// What a module read in a rollout, a line each, and what it wrote; None where it never ran.
#[must_use]
pub fn run(module: &Module, scored: &Scored) -> Option<(String, String)> {
    let step = scored.rollout.telling(&module.name)?;
    let inputs = step.inputs.iter().map(|(name, value)| format!("{name}: {}\n", cut(value)));
    Some((inputs.collect(), cut(&step.answer)))
}

/// A worked example as a reflector reads it.
#[must_use]
pub fn pair(shown: &Demonstration) -> String {
    let inputs: String = shown.inputs.iter().map(|(name, value)| format!("{name}: {}\n", cut(value))).collect();
    format!("Input:\n{inputs}Output:\n{}\n\n", cut(&shown.answer))
}

/// The metric's words on this module, or on the whole rollout where it has none.
#[must_use]
pub fn feedback(module: &str, scored: &Scored) -> String {
    match &scored.verdict {
        Verdict::Judged(judgement) => match judgement.module_feedback.get(module) {
            Some(own) => format!("{} {own}", judgement.feedback),
            None => judgement.feedback.clone(),
        },
        Verdict::Unscored(_) => "The answer could not be judged.".into(),
    }
}

/// A field as a reflector reads it.
fn cut(text: &str) -> String {
    data::cut_middle(text.trim(), FIELD_LENGTH, |left| format!("\n[… {left} characters left out …]\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_that_is_too_long_makes_way_for_the_next() {
        let words = |text: &str| text.split_whitespace().count();
        let examples = ["a ".repeat(90), "b ".into(), "c ".repeat(90), "d ".into()];
        let packed = fill(&words, TEMPLATE_ROOM + 20, "head ", examples, "tail");
        assert_eq!(packed.prompt, "head # Example 1\nb # Example 2\nd tail");
        assert_eq!((packed.examples, packed.left_out), (2, 2));
    }
}

//! Packing what a reflector reads into its context: a fixed beginning and end, and as many examples as fit between them.

use crate::data;
use crate::evaluate::{Scored, Verdict};
use crate::program::{Demonstration, Module};

/// The tokens that are left free for what a chat template adds to a prompt.
pub const TEMPLATE_TOKENS: usize = 64;

/// The most characters of one field; longer fields are cut in the middle.
const MAX_FIELD_LENGTH: usize = 1500;

/// A prompt for a reflector.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackedPrompt {
    /// The prompt.
    pub text: String,
    /// The number of examples in the prompt.
    pub examples: usize,
    /// The number of examples that did not fit.
    pub left_out: usize,
}

impl PackedPrompt {
    /// Creates a prompt that shows no examples.
    #[must_use]
    pub fn without_examples(text: String) -> Self {
        Self { text, examples: 0, left_out: 0 }
    }
}

/// Builds a prompt of `head`, numbered examples, and `tail`, in at most `room` tokens as `count_tokens` counts them. An example
/// that does not fit is left out, and the next is tried.
#[must_use]
pub fn pack(
    count_tokens: &dyn Fn(&str) -> usize,
    room: usize,
    head: &str,
    examples: impl IntoIterator<Item = String>,
    tail: &str,
) -> PackedPrompt {
    let mut left = room.saturating_sub(count_tokens(head) + count_tokens(tail) + TEMPLATE_TOKENS);
    let mut packed = PackedPrompt::without_examples(head.to_owned());
    for text in examples {
        let text = format!("# Example {}\n{text}", packed.examples + 1);
        let tokens = count_tokens(&text);
        if tokens <= left {
            left -= tokens;
            packed.text.push_str(&text);
            packed.examples += 1;
        } else {
            packed.left_out += 1;
        }
    }
    packed.text.push_str(tail);
    packed
}

/// Returns the beginning of a prompt: what an assistant reads and writes, and its instruction.
#[must_use]
pub fn opening(module: &Module, instruction: &str) -> String {
    format!(
        "An assistant reads {} and must write {}. It follows this instruction:\n\n```\n{instruction}\n```\n\n",
        data::listed(&module.inputs),
        data::listed(&module.outputs),
    )
}

/// Returns a rollout as a reflector reads it: a module's inputs, its answer, and the feedback. None if the module never ran.
#[must_use]
pub fn rollout_text(module: &Module, scored: &Scored) -> Option<String> {
    let ShownCall { inputs, answer } = shown_call(module, scored)?;
    Some(format!("{inputs}\nThe assistant wrote:\n{answer}\n\nFeedback: {}\n\n", feedback(&module.name, scored)))
}

/// A call of a module as a reflector reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownCall {
    /// The inputs, one per line.
    pub inputs: String,
    /// The answer.
    pub answer: String,
}

/// Returns the call of a module in a rollout that a reflector is shown: the first with a problem, otherwise the last. None if the
/// module did not run.
#[must_use]
pub fn shown_call(module: &Module, scored: &Scored) -> Option<ShownCall> {
    let step = scored.rollout.most_informative_step(&module.name)?;
    Some(ShownCall { inputs: input_lines(&step.inputs), answer: cut(&step.answer) })
}

/// Returns a demonstration as a reflector reads it.
#[must_use]
pub fn pair_text(shown: &Demonstration) -> String {
    format!("Input:\n{}Output:\n{}\n\n", input_lines(&shown.inputs), cut(&shown.answer))
}

/// Returns the metric's feedback on a rollout, with its feedback on the module if there is any.
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

fn input_lines(inputs: &[(String, String)]) -> String {
    inputs.iter().map(|(name, value)| format!("{name}: {}\n", cut(value))).collect()
}

/// Cuts a field to the length that a reflector reads.
fn cut(text: &str) -> String {
    data::cut_middle(text.trim(), MAX_FIELD_LENGTH, |left| format!("\n[… {left} characters left out …]\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_that_is_too_long_is_left_out_and_the_next_is_tried() {
        let words = |text: &str| text.split_whitespace().count();
        let examples = ["a ".repeat(90), "b ".into(), "c ".repeat(90), "d ".into()];
        let packed = pack(&words, TEMPLATE_TOKENS + 20, "head ", examples, "tail");
        assert_eq!(packed.text, "head # Example 1\nb # Example 2\nd tail");
        assert_eq!((packed.examples, packed.left_out), (2, 2));
    }
}

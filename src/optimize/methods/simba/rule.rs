//! The question for advice, and the instruction to which the advice is added.

use super::bucket::{Bucket, score};
use crate::engine::Completion;
use crate::evaluate::Scored;
use crate::optimize::reflection::instruction::{check_language, is_too_long, replace_instruction};
use crate::optimize::reflection::packing::{self, PackedPrompt, ShownCall};
use crate::optimize::reflection::read_answer::read_text;
use crate::optimize::reflection::unusable::Unusable;
use crate::optimize::session::Session;
use crate::program::{Candidate, ModuleText};

/// Which of the two rollouts of a bucket a question shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// The better and the worse one.
    Both,
    /// The better one: both are good.
    Better,
    /// The worse one: both are bad.
    Worse,
}

/// The scores between which a rollout is neither among the best nor among the worst tenth of a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tenths {
    /// A tenth of the scores lies below it.
    pub(super) low: f64,
    /// A tenth of the scores lies above it.
    pub(super) high: f64,
}

impl Tenths {
    /// Returns what a question for advice shows; None if the best answer of the bucket is among the worst tenth of the step, or
    /// its worst among the best tenth.
    pub(super) fn shown(self, bucket: &Bucket) -> Option<Shown> {
        let (best, worst) = (score(&bucket.best), score(&bucket.worst));
        match () {
            () if best <= self.low || worst >= self.high => None,
            () if best > worst => Some(Shown::Both),
            () if best > self.high => Some(Shown::Better),
            () => Some(Shown::Worse),
        }
    }
}

/// Returns the question for advice to one module of `candidate`.
pub(super) fn question(
    session: &Session<'_>,
    candidate: &Candidate,
    module_index: usize,
    bucket: &Bucket,
    shown: Shown,
) -> PackedPrompt {
    let modules = &session.program().modules;
    let module = &modules[module_index];
    let example = &session.train()[bucket.example.0];
    let right = modules.iter().flat_map(|module| module.outputs.iter().map(|output| (output, module.label(output))));
    let right: String =
        right.filter_map(|(output, field)| Some(format!("{output}: {}\n", example.text(field)?))).collect::<String>();
    let mut text = packing::opening(module, &candidate.0[module_index].instruction);
    if modules.len() > 1 {
        text.push_str(&format!("It is the part `{}` of a program of {} assistants.\n\n", module.name, modules.len()));
    }
    if shown != Shown::Better {
        text.push_str(&format!("This is a try that did badly:\n\n{}", trajectory(session, &bucket.worst)));
    }
    if shown != Shown::Worse {
        text.push_str(&format!("This is a try at the same input that did well:\n\n{}", trajectory(session, &bucket.best)));
    }
    if !right.is_empty() {
        text.push_str(&format!("The right result:\n{right}\n"));
    }
    let asked = match shown {
        Shown::Both => "Compare the two tries, and say what makes the difference, as advice to the assistant",
        Shown::Better | Shown::Worse => "Say what can be learned from it, as advice to the assistant",
    };
    text.push_str(&format!(
        "{asked}: if its input is such and such, it should do such and such. Be concrete, but speak of inputs of this kind, not of this \
         one alone. The assistant will not see the tries. Write the advice and nothing else, in at most four sentences, between two lines \
         of ```.\n"
    ));
    PackedPrompt { text, examples: 1, left_out: 0 }
}

/// Returns the calls of all modules in a rollout, with score and feedback.
fn trajectory(session: &Session<'_>, scored: &Scored) -> String {
    let modules = &session.program().modules;
    let call = |module| {
        let ShownCall { inputs, answer } = packing::shown_call(module, scored)?;
        let name = if modules.len() > 1 { format!("`{}` ", module.name) } else { String::new() };
        Some(format!("{name}read:\n{inputs}\n{name}wrote:\n{answer}\n\n"))
    };
    let calls: String = modules.iter().filter_map(call).collect();
    let last = modules.last().map_or("", |module| module.name.as_str());
    format!("{calls}Score: {:.2} of 1. Feedback: {}\n\n", score(scored), packing::feedback(last, scored))
}

/// Returns the text with the advice in an answer at the end of its instruction. `inputs` must not be quoted.
///
/// # Errors
/// [`Unusable`]
pub(super) fn with_advice(
    session: &Session<'_>,
    module_index: usize,
    text: &ModuleText,
    inputs: &[&str],
    completion: &Completion,
) -> Result<ModuleText, Unusable> {
    let advice = check_language(read_text(completion, inputs)?, text)?;
    let instruction = format!("{}\n\n{advice}", text.instruction.trim_end());
    let text = replace_instruction(&session.program().modules[module_index], text, &instruction)?;
    if is_too_long(session, module_index, &text) { Err(Unusable::TooLong) } else { Ok(text) }
}

//! Worked examples from the training data.

use crate::data::{Example, to_text};
use crate::journal::Scored;
use crate::program::layout::{self, REASONING};
use crate::program::{Demonstration, Module, ModuleText};

/// Tokens that a chat template takes for a turn of the user and one of the assistant, about.
const TURNS: usize = 10;

/// The example with its labels as the answer; None where it lacks one. A student that reasons is shown the worked
/// solution before them, for a label alone would show it the wrong way.
#[must_use]
pub fn labelled(
    module: &Module,
    text: &ModuleText,
    example: &Example,
    solution: &dyn Fn(&Example) -> Option<String>,
) -> Option<Demonstration> {
    let values: Vec<(&String, String)> =
        module.outputs.iter().map(|name| Some((name, to_text(example.fields.get(name)?)))).collect::<Option<_>>()?;
    let answer = match values.as_slice() {
        [(_, only)] if !text.reasoning => only.clone(),
        several => several.iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>().join("\n"),
    };
    let answer = match text.reasoning {
        true => {
            let label = if layout::begun(module, text).is_empty() { format!("{REASONING}: ") } else { String::new() };
            format!("{label}{}\n{answer}", solution(example)?.trim())
        }
        false => answer,
    };
    let inputs = module.inputs.iter().map(|name| Some((name.clone(), example.text(name)?)));
    Some(Demonstration { id: example.id.clone(), inputs: inputs.collect::<Option<_>>()?, answer })
}

/// A rollout that was right, with the student's own words as the answer; None where it was not, or the module never ran.
#[must_use]
pub fn succeeded(module: &Module, example: &Example, scored: &Scored) -> Option<Demonstration> {
    if scored.score() < Some(1.0) {
        return None;
    }
    let step = scored.rollout.telling(&module.name)?;
    Some(Demonstration { id: example.id.clone(), inputs: step.inputs.clone(), answer: step.answer.trim().to_owned() })
}

/// Tokens of a worked example, with about as many as a chat template takes for two turns.
#[must_use]
pub fn tokens(shown: &Demonstration, count: &dyn Fn(&str) -> usize) -> usize {
    let inputs = shown.inputs.iter().map(|(name, value)| count(name) + count(value) + 2);
    inputs.sum::<usize>() + count(&shown.answer) + TURNS
}

//! What a reflector learns by comparison: the same example answered wrong and right, and values that are confused.
//!
//! Reflection on pairs of a better and a worse trace is what SIMBA does (the optimizer of the Python package `dspy`).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::profile::{OutputProfile, ValueKind};
use crate::data::{Example, ExampleIndex};
use crate::evaluate::Scored;
use crate::program::{Candidate, Module};

/// The most characters of what a candidate added to an instruction, as reflectors read it.
const MOST_ADDITION_CHARACTERS: usize = 200;

/// A training example on which the candidate that is to be improved scored less than another one.
#[derive(Debug, Clone)]
pub struct Contrast {
    /// The example.
    pub example: ExampleIndex,
    /// The rollout with the lower score, of the candidate that is to be improved.
    pub lost: Arc<Scored>,
    /// The rollout with the higher score.
    pub won: Arc<Scored>,
    /// The candidate with the higher score.
    pub winner: Arc<Candidate>,
}

/// A value of a closed set that was answered where another value was right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Confusion {
    /// The name of the output.
    pub output: String,
    /// The right value.
    pub right: String,
    /// The value that was answered.
    pub answered: String,
}

/// Returns the confusions in rollouts, with the indices of those rollouts in `seen`. The most frequent stands first.
pub fn confusions(module: &Module, profile: &[OutputProfile], seen: &[(&Example, &Scored)]) -> Vec<(Confusion, Vec<usize>)> {
    let mut found: BTreeMap<Confusion, Vec<usize>> = BTreeMap::new();
    for output in profile {
        let ValueKind::Set(values) = &output.kind else { continue };
        for (index, (example, scored)) in seen.iter().enumerate() {
            let step = scored.rollout.most_informative_step(&module.name);
            let answered = step.and_then(|step| step.outputs.get(&output.name)).map(|answer| answer.trim());
            let right = example.text(module.label(&output.name));
            let (Some(answered), Some(right)) = (answered, right) else { continue };
            if answered != right && values.contains_key(answered) && values.contains_key(&right) {
                let confusion = Confusion { output: output.name.clone(), right, answered: answered.to_owned() };
                found.entry(confusion).or_default().push(index);
            }
        }
    }
    let mut found: Vec<_> = found.into_iter().collect();
    // A stable sort: of equally frequent ones, the first in the order of their names stays first.
    found.sort_by_key(|(_, rollouts)| std::cmp::Reverse(rollouts.len()));
    found
}

/// Returns the lines of an instruction that another instruction does not have, as one line and cut to a length. Empty if there are
/// none.
#[must_use]
pub fn addition(before: &str, after: &str) -> String {
    let had: Vec<&str> = before.lines().collect();
    let new = after.lines().filter(|line| !had.contains(line));
    new.collect::<Vec<_>>().join(" ").chars().take(MOST_ADDITION_CHARACTERS).collect()
}

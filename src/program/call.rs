//! One call of a model in a rollout: its key, and answers to calls that were made before.

use super::candidate::{Candidate, ModuleText};
use super::structure::Program;
use super::trace::{Rollout, Step};
use crate::data::Example;
use crate::engine::{Completion, Usage};
use crate::hash::sha256;

/// A hash of what a greedy answer depends on: the module, its text and its inputs.
pub type CallKey = [u8; 32];

/// Answers to calls that were made before: an answer cache.
pub trait CachedAnswers {
    /// Returns the answer to the call with this key at no cost, with its whole prompt counted as reused. None if it is not
    /// cached.
    fn answer(&self, key: &CallKey) -> Option<Completion>;
}

/// Returns the key of a call of the module at `index`.
///
/// None if the answer is drawn at random, or if the program has one module only. The rollouts of such a program are reused as a
/// whole from the journal, so its calls are not cached.
#[must_use]
pub fn call_key(program: &Program, index: usize, text: &ModuleText, inputs: &[(String, String)]) -> Option<CallKey> {
    let has_key = program.modules.len() > 1 && program.modules.get(index)?.temperature <= 0.0;
    has_key.then(|| sha256(serde_json::json!([index, text, inputs]).to_string().as_bytes()))
}

/// Returns `completion` as the answer to an equal call, at no cost: its whole prompt counts as reused.
#[must_use]
pub fn reused(completion: &Completion) -> Completion {
    let Usage { prefilled, reused, repeated, .. } = completion.usage;
    // The number of repeated tokens is a part of the answer.
    let usage = Usage { reused: prefilled + reused, repeated, ..Usage::default() };
    Completion { usage, served: None, ..completion.clone() }
}

/// A call of a greedy module with its answer, for the answer cache.
#[derive(Debug, Clone, PartialEq)]
pub struct CachedCall {
    /// The key of the call.
    pub key: CallKey,
    /// The answer, with what it cost when it was generated.
    pub completion: Completion,
}

/// Returns the calls of a rollout of `candidate` on `example` that have a key, in order.
#[must_use]
pub fn cacheable_calls(program: &Program, candidate: &Candidate, example: &Example, rollout: &Rollout) -> Vec<CachedCall> {
    // The calls of a program of one module have no key.
    if program.modules.len() < 2 {
        return Vec::new();
    }
    let cached_call = |step: &Step| {
        // A step that asked no model has no tokens.
        if step.usage == Usage::default() {
            return None;
        }
        let index = program.module_index(&step.module)?;
        let text = candidate.0.get(index)?.for_call(example, &program.reads, &step.inputs);
        let key = call_key(program, index, &text, &step.inputs)?;
        let (text, ended) = (step.answer.clone(), step.ended.clone());
        Some(CachedCall { key, completion: Completion { text, reasoning: None, ended, usage: step.usage, served: None } })
    };
    rollout.steps.iter().filter_map(cached_call).collect()
}

//! Greedy answers that were given before. A search changes one module at a time: the others read the same under the same text, and
//! say the same. They are not asked again.

use std::collections::{BTreeMap, VecDeque};

use rayon::prelude::*;

use super::rollout::without;
use super::{Candidate, ModuleText, Program, Rollout};
use crate::data::Example;
use crate::engine::{Completion, Usage};
use crate::hash::sha256;

/// The most bytes that are kept.
const MOST_BYTES: usize = 64 << 20;

/// Bytes that an answer takes beside its text, about.
const OVERHEAD: usize = 256;

/// What a module was asked, as a hash.
pub(super) type Key = [u8; 32];

/// The answers to what greedy modules were asked. The oldest fall away where they become too many, so that what is known depends
/// on what was learned, and in which order, alone.
#[derive(Debug, Default)]
pub struct Known {
    answers: BTreeMap<Key, Completion>,
    order: VecDeque<Key>,
    bytes: usize,
}

/// The key of a call; None where its answer is drawn, or where a rollout has no other call: whole rollouts are kept elsewhere.
pub(super) fn key(program: &Program, module: usize, text: &ModuleText, inputs: &[(String, String)]) -> Option<Key> {
    let is_kept = program.modules.len() > 1 && program.modules.get(module)?.temperature <= 0.0;
    is_kept.then(|| sha256(serde_json::json!([module, text, inputs]).to_string().as_bytes()))
}

impl Known {
    /// The answer, where it is known. It costs nothing: all of its prompt is reused.
    pub(super) fn answer(&self, key: &Key) -> Option<Completion> {
        self.answers.get(key).map(again)
    }

    /// Takes note of what rollouts were answered, in their order.
    pub fn learn(&mut self, program: &Program, rollouts: &[(&Candidate, &Example, &Rollout)]) {
        // Their one call has no key.
        if program.modules.len() < 2 {
            return;
        }
        let calls = rollouts.par_iter().map(|(candidate, example, rollout)| {
            let call = |step: &super::Step| {
                // What asked no model has no tokens.
                if step.usage == Usage::default() {
                    return None;
                }
                let module = program.modules.iter().position(|module| module.name == step.module)?;
                let text = without(candidate.0.get(module)?, (example, &program.reads), &step.inputs);
                let key = key(program, module, &text, &step.inputs)?;
                let (text, ended) = (step.answer.clone(), step.ended.clone());
                Some((key, Completion { text, reasoning: None, ended, usage: step.usage }))
            };
            rollout.steps.iter().filter_map(call).collect::<Vec<_>>()
        });
        for (key, completion) in calls.collect::<Vec<_>>().into_iter().flatten() {
            self.keep(key, completion);
        }
    }

    fn keep(&mut self, key: Key, completion: Completion) {
        if self.answers.contains_key(&key) {
            return;
        }
        self.bytes += completion.text.len() + OVERHEAD;
        self.answers.insert(key, completion);
        self.order.push_back(key);
        while self.bytes > MOST_BYTES
            && let Some(oldest) = self.order.pop_front()
        {
            if let Some(gone) = self.answers.remove(&oldest) {
                self.bytes -= gone.text.len() + OVERHEAD;
            }
        }
    }
}

/// The same answer once more, for nothing.
pub(super) fn again(completion: &Completion) -> Completion {
    let usage = Usage { reused: completion.usage.prefilled + completion.usage.reused, ..Usage::default() };
    Completion { usage, ..completion.clone() }
}

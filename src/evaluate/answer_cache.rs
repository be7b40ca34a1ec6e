//! The answer cache: greedy answers by module, text and inputs.
//!
//! A search changes one module of a program at a time. The other modules often read the same inputs under the same text, so that
//! their greedy answers are the same. Such requests are not sent again.

use std::collections::{BTreeMap, VecDeque};

use crate::engine::Completion;
use crate::program::call::{CachedAnswers, CachedCall, CallKey, reused};

/// The most bytes that the cache keeps.
const MOST_BYTES: usize = 64 << 20;

/// An estimate of the bytes that an answer takes besides its text.
const ANSWER_OVERHEAD: usize = 256;

/// Answers to calls of greedy modules. If they become too many, those that were added first are dropped. The content therefore
/// depends only on the answers that were added and on their order, so that a resumed run has the same cache.
#[derive(Debug, Default)]
pub struct AnswerCache {
    answers: BTreeMap<CallKey, Completion>,
    insertion_order: VecDeque<CallKey>,
    bytes: usize,
}

impl CachedAnswers for AnswerCache {
    fn answer(&self, key: &CallKey) -> Option<Completion> {
        self.answers.get(key).map(reused)
    }
}

impl AnswerCache {
    /// Adds the answer to a call. An answer that is already in the cache stays.
    pub fn add(&mut self, CachedCall { key, completion }: CachedCall) {
        if self.answers.contains_key(&key) {
            return;
        }
        self.bytes += completion.text.len() + ANSWER_OVERHEAD;
        self.answers.insert(key, completion);
        self.insertion_order.push_back(key);
        while self.bytes > MOST_BYTES
            && let Some(oldest) = self.insertion_order.pop_front()
        {
            if let Some(dropped) = self.answers.remove(&oldest) {
                self.bytes -= dropped.text.len() + ANSWER_OVERHEAD;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Example;
    use crate::engine::{Ended, EngineError, Request, Usage};
    use crate::program::tests_support::module;
    use crate::program::{Candidate, Job, Program, Rollout, Runnable};

    fn two_modules() -> Program {
        Program::from_modules(vec![module("first", &["q"], &["plan", "note"]), module("second", &["q", "plan"], &["answer"])])
    }

    fn example() -> Example {
        Example { id: "1".into(), fields: serde_json::from_str(r#"{"q": "why?"}"#).unwrap() }
    }

    /// Runs candidates on one example. Returns the rollouts, and the number of requests in each round.
    fn run(program: &Program, candidates: &[Candidate], answers: &AnswerCache) -> (Vec<Rollout>, Vec<usize>) {
        let example = example();
        let mut rounds = Vec::new();
        let mut generate = |requests: &[Request]| -> Result<Vec<Completion>, EngineError> {
            rounds.push(requests.len());
            let usage = Usage { prefilled: 7, unique: 7, reused: 3, decoded: 2, ..Usage::default() };
            let text = "plan: think\nnote: x\nanswer: 4";
            let answer = Completion { text: text.into(), reasoning: None, ended: Ended::Stop, usage, served: None };
            Ok(requests.iter().map(|_| answer.clone()).collect())
        };
        let jobs: Vec<Job<'_>> =
            candidates.iter().map(|candidate| Job { candidate, example: &example, seed: 7, temperature: None }).collect();
        let rollouts = program.run(&jobs, answers, &mut generate).unwrap();
        (rollouts, rounds)
    }

    #[test]
    fn a_call_is_requested_once_in_a_wave_and_never_again_if_its_answer_is_in_the_cache() {
        let program = two_modules();
        let (one, other) = (Candidate::new(["A.", "B."]), Candidate::new(["A.", "C."]));
        let (first, rounds) = run(&program, &[one.clone(), other], &AnswerCache::default());
        assert_eq!(rounds, [1, 2]);
        let mut answers = AnswerCache::default();
        program.cacheable_calls(&one, &example(), &first[0]).into_iter().for_each(|call| answers.add(call));
        let candidates = [one, Candidate::new(["A.", "D."]), Candidate::new(["E.", "B."])];
        let (again, rounds) = run(&program, &candidates, &answers);
        // Both answers of the first candidate are in the cache. The third's first module gives the same plan, so that the answer
        // of its second module is in the cache, too.
        assert_eq!(rounds, [1, 1]);
        let saved = |reused| Usage { reused, ..Usage::default() };
        assert_eq!((again[0].usage(), again[1].steps[0].usage), (saved(20), saved(10)));
        let outputs = |rollout: &Rollout| rollout.steps.iter().map(|step| step.outputs.clone()).collect::<Vec<_>>();
        assert_eq!(outputs(&again[0]), outputs(&first[0]));
    }

    #[test]
    fn answers_at_random_are_drawn_for_each_rollout() {
        let mut program = two_modules();
        program.modules[0].temperature = 0.7;
        let candidate = Candidate::new(["A.", "B."]);
        let (_, rounds) = run(&program, &[candidate.clone(), candidate], &AnswerCache::default());
        assert_eq!(rounds, [2, 1]);
    }
}

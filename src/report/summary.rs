//! `summary.json`: a run in numbers.

use serde::Serialize;

use super::tally::Tally;
use crate::engine::Usage;
use crate::event::StopReason;
use crate::optimize::session::Spent;
use crate::optimize::{Member, Pool};

/// A run in numbers. Scores are means from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The seed on the validation examples.
    pub seed_score: f64,
    /// The best candidate on the validation examples.
    pub best_score: f64,
    /// Its place in the pool; 0 is the seed.
    pub best_candidate: usize,
    /// The seed on the test examples.
    pub test_seed_score: Option<f64>,
    /// The best candidate on the test examples.
    pub test_best_score: Option<f64>,
    /// Their mean paired difference, over the examples on which both were scored.
    pub test_difference: Option<f64>,
    /// Its 95% interval.
    pub test_difference_95: Option<[f64; 2]>,
    /// What the run learned, or why it learned nothing.
    pub outcome: String,
    /// What else is to be known about the run.
    pub notes: Vec<String>,
    /// Rollouts charged to the budget.
    pub rollouts: u64,
    /// Rollouts of the test evaluations, which stand outside of the budget.
    pub test_rollouts: u64,
    /// Rollouts answered from the cache.
    pub rollouts_reused: u64,
    /// Rollouts that the metric failed on.
    pub rollouts_unscored: u64,
    /// Calls of models that write, second times among them.
    pub reflector_calls: u64,
    /// What became of the reflections.
    pub reflections: Tally,
    /// Candidates in the pool, the seed among them.
    pub candidates: usize,
    /// Of those, the ones that were validated in part.
    pub validated_in_part: usize,
    /// Of those, the ones that were merged from two others.
    pub merges: u64,
    /// Merged candidates that were tried and were no better than their parents.
    pub merges_rejected: u64,
    /// The second best candidate.
    pub runner_up: Option<RunnerUp>,
    /// Tokens and seconds of the engine.
    pub engine: EngineSummary,
    /// Where the time went.
    pub seconds: Seconds,
    /// Why the search ended.
    pub stopped_because: StopReason,
    /// The pool, in order.
    pub pool: Vec<PoolEntry>,
}

/// Tokens and seconds of the engine, test evaluations included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EngineSummary {
    /// Prompt tokens computed.
    pub prefill_tokens: u64,
    /// Prompt tokens that perfect prefix trees of the waves would have computed.
    pub unique_prefill_tokens: u64,
    /// Prompt tokens taken from another request of the wave.
    pub reused_tokens: u64,
    /// Tokens of answers, with the reasoning before them.
    pub decode_tokens: u64,
    /// Those of them that are reasoning; left out where there are none.
    #[serde(skip_serializing_if = "crate::engine::is_zero")]
    pub reasoning_tokens: u64,
    /// Seconds by role.
    pub seconds: RoleSeconds,
}

/// Seconds in the engine by role.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RoleSeconds {
    /// Rollouts.
    pub task: f64,
    /// Reflections.
    pub reflection: f64,
    /// Questions of the metric, to a judge.
    pub judge: f64,
    /// Test evaluations, their judging included.
    pub test: f64,
}

/// Seconds of the search; `test` comes on top of `total`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Seconds {
    /// Work on the search, over all processes that took part in it.
    pub total: f64,
    /// In the engine.
    pub engine: f64,
    /// In the metric.
    pub metric: f64,
    /// All else.
    pub optimizer: f64,
    /// The two test evaluations.
    pub test: f64,
}

/// The second best candidate, and how sure it is that it is only that.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunnerUp {
    /// Its place in the pool.
    pub candidate: usize,
    /// Its mean on the validation examples.
    pub score: f64,
    /// The 95% interval of the mean paired difference, the best less this one, on validation.
    pub difference_95: Option<[f64; 2]>,
}

/// A candidate in a line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PoolEntry {
    /// Its place.
    pub candidate: usize,
    /// Its parents' places.
    pub parents: Vec<usize>,
    /// Its mean on the validation examples that it was run on.
    pub score: f64,
    /// How many those are. Who was not run on all of them is never the answer.
    pub validated: usize,
    /// Tokens of its instructions and worked examples.
    pub prompt_tokens: usize,
    /// Worked examples in its prompts.
    pub worked_examples: usize,
    /// Its modules whose chat is laid out otherwise than the plan says.
    pub own_layouts: usize,
    /// Rollouts charged when it joined.
    pub rollouts: u64,
}

/// One candidate's scores on the test examples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tested {
    /// In order; None where the metric failed.
    pub scores: Vec<Option<f64>>,
    /// Tokens.
    pub usage: Usage,
    /// Seconds in the engine.
    pub engine: f64,
    /// Seconds in all.
    pub seconds: f64,
}

/// The seed's and the best candidate's scores on the test examples.
#[derive(Debug, Clone, PartialEq)]
pub struct BeforeAfter {
    /// The seed.
    pub seed: Tested,
    /// The best; the seed's again where the seed is the best.
    pub best: Tested,
}

impl BeforeAfter {
    /// The best's are the seed's again where the seed is the best.
    fn rollouts(&self) -> u64 {
        let run = |tested: &Tested| if tested.seconds > 0.0 { tested.scores.len() as u64 } else { 0 };
        run(&self.seed) + run(&self.best)
    }

    fn unscored(&self) -> u64 {
        let missing = |tested: &Tested| tested.scores.iter().filter(|s| s.is_none()).count() as u64;
        // The seed's own scores again are no further rollouts.
        missing(&self.seed) + if self.best.seconds > 0.0 { missing(&self.best) } else { 0 }
    }
}

impl Summary {
    /// Whether nothing but the seed was tried.
    #[must_use]
    pub fn is_untried(&self) -> bool {
        self.candidates == 1 && self.reflections.proposed == 0 && self.reflections.unusable.is_empty()
    }

    /// Sums a run up. `elapsed` is its clock at the end of the search, in seconds.
    #[must_use]
    pub fn new(pool: &Pool, spent: Spent, tally: Tally, elapsed: f64, test: Option<&BeforeAfter>) -> Self {
        let best = pool.best();
        let mean = |scores: &[Option<f64>]| crate::optimize::pool::mean(scores);
        let mut usage = spent.task;
        usage += spent.reflection;
        let mut test_seconds = 0.0;
        let mut test_engine = 0.0;
        if let Some(test) = test {
            for tested in [&test.seed, &test.best] {
                usage += tested.usage;
                test_seconds += tested.seconds;
                test_engine += tested.engine;
            }
        }
        let engine = spent.task_seconds + spent.reflection_seconds + spent.judge_seconds;
        let entry = |(candidate, member): (usize, &Member)| PoolEntry {
            candidate,
            parents: member.parents.clone(),
            score: member.mean(),
            validated: member.validated,
            prompt_tokens: member.prompt_tokens,
            worked_examples: member.candidate.0.iter().map(|text| text.demonstrations.len()).sum(),
            own_layouts: member.candidate.0.iter().filter(|text| text.layout.is_some()).count(),
            rollouts: member.spent,
        };
        Self {
            seed_score: pool.members[0].mean(),
            best_score: pool.members[best].mean(),
            best_candidate: best,
            test_seed_score: test.and_then(|t| mean(&t.seed.scores)),
            test_best_score: test.and_then(|t| mean(&t.best.scores)),
            test_difference: test.and_then(|t| mean(&differences(t).into_iter().map(Some).collect::<Vec<_>>())),
            test_difference_95: test.and_then(|t| super::interval::paired(&differences(t))),
            outcome: outcome(pool, best, &tally),
            notes: (!tally.anything).then(|| NOTHING_SCORED.to_owned()).into_iter().collect(),
            rollouts: spent.rollouts,
            test_rollouts: test.map_or(0, BeforeAfter::rollouts),
            rollouts_reused: spent.reused,
            rollouts_unscored: spent.metric.unscored + test.map_or(0, BeforeAfter::unscored),
            candidates: pool.members.len(),
            validated_in_part: pool.members.iter().filter(|member| !member.complete).count(),
            reflector_calls: spent.reflections,
            merges: tally.merges,
            merges_rejected: tally.merges_rejected,
            runner_up: runner_up(pool),
            reflections: tally,
            engine: EngineSummary {
                prefill_tokens: usage.prefilled,
                unique_prefill_tokens: usage.unique,
                reused_tokens: usage.reused,
                decode_tokens: usage.decoded,
                reasoning_tokens: usage.reasoned,
                seconds: RoleSeconds {
                    task: spent.task_seconds,
                    reflection: spent.reflection_seconds,
                    judge: spent.judge_seconds,
                    test: test_engine,
                },
            },
            seconds: Seconds {
                total: elapsed,
                engine,
                metric: spent.metric_seconds,
                optimizer: (elapsed - engine - spent.metric_seconds).max(0.0),
                test: test_seconds,
            },
            stopped_because: pool.stopped,
            pool: pool.members.iter().enumerate().map(entry).collect(),
        }
    }
}

/// Of a run in which not one rollout of any candidate was right.
const NOTHING_SCORED: &str = "not one rollout of any candidate scored anything: if no answer comes near, no prompt will save it; \
    fine-tuning or a larger model will. If the metric may be too strict, look at feedback with `gepard eval --json`";

fn differences(test: &BeforeAfter) -> Vec<f64> {
    let pairs = test.seed.scores.iter().zip(&test.best.scores);
    pairs.filter_map(|(seed, best)| Some((*best)? - (*seed)?)).collect()
}

fn runner_up(pool: &Pool) -> Option<RunnerUp> {
    let candidate = pool.runner_up()?;
    let (best, second) = (&pool.members[pool.best()], &pool.members[candidate]);
    let differences: Vec<f64> = best.scores.shared(&second.scores).map(|(_, best, second)| best - second).collect();
    Some(RunnerUp { candidate, score: second.mean(), difference_95: super::interval::paired(&differences) })
}

/// What came of it, in a sentence; of a run that learned nothing, why.
fn outcome(pool: &Pool, best: usize, tally: &Tally) -> String {
    if best != 0 {
        let gain = pool.members[best].mean() - pool.members[0].mean();
        if gain <= 0.0 {
            return format!("nothing was gained: candidate {best} scores what the seed does on validation, with fewer tokens");
        }
        return format!("candidate {best} is the best, {gain:+.3} over the seed on validation");
    }
    if pool.stopped == StopReason::SeedIsPerfect {
        return "nothing was learned: the seed scores 1 on every validation example already".into();
    }
    if let (Some(first), Some(last)) = (tally.trials.first(), tally.trials.last()) {
        let n = tally.trials.len();
        return format!(
            "the prompt stays as it is: single answers were attempted again, from {first:.3} to {last:.3} on the training examples in {n} trials"
        );
    }
    let unusable: u64 = tally.unusable.values().sum();
    let attempts = tally.proposed + unusable;
    if attempts == 0 && tally.perfect_minibatches > 0 {
        return "nothing was learned: the seed was perfect on every minibatch that was drawn".into();
    }
    if attempts == 0 {
        return format!("nothing was learned: nothing was tried, since {}", pool.stopped);
    }
    let reasons: Vec<String> = tally.unusable.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
    let mut parts = Vec::new();
    if unusable > 0 {
        parts.push(format!("{unusable} brought nothing to try ({})", reasons.join(", ")));
    }
    if tally.rejected > 0 {
        parts.push(format!("{} did not pass their minibatch", tally.rejected));
    }
    let passed = tally.accepted + tally.passed_over;
    if tally.tried > 0 {
        parts.push(format!("{} were scored on a part of the data and {passed} on validation, without a gain", tally.proposed));
    } else if passed > 0 {
        // Only GEPA has a minibatch to pass.
        let but = if tally.operators.values().any(|of| of.passed > 0) { "passed their minibatch, but " } else { "" };
        parts.push(format!("{passed} {but}were no better on validation"));
    }
    format!("nothing was learned: of {attempts} attempts, {}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::pool::tests_support::member;
    use std::collections::BTreeMap;

    fn seed_only(stopped: StopReason) -> Pool {
        Pool { members: vec![member(&[0.5])], stopped }
    }

    #[test]
    fn a_run_that_learned_nothing_says_why() {
        let tally =
            Tally { proposed: 2, unusable: BTreeMap::from([("empty", 2), ("repeated", 1)]), rejected: 2, ..Tally::default() };
        assert_eq!(
            outcome(&seed_only(StopReason::BudgetSpent), 0, &tally),
            "nothing was learned: of 5 attempts, 3 brought nothing to try (2 empty, 1 repeated), 2 did not pass their minibatch"
        );
        assert_eq!(
            outcome(&seed_only(StopReason::BudgetSpent), 0, &Tally::default()),
            "nothing was learned: nothing was tried, since the budget does not hold another iteration"
        );
    }
}

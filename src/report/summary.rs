//! `summary.json`: the figures of a finished run.

use serde::{Deserialize, Serialize};

use super::frontier::FrontierPoint;
use super::interval::Interval;
use super::servers::ServerSummary;
use super::tally::Tally;
use crate::event::StopReason;
use crate::program::PoolIndex;

/// The content of `summary.json`. Scores are means in [0, 1].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The seed's score on the validation examples.
    pub seed_score: f64,
    /// The best candidate's score on the validation examples.
    pub best_score: f64,
    /// The pool index of the best candidate; 0 is the seed.
    pub best_candidate: PoolIndex,
    /// The seed's score on the test examples; None without test examples.
    pub test_seed_score: Option<f64>,
    /// The best candidate's score on the test examples; None without test examples.
    pub test_best_score: Option<f64>,
    /// The mean difference, best less seed, over the test examples on which both were scored.
    pub test_difference: Option<f64>,
    /// The 95% confidence interval of `test_difference`.
    pub test_difference_95: Option<Interval>,
    /// What the run found, or why it found nothing, in one sentence.
    pub outcome: String,
    /// What else a user should know about the run, a sentence each.
    pub notes: Vec<String>,
    /// The iterations that the search began: the events `iteration`. `gepa`: changes of a parent, those included whose minibatch
    /// the parent solved; merges are not counted. `random`: reflections on the seed. `ape`, `opro`, `evoprompt-ga`,
    /// `evoprompt-de` and `promptbreeder`: generations, the first population of each module included. `textgrad`: updates.
    /// `miprov2`: trials, and one more in which the options are made. `simba`: steps. `bootstrap-rs`: sets. `reflexion`: trials from the
    /// second.
    pub iterations: u64,
    /// Rollouts charged to the budget.
    pub rollouts: u64,
    /// Tokens that the search computed and generated, which are charged to a budget in tokens.
    pub tokens: SearchTokens,
    /// Rollouts of the test evaluations, which are not charged to the budget.
    pub test_rollouts: u64,
    /// Rollouts found in the journal's cache instead of being run.
    pub rollouts_reused: u64,
    /// Of `rollouts`, those in which a right answer was scored instead of an answer generated, to break ties.
    pub rollouts_scored: u64,
    /// Rollouts that the metric failed on.
    pub rollouts_unscored: u64,
    /// Requests to reflectors, repeated ones included.
    pub reflector_calls: u64,
    /// What became of the proposals.
    pub reflections: Tally,
    /// Candidates in the pool, the seed included.
    pub candidates: usize,
    /// Candidates in the pool that were validated in part.
    pub validated_in_part: usize,
    /// Merged candidates in the pool.
    pub merges: u64,
    /// Merged candidates that did not pass their gate.
    pub merges_rejected: u64,
    /// The second best candidate; None if only one candidate was validated in full.
    pub runner_up: Option<RunnerUp>,
    /// Tokens and seconds of the engine.
    pub engine: EngineSummary,
    /// Answers, tokens and seconds of each server; not written for a run without servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<ServerSummary>,
    /// Seconds by kind of work.
    pub seconds: Seconds,
    /// Main memory of the models and of the process that finished the run; not written for scripted models.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemorySummary>,
    /// Why the search ended.
    pub stopped_because: StopReason,
    /// The fully validated candidates for which no other one is at least as good in score and prompt tokens, and better in one of
    /// them. The shortest prompt stands first.
    pub frontier: Vec<FrontierPoint>,
    /// The best score on the validation examples over the rollouts charged, each time it rose; the seed first.
    pub curve: Vec<CurvePoint>,
    /// The pool, in order.
    pub pool: Vec<PoolEntry>,
}

/// Bytes of main memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemorySummary {
    /// What the memory plan gives to the models.
    pub planned: u64,
    /// The most that the process had, pages of mapped model files included; None where the system does not tell.
    pub peak: Option<u64>,
}

/// Tokens of the search: prompt tokens, of which a beginning that the prompts of a list of requests share is counted once, and
/// generated tokens. A run that was interrupted and resumed has the same numbers as one that was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SearchTokens {
    /// Rollouts, with the requests of the metric to a judge.
    pub task: u64,
    /// Reflections.
    pub reflection: u64,
}

/// Tokens and seconds of the engine, test evaluations included.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EngineSummary {
    /// Prompt tokens computed.
    pub prefill_tokens: u64,
    /// Prompt tokens that would be computed if each wave computed a shared beginning of its prompts once.
    pub unique_prefill_tokens: u64,
    /// Prompt tokens that were already computed for another request.
    pub reused_tokens: u64,
    /// Generated tokens, reasoning included.
    pub decode_tokens: u64,
    /// Generated tokens of reasoning; not written if 0.
    #[serde(skip_serializing_if = "crate::engine::is_zero")]
    pub reasoning_tokens: u64,
    /// Seconds by the kind of request.
    pub seconds: RoleSeconds,
}

/// Seconds in the engine by the kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RoleSeconds {
    /// Rollouts of the search.
    pub task: f64,
    /// Reflections.
    pub reflection: f64,
    /// Requests of the metric to a judge, in the search.
    pub judge: f64,
    /// Test evaluations, requests to a judge included.
    pub test: f64,
}

/// Seconds of a run by kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Seconds {
    /// The search, over all processes that worked on it. `test` is not part of it.
    pub total: f64,
    /// The engine, in the search.
    pub engine: f64,
    /// The metric, in the search.
    pub metric: f64,
    /// The rest of the search.
    pub optimizer: f64,
    /// The test evaluations of the seed and the best candidate.
    pub test: f64,
}

/// The second best candidate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunnerUp {
    /// The candidate's pool index.
    pub candidate: PoolIndex,
    /// The candidate's score on the validation examples.
    pub score: f64,
    /// The 95% confidence interval of the mean difference, best less second best, over the validation examples.
    pub difference_95: Option<Interval>,
}

/// A rise of the best score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurvePoint {
    /// Rollouts charged to the budget when the candidate joined the pool.
    pub rollouts: u64,
    /// The candidate's mean score on all validation examples.
    pub score: f64,
}

/// A candidate of the pool.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PoolEntry {
    /// The candidate's pool index.
    pub candidate: PoolIndex,
    /// The pool indices of its parents; empty for the seed.
    pub parents: Vec<PoolIndex>,
    /// The mean score on the validation examples that it was run on.
    pub score: f64,
    /// The number of these examples. A candidate that was not run on all of them cannot be selected as the best.
    pub validated: usize,
    /// Tokens of its instructions and demonstrations.
    pub prompt_tokens: usize,
    /// The number of demonstrations in its prompts.
    pub worked_examples: usize,
    /// The number of its modules whose layout is not the plan's.
    pub own_layouts: usize,
    /// Rollouts charged to the budget when it joined the pool.
    pub rollouts: u64,
}

impl Summary {
    /// Returns whether no candidate but the seed was evaluated and no proposal was attempted.
    #[must_use]
    pub fn is_untried(&self) -> bool {
        self.candidates == 1 && self.reflections.proposed == 0 && self.reflections.unusable.is_empty()
    }
}

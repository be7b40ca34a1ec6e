//! The history of a run: its candidates, its iterations, and their rollouts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::iteration::Iteration;
use super::rollouts::{CandidateRollouts, SeenExample};
use crate::data::split::Split;
use crate::engine::Message;
use crate::evaluate::ranking::ranked;
use crate::event::{Origin, StopReason};
use crate::program::PoolIndex;
use crate::report::frontier::{FrontierPoint, frontier};
use crate::report::servers::ServerSummary;
use crate::report::spending::Spending;
use crate::report::summary::MemorySummary;
use crate::report::texts::Texts;

/// Everything that a run directory has about a run, whether it is finished or not.
#[derive(Debug, Default)]
pub struct History {
    /// The fingerprint that the run began with.
    pub fingerprint: BTreeMap<String, String>,
    /// The candidates of the pool, in order.
    pub members: Vec<PoolCandidate>,
    /// The iterations, in order.
    pub iterations: Vec<Iteration>,
    /// The rollouts of every candidate that was run, whether it joined the pool or not, in the order of its first rollout.
    pub runs: Vec<CandidateRollouts>,
    /// The examples that were run, by [`split_index`], in the order of their first rollout. For validation examples this is
    /// their order in the data.
    pub examples: [Vec<SeenExample>; 3],
    /// The table of the long texts that the other fields refer to.
    pub texts: Texts,
    /// The tokens and seconds that the run has used.
    pub spending: Spending,
    /// What each server answered. Empty for a run without servers.
    pub servers: Vec<ServerSummary>,
    /// The number of rollouts charged to the budget.
    pub rollouts: u64,
    /// What the run wrote about itself at its end. None while it continues, and where it was interrupted.
    pub end: Option<RunEnd>,
    /// The name of each module, with the chat that the best candidate sends; `{field}` stands for a field's text. Empty before
    /// the end of the run.
    pub sent: Vec<(String, Vec<Message>)>,
    /// The mean score of single answers after each trial, of an optimizer that attempts examples again.
    pub trials: Vec<f64>,
    /// Warnings to readers, such as that a file of the run directory cannot be read.
    pub warnings: Vec<String>,
}

/// A candidate of the pool.
#[derive(Debug, Clone, Serialize)]
pub struct PoolCandidate {
    /// The number of the iteration in which it joined; 0 for the seed.
    pub iteration: u64,
    /// The pool indices of its parents.
    pub parents: Vec<PoolIndex>,
    /// The pool index of its parents' common ancestor. None where it was not merged.
    pub ancestor: Option<PoolIndex>,
    /// The number of its proposal within its iteration, from 1; 0 where it was not proposed in it.
    pub proposal: usize,
    /// The name of each module that its proposal changed, with the operator or step that changed it.
    pub operators: Vec<(String, Origin)>,
    /// The name of every module in program order, with its instruction.
    pub instructions: Vec<(String, String)>,
    /// The name of each module that has demonstrations, with the ids of their examples.
    pub demonstrations: Vec<(String, Vec<String>)>,
    /// The names of the modules that reason before they answer.
    pub reasoning: Vec<String>,
    /// The number of tokens of all instructions and demonstrations.
    pub prompt_tokens: usize,
    /// The mean score on the validation examples that it was scored on.
    pub mean: f64,
    /// The score on each validation example. None where it was not run on the example, or the metric failed.
    pub scores: Vec<Option<f64>>,
    /// The mean of each objective, by its name.
    pub objectives: BTreeMap<String, f64>,
    /// Whether it was run on all validation examples.
    pub complete: bool,
    /// Why its validation ended early, as a clause. None where it did not.
    pub given_up: Option<String>,
    /// The number of rollouts charged to the budget when it joined.
    pub spent: u64,
    /// The seconds of work of the search when it joined.
    pub elapsed: f64,
    /// Its key, under which the journal stores its rollouts.
    pub key: String,
    /// The index of its rollouts in [`History::runs`].
    pub run: Option<usize>,
}

/// What `summary.json` has about a finished run, and the journal has not.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RunEnd {
    /// What the run achieved, as a sentence.
    pub outcome: String,
    /// Further notes to the user.
    pub notes: Vec<String>,
    /// Why the search ended.
    pub stopped_because: StopReason,
    /// The number of rollouts charged to the budget.
    pub(super) rollouts: u64,
    /// The number of candidates in the pool.
    pub(super) candidates: usize,
    /// Main memory of the models and of the process that finished the run. None for scripted models and servers.
    #[serde(default)]
    pub memory: Option<MemorySummary>,
}

/// Returns the index of a split in [`History::examples`]: 0 for training, 1 for validation, 2 for test examples.
#[must_use]
pub fn split_index(split: Split) -> usize {
    match split {
        Split::Train => 0,
        Split::Val => 1,
        Split::Test => 2,
    }
}

impl History {
    /// Returns the pool index of the best candidate so far. None before any candidate was validated in full.
    #[must_use]
    pub fn best(&self) -> Option<PoolIndex> {
        self.ranking().first().copied()
    }

    /// Returns the pool indices of the candidates that were validated in full, the best first, in the order of
    /// [`ranked`](crate::evaluate::ranking::ranked).
    #[must_use]
    pub fn ranking(&self) -> Vec<PoolIndex> {
        let standings = self.members.iter().map(|member| member.complete.then_some((member.mean, member.prompt_tokens)));
        ranked(standings)
    }

    /// Returns the frontier of the candidates that were validated in full so far.
    #[must_use]
    pub fn frontier(&self) -> Vec<FrontierPoint> {
        let point = |(index, member): (usize, &PoolCandidate)| {
            let candidate = PoolIndex(index);
            member.complete.then_some(FrontierPoint { prompt_tokens: member.prompt_tokens, score: member.mean, candidate })
        };
        frontier(&self.members.iter().enumerate().filter_map(point).collect::<Vec<_>>())
    }

    /// Returns the scores of a candidate on a split, by the example's id. A score is None where the metric failed. On validation
    /// examples these are the scores that the optimizer used; elsewhere the first rollout on an example counts. Empty where the
    /// pool has no such candidate.
    #[must_use]
    pub fn scores(&self, pool_index: PoolIndex, split: Split) -> BTreeMap<&str, Option<f64>> {
        let Some(member) = self.members.get(pool_index.0) else { return BTreeMap::new() };
        let examples = &self.examples[split_index(split)];
        if split == Split::Val {
            let scored = examples.iter().zip(&member.scores).filter(|(_, score)| score.is_some());
            return scored.map(|(example, score)| (example.id.as_str(), *score)).collect();
        }
        let mut scores = BTreeMap::new();
        let rollouts = member.run.and_then(|run| self.runs.get(run)).map_or(&[][..], |run| &run.rollouts);
        for scored in rollouts.iter().filter(|scored| scored.split == split) {
            scores.entry(examples[scored.example].id.as_str()).or_insert(scored.score);
        }
        scores
    }
}

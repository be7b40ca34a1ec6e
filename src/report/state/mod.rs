//! The state of a run, as its events describe it.
//!
//! [`RunState::apply`] updates the state by one event after the other. It uses no clock, no file and no terminal. The terminal
//! view, the plain progress lines, the summary and the report all take their figures from here.

mod activity;
mod proposal_names;
mod request_progress;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use self::activity::Activity;
pub use self::proposal_names::ProposalNames;
pub use self::request_progress::{RequestProgress, TokenRates};
use super::tally::Tally;
use crate::event::{Decision, Event, Lifecycle, StopReason};
use crate::program::PoolIndex;

/// What is known about a run from the events so far.
#[derive(Debug, Clone, Default)]
pub struct RunState {
    /// The run directory. None where there is no run, as while `gepard eval` scores a candidate.
    pub run: Option<PathBuf>,
    /// The most rollouts that the search may charge. None where they are not limited, or not known.
    pub most_rollouts: Option<u64>,
    /// The most seconds that the search may take. None where they are not limited, or not known.
    pub most_seconds: Option<u64>,
    /// The most tokens that the search may compute and generate. None where they are not limited, or not known.
    pub most_tokens: Option<u64>,
    /// Whether test evaluations follow the search.
    pub has_test: bool,
    /// Whether the events repeat what the journal holds.
    pub is_replaying: bool,
    /// The number of rollouts charged to the budget.
    pub spent: u64,
    /// The number of tokens that the search has computed and generated, up to the last wave or reflection that ended.
    pub tokens: u64,
    /// The seconds of work of the search, up to the last wave or reflection that ended.
    pub elapsed: f64,
    /// What the run is doing. None before anything has begun.
    pub activity: Option<Activity>,
    /// The progress of the engine since the activity began, or since the last wave or reflection ended if that is later.
    pub requests: RequestProgress,
    /// The number of requests under way at each server that has some, by its URL, at the last report of the engine.
    pub under_way: BTreeMap<String, usize>,
    /// The tokens per second of the last list of requests. None before there was one.
    pub rates: Option<TokenRates>,
    /// The number of candidates in the pool.
    pub candidates: usize,
    /// The best validation means so far, in rising order, each with the rollouts charged when it was reached.
    pub improvements: Vec<Improvement>,
    /// The candidate that joined the pool last. None before the seed joined.
    pub last_joined: Option<JoinedCandidate>,
    /// Why the search ended. None while it continues.
    pub stopped: Option<StopReason>,
    /// The names of the current iteration's proposals.
    pub proposals: ProposalNames,
    /// Counts of what became of the proposals.
    pub tally: Tally,
}

/// A rise of the best validation mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Improvement {
    /// The number of rollouts charged to the budget when the candidate joined the pool.
    pub spent: u64,
    /// The candidate's mean score on all validation examples.
    pub mean: f64,
}

/// A candidate that joined the pool.
#[derive(Debug, Clone, PartialEq)]
pub struct JoinedCandidate {
    /// Its pool index.
    pub pool_index: PoolIndex,
    /// Where it comes from: "seed", "merge", or the name of its proposal.
    pub source: String,
    /// Its mean score on the validation examples that it was scored on.
    pub mean: f64,
    /// Whether it was run on all validation examples.
    pub is_complete: bool,
    /// Its mean minus the best mean before it joined. None for the seed and for a partially validated candidate, whose mean is
    /// of other examples.
    pub gain: Option<f64>,
    /// Whether its mean is the best so far.
    pub is_best: bool,
}

impl RunState {
    /// Updates the state by the next event.
    pub fn apply(&mut self, event: &Event) {
        if let Some(activity) = Activity::begun_by(event) {
            self.activity = Some(activity);
            self.requests = RequestProgress::default();
        }
        match event {
            Event::Decision(decision) => self.apply_decision(decision),
            Event::Lifecycle(event) => self.apply_lifecycle(event),
        }
    }

    /// Updates the state by a decision. The tally counts every decision.
    pub(super) fn apply_decision(&mut self, decision: &Decision) {
        self.tally.record(decision);
        self.proposals.record(decision);
        if let Decision::Accepted { candidate, parents, proposal, mean, complete, spent, .. } = decision {
            let best_before = self.best();
            let is_best = *complete && best_before.is_none_or(|best| *mean > best);
            if is_best {
                self.improvements.push(Improvement { spent: *spent, mean: *mean });
            }
            let source = match parents.as_slice() {
                [] => "seed",
                [_] => self.proposals.name(*proposal),
                _ => "merge",
            };
            self.candidates = candidate.0 + 1;
            self.last_joined = Some(JoinedCandidate {
                pool_index: *candidate,
                source: source.to_owned(),
                mean: *mean,
                is_complete: *complete,
                gain: best_before.filter(|_| *complete).map(|best| mean - best),
                is_best,
            });
        }
    }

    fn apply_lifecycle(&mut self, event: &Lifecycle) {
        match event {
            Lifecycle::Started { run, examples: [.., test], most_rollouts, most_seconds, most_tokens, .. } => {
                self.run = Some(run.clone());
                self.has_test = *test > 0;
                (self.most_rollouts, self.most_seconds, self.most_tokens) = (*most_rollouts, *most_seconds, *most_tokens);
            }
            Lifecycle::Resumed { .. } => self.is_replaying = true,
            Lifecycle::CaughtUp | Lifecycle::Tested { .. } => self.is_replaying = false,
            Lifecycle::Progress { done, of, seconds, under_way } => {
                self.under_way.clone_from(under_way);
                self.rates = TokenRates::new(*done, *seconds).or(self.rates);
                self.requests.update(*done, *of, *seconds);
            }
            Lifecycle::Evaluated { mean, spent, tokens, elapsed, .. } => {
                (self.spent, self.tokens, self.elapsed) = (*spent, *tokens, *elapsed);
                self.requests = RequestProgress::default();
                self.under_way.clear();
                self.tally.record_mean(*mean);
            }
            Lifecycle::Reflected { tokens, elapsed } => {
                (self.tokens, self.elapsed) = (*tokens, *elapsed);
                self.requests = RequestProgress::default();
                self.under_way.clear();
            }
            Lifecycle::Stopped { reason } => {
                self.is_replaying = false;
                self.stopped = Some(*reason);
            }
            Lifecycle::Preparing { .. }
            | Lifecycle::Indexing { .. }
            | Lifecycle::ModelsLoaded { .. }
            | Lifecycle::ModelMeasured { .. }
            | Lifecycle::Evaluating { .. }
            | Lifecycle::Noted { .. }
            | Lifecycle::ServerOut { .. }
            | Lifecycle::ServerBack { .. }
            | Lifecycle::Predicting { .. }
            | Lifecycle::Unscored { .. } => {}
        }
    }

    /// Returns the best mean on all validation examples. None before the seed joined the pool.
    #[must_use]
    pub fn best(&self) -> Option<f64> {
        self.improvements.last().map(|improvement| improvement.mean)
    }

    /// Returns the seconds of work of the search, those of the engine in the wave or reflection under way included.
    #[must_use]
    pub fn elapsed_now(&self) -> f64 {
        self.elapsed + self.requests.seconds()
    }

    /// Returns the seconds until the budget is spent, at the pace so far. With several limits it is the one that is reached first.
    /// None without a limit, after the search ended, and if nothing was spent yet and time is not limited.
    #[must_use]
    pub fn seconds_left(&self) -> Option<f64> {
        let elapsed = self.elapsed_now();
        let at_pace = |most: Option<u64>, spent: u64| {
            most.filter(|_| spent > 0).map(|most| elapsed * most.saturating_sub(spent) as f64 / spent as f64)
        };
        let by_spending = at_pace(self.most_rollouts, self.spent).into_iter().chain(at_pace(self.most_tokens, self.tokens));
        let by_time = self.most_seconds.map(|most| (most as f64 - elapsed).max(0.0));
        by_spending.chain(by_time).reduce(f64::min).filter(|_| self.stopped.is_none())
    }

    /// Returns the spent share of the budget, in [0, 1]. With several limits it is the largest share.
    #[must_use]
    pub fn spent_share(&self) -> f64 {
        let rollouts = share(self.spent as f64, self.most_rollouts);
        let tokens = share(self.tokens as f64, self.most_tokens);
        rollouts.max(tokens).max(share(self.elapsed, self.most_seconds)).clamp(0.0, 1.0)
    }

    /// Whether the budget limits tokens, and the spent share of the tokens is at least that of the rollouts. Time is not
    /// compared.
    #[must_use]
    pub fn are_tokens_nearer(&self) -> bool {
        self.most_tokens.is_some() && share(self.tokens as f64, self.most_tokens) >= share(self.spent as f64, self.most_rollouts)
    }
}

/// Returns which share of a limit is spent. 0 where there is no limit.
fn share(spent: f64, most: Option<u64>) -> f64 {
    most.filter(|most| *most > 0).map_or(0.0, |most| spent / most as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::EngineProgress;

    #[test]
    fn the_limit_that_is_reached_first_decides_how_much_is_left() {
        let left = |spent, elapsed, most_rollouts, most_seconds| {
            RunState { spent, elapsed, most_rollouts, most_seconds, ..RunState::default() }.seconds_left()
        };
        assert_eq!(left(0, 5.0, Some(100), None), None);
        assert_eq!(left(50, 60.0, Some(100), None), Some(60.0));
        assert_eq!(left(50, 60.0, Some(100), Some(90)), Some(30.0));
        assert_eq!(left(50, 100.0, None, Some(90)), Some(0.0));
        let in_tokens = RunState { tokens: 250, most_tokens: Some(1000), ..RunState::default() };
        let in_both = RunState { spent: 50, elapsed: 60.0, most_rollouts: Some(100), ..in_tokens.clone() };
        assert_eq!((in_both.seconds_left(), in_both.spent_share(), in_both.are_tokens_nearer()), (Some(60.0), 0.5, false));
        let in_tokens = RunState { elapsed: 60.0, ..in_tokens };
        assert_eq!((in_tokens.seconds_left(), in_tokens.spent_share(), in_tokens.are_tokens_nearer()), (Some(180.0), 0.25, true));
    }

    #[test]
    fn the_seconds_of_a_wave_do_not_fall_when_its_next_list_of_requests_begins() {
        let mut state = RunState { elapsed: 10.0, ..RunState::default() };
        let mut elapsed_after = |answered, seconds| {
            let done = EngineProgress { answered, ..EngineProgress::default() };
            state.apply(&Lifecycle::Progress { done, of: 32, seconds, under_way: BTreeMap::new() }.into());
            state.elapsed_now()
        };
        assert_eq!([elapsed_after(32, 6.0), elapsed_after(0, 0.5), elapsed_after(8, 2.0)], [16.0, 16.5, 18.0]);
        state.apply(&Lifecycle::Reflected { tokens: 5, elapsed: 19.0 }.into());
        assert_eq!(state.elapsed_now(), 19.0);
    }

    #[test]
    fn events_between_resumed_and_caught_up_are_a_replay() {
        let mut state = RunState::default();
        let mut is_replaying = |event: Lifecycle| {
            state.apply(&event.into());
            state.is_replaying
        };
        assert!(is_replaying(Lifecycle::Resumed { records: 3, seconds: 1.0 }));
        assert!(is_replaying(Lifecycle::Reflected { tokens: 5, elapsed: 1.0 }));
        assert!(!is_replaying(Lifecycle::CaughtUp));
    }
}

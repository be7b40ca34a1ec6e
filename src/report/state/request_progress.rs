//! The progress of the engine on the lists of requests of one activity.

use std::time::Duration;

use crate::engine::EngineProgress;

/// The time without a new token after which the engine counts as stalled.
const STALLED: Duration = Duration::from_secs(30);

/// The progress of the engine since an activity began, over all its lists of requests.
#[derive(Debug, Clone, Default)]
pub struct RequestProgress {
    /// The number of requests in the lists that are complete.
    complete: usize,
    /// The list under way. None before the engine has reported progress.
    current: Option<RequestList>,
}

/// A list of requests that the engine is working on.
#[derive(Debug, Clone)]
struct RequestList {
    /// The number of requests in the list.
    length: usize,
    /// What the engine has done so far.
    done: EngineProgress,
    /// The seconds since the list began.
    seconds: f64,
    /// The seconds from the list's beginning to the last time at which `done` changed.
    changed_at: f64,
}

impl RequestProgress {
    /// Takes a report of the engine: what it has done of a list of `length` requests, `seconds` after the list began.
    pub fn update(&mut self, done: EngineProgress, length: usize, seconds: f64) {
        let changed_at = match &self.current {
            Some(last) if done == last.done && last.changed_at <= seconds => last.changed_at,
            None if done == EngineProgress::default() => 0.0,
            _ => seconds,
        };
        if let Some(last) = &self.current
            && (done.answered < last.done.answered || seconds < last.seconds)
        {
            // Another list has begun.
            self.complete += last.length;
        }
        self.current = Some(RequestList { length, done, seconds, changed_at });
    }

    /// Returns the number of answered requests. None before the engine has reported progress.
    #[must_use]
    pub fn answered(&self) -> Option<usize> {
        self.current.as_ref().map(|list| self.complete + list.done.answered)
    }

    /// Returns the seconds since the list of requests under way began; 0 where there is none.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.current.as_ref().map_or(0.0, |list| list.seconds)
    }

    /// Returns the seconds since the engine last computed a token. None where they are fewer than 30.
    #[must_use]
    pub fn stalled_seconds(&self) -> Option<f64> {
        let seconds = self.current.as_ref().map(|list| list.seconds - list.changed_at)?;
        (seconds >= STALLED.as_secs_f64()).then_some(seconds)
    }
}

/// Tokens per second of a list of requests.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TokenRates {
    /// Prompt tokens computed per second.
    pub prefilled: f64,
    /// Answer tokens generated per second.
    pub decoded: f64,
}

impl TokenRates {
    /// Returns the rates of what the engine has done in `seconds`. None where no time has passed.
    #[must_use]
    pub fn new(done: EngineProgress, seconds: f64) -> Option<Self> {
        let rate = |tokens: u64| tokens as f64 / seconds;
        (seconds > 0.0).then(|| Self { prefilled: rate(done.prefilled), decoded: rate(done.decoded) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_over_lists() {
        let mut progress = RequestProgress::default();
        let mut answered_after = |answered, length, seconds| {
            progress.update(EngineProgress { answered, ..EngineProgress::default() }, length, seconds);
            progress.answered()
        };
        let reports = [(0, 32, 1.0), (20, 32, 4.0), (0, 32, 0.5), (31, 32, 5.0), (2, 8, 0.9)];
        let counts = reports.map(|(answered, length, seconds)| answered_after(answered, length, seconds));
        assert_eq!(counts, [0, 20, 32, 63, 66].map(Some));
    }

    #[test]
    fn a_list_whose_tokens_grow_is_not_stalled() {
        let mut progress = RequestProgress::default();
        let mut stalled_at = |prefilled, seconds| {
            progress.update(EngineProgress { prefilled, ..EngineProgress::default() }, 4, seconds);
            progress.stalled_seconds()
        };
        let stalled = [stalled_at(1, 2.0), stalled_at(1, 20.0), stalled_at(1, 40.0), stalled_at(2, 41.0), stalled_at(2, 1.0)];
        assert_eq!(stalled, [None, None, Some(38.0), None, None]);
    }
}

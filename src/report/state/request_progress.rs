//! The progress of the engine on several lists of requests, one after the other.

use std::time::Duration;

use crate::engine::EngineProgress;

/// The time without new work after which the engine counts as stalled.
const STALLED: Duration = Duration::from_secs(30);

/// The progress of the engine over all lists of requests since this value was created.
#[derive(Debug, Clone, Default)]
pub struct RequestProgress {
    /// The number of requests in the lists that are complete.
    complete: usize,
    /// The seconds that these lists took.
    complete_seconds: f64,
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
            self.complete_seconds += last.seconds;
        }
        self.current = Some(RequestList { length, done, seconds, changed_at });
    }

    /// Returns the number of requests answered since this value was created, over all lists. None before the engine has reported
    /// progress.
    #[must_use]
    pub fn answered(&self) -> Option<usize> {
        self.current.as_ref().map(|list| self.complete + list.done.answered)
    }

    /// Returns the seconds that all lists of requests have taken since this value was created. It is 0 before the engine has
    /// reported progress.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.complete_seconds + self.current.as_ref().map_or(0.0, |list| list.seconds)
    }

    /// Returns the seconds from the last report of the engine that showed new work to its last report. None if they are fewer
    /// than 30, or before the engine has reported progress.
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
    fn seconds_are_added_up_over_lists() {
        let mut progress = RequestProgress::default();
        let mut seconds_after = |answered, seconds| {
            progress.update(EngineProgress { answered, ..EngineProgress::default() }, 32, seconds);
            progress.seconds()
        };
        assert_eq!(
            [seconds_after(20, 4.0), seconds_after(32, 6.0), seconds_after(0, 0.5), seconds_after(9, 2.0)],
            [4.0, 6.0, 6.5, 8.0]
        );
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

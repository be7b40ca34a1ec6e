//! How many requests a server has at the same time.

use std::time::Duration;

/// The number of requests that a new server has at the same time.
const FIRST: usize = 8;

/// The largest number that is found by raising it.
const MOST: usize = 256;

/// The factor by which the throughput must grow for the number to be raised again.
const GROWTH: f64 = 1.05;

/// The most requests that a server has at the same time. Unless it is fixed, it is doubled while that makes the throughput grow.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    now: usize,
    /// The number before the last rise.
    before: usize,
    /// The number is not raised any more.
    is_settled: bool,
    /// The best throughput so far, in answers per second.
    best: f64,
    /// Answers since the time was last read.
    answers: usize,
    /// Whether the server has had as many requests as it may since then.
    was_full: bool,
}

impl Limit {
    /// Creates the limit of a server; None: it is found.
    pub(super) fn new(fixed: Option<usize>) -> Self {
        let now = fixed.unwrap_or(FIRST);
        Self { now, before: now, is_settled: fixed.is_some(), best: 0.0, answers: 0, was_full: false }
    }

    /// Returns the most requests at the same time.
    pub(super) fn now(&self) -> usize {
        self.now
    }

    /// Notes that the server has as many requests as it may.
    pub(super) fn fill(&mut self) {
        self.was_full = true;
    }

    /// Begins to count answers anew, because a new list of requests begins.
    pub(super) fn restart(&mut self) {
        (self.answers, self.was_full) = (0, false);
    }

    /// Counts an answer. `elapsed` is the time since counting began. Returns whether counting begins anew.
    pub(super) fn answered(&mut self, elapsed: Duration) -> bool {
        self.answers += 1;
        if self.is_settled || self.answers < 2 * self.now {
            return false;
        }
        let rate = self.answers as f64 / elapsed.as_secs_f64().max(1e-6);
        if !self.was_full {
            // The list of requests was too short to tell.
        } else if rate < GROWTH * self.best {
            (self.now, self.is_settled) = (self.before, true);
        } else if self.now == MOST {
            self.is_settled = true;
        } else {
            (self.best, self.before, self.now) = (rate, self.now, (2 * self.now).min(MOST));
        }
        self.restart();
        true
    }

    /// Halves the number for good, because the server said that it has too much to do.
    pub(super) fn shrink(&mut self) {
        (self.now, self.is_settled) = ((self.now / 2).max(1), true);
    }
}

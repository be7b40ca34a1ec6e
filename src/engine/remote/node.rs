//! One server of a model: whether it answers, how busy it is, and how fast.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::limit::Limit;

/// The number of prompt beginnings that a server is taken to hold in its cache.
const HELD: usize = 32;

/// The weight of the newest answer in the mean of a server's slowness.
const NEWEST: f64 = 0.3;

/// What a server has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Requests that it answered.
    pub(super) answers: u64,
    /// Requests that it did not answer.
    pub(super) failures: u64,
}

/// Whether a server gets requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// It does.
    In,
    /// It asked to be left alone until then.
    Paused(Instant),
    /// It does not answer. It is asked again whether it is there at that time.
    Out {
        /// When it is asked again.
        until: Instant,
        /// How often it was asked in vain.
        tries: u32,
        /// Why it is out.
        cause: String,
        /// Whether it is being asked now.
        is_asked: bool,
    },
}

/// A server.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) url: String,
    pub(super) state: State,
    /// Requests that it has now.
    pub(super) in_flight: usize,
    pub(super) limit: Limit,
    /// The time of an answer, in units of the mean time of all servers. None before its first answer.
    pub(super) slowness: Option<f64>,
    /// Failures since its last answer.
    pub(super) failures: u32,
    /// Prompt beginnings that it had last, the newest at the end.
    held: VecDeque<u64>,
    /// When counting answers for the limit began.
    pub(super) counting_since: Instant,
    pub(super) totals: Totals,
}

impl Node {
    /// Creates a server that gets requests.
    pub(super) fn new(url: String, limit: Limit, now: Instant) -> Self {
        Self {
            url,
            state: State::In,
            in_flight: 0,
            limit,
            slowness: None,
            failures: 0,
            held: VecDeque::new(),
            counting_since: now,
            totals: Totals::default(),
        }
    }

    /// Whether it gets requests at `now`.
    pub(super) fn is_in(&self, now: Instant) -> bool {
        match self.state {
            State::In => true,
            State::Paused(until) => until <= now,
            State::Out { .. } => false,
        }
    }

    /// Whether it can take one more request at `now`.
    pub(super) fn has_room(&self, now: Instant) -> bool {
        self.is_in(now) && self.in_flight < self.limit.now()
    }

    /// Whether it had a prompt with this beginning.
    pub(super) fn holds(&self, beginning: u64) -> bool {
        self.held.contains(&beginning)
    }

    /// Returns the prompt beginnings that it had last, the newest first.
    pub(super) fn held(&self) -> impl Iterator<Item = u64> {
        self.held.iter().rev().copied()
    }

    /// Notes that it gets a request whose prompt has this beginning.
    pub(super) fn take(&mut self, beginning: u64) {
        self.state = State::In;
        self.in_flight += 1;
        if self.in_flight == self.limit.now() {
            self.limit.fill();
        }
        self.held.retain(|held| *held != beginning);
        self.held.push_back(beginning);
        if self.held.len() > HELD {
            self.held.pop_front();
        }
    }

    /// Notes an answer that took `relative` times as long as the mean of all servers.
    pub(super) fn answered(&mut self, relative: f64, now: Instant) {
        self.in_flight -= 1;
        self.failures = 0;
        self.totals.answers += 1;
        self.slowness = Some(self.slowness.map_or(relative, |mean| mean + NEWEST * (relative - mean)));
        if self.limit.answered(now.duration_since(self.counting_since)) {
            self.counting_since = now;
        }
    }

    /// Notes that a request failed.
    pub(super) fn failed(&mut self) {
        self.in_flight -= 1;
        self.failures += 1;
        self.totals.failures += 1;
    }

    /// Leaves it alone for a time, and gives it fewer requests from then on.
    pub(super) fn pause(&mut self, wait: Duration, now: Instant) {
        // Of several requests that are refused together, only the first counts.
        if self.is_in(now) {
            self.limit.shrink();
            self.state = State::Paused(now + wait);
        }
    }

    /// Leaves it out until it answers again.
    pub(super) fn leave_out(&mut self, cause: String, wait: Duration, now: Instant) {
        if !matches!(self.state, State::Out { .. }) {
            self.state = State::Out { until: now + wait, tries: 0, cause, is_asked: false };
        }
    }

    /// Begins a new list of requests. A slow server is slowly forgiven, so that it is tried again some time.
    pub(super) fn restart(&mut self, now: Instant) {
        self.in_flight = 0;
        self.limit.restart();
        self.counting_since = now;
        self.slowness = self.slowness.map(|slowness| slowness.powf(0.98));
        if let State::Out { tries, is_asked, .. } = &mut self.state {
            (*tries, *is_asked) = (0, false);
        }
    }
}

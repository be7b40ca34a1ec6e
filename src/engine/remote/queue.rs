//! The requests that wait for a server, by the beginning of their prompts.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

/// The requests of a list that wait.
pub(super) struct Queue {
    /// The beginning of each request's prompt.
    beginnings: Vec<u64>,
    /// The requests that can be sent, by beginning, in order.
    ready: BTreeMap<u64, VecDeque<usize>>,
    /// The number of requests in `ready`.
    count: usize,
    /// Requests that are sent again from a time on.
    later: Vec<(Instant, usize)>,
}

impl Queue {
    /// Creates a queue of all requests.
    pub(super) fn new(beginnings: &[u64]) -> Self {
        let mut queue = Self { beginnings: beginnings.to_vec(), ready: BTreeMap::new(), count: 0, later: Vec::new() };
        (0..beginnings.len()).for_each(|job| queue.push(job));
        queue
    }

    /// Adds a request behind those with the same beginning.
    pub(super) fn push(&mut self, job: usize) {
        self.ready.entry(self.beginnings[job]).or_default().push_back(job);
        self.count += 1;
    }

    /// Adds a request that can be sent from `at` on.
    pub(super) fn push_later(&mut self, job: usize, at: Instant) {
        self.later.push((at, job));
    }

    /// Moves the requests whose time has come to those that can be sent.
    pub(super) fn wake(&mut self, now: Instant) {
        let (due, later) = self.later.iter().partition::<Vec<_>, _>(|(at, _)| *at <= now);
        self.later = later;
        due.into_iter().for_each(|(_, job)| self.push(job));
    }

    /// Returns when the next request can be sent again. None if none waits for its time.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.later.iter().map(|(at, _)| *at).min()
    }

    /// Returns the number of requests that can be sent.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Whether a request with this beginning can be sent.
    pub(super) fn has(&self, beginning: u64) -> bool {
        self.ready.contains_key(&beginning)
    }

    /// Returns the prompt beginnings of the requests that can be sent, with their numbers.
    pub(super) fn beginnings(&self) -> impl Iterator<Item = (u64, usize)> {
        self.ready.iter().map(|(beginning, jobs)| (*beginning, jobs.len()))
    }

    /// Takes the first request with this beginning. None if there is none.
    pub(super) fn pop(&mut self, beginning: u64) -> Option<usize> {
        let jobs = self.ready.get_mut(&beginning)?;
        let job = jobs.pop_front();
        if jobs.is_empty() {
            self.ready.remove(&beginning);
        }
        self.count -= usize::from(job.is_some());
        job
    }
}

//! The servers of a model, and which of them gets the next request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::limit::Limit;
use super::node::{Node, State};
use super::queue::Queue;
use super::settings::Patience;
use crate::engine::server_changes::{ServerChange, ServerChanges};

/// The most prompt beginnings among which the next request is chosen, so that the choice takes no time.
const LOOKED_AT: usize = 16;

/// The servers of a model.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    pub(super) nodes: Vec<Node>,
    /// Where it is told that servers are left out and taken back.
    changes: Arc<ServerChanges>,
}

impl Pool {
    /// Creates a pool of servers that get requests. `concurrency` is the most requests that each has; None: it is found. Servers that
    /// are left out and taken back are added to `changes`.
    pub(super) fn new(urls: &[String], concurrency: Option<usize>, changes: Arc<ServerChanges>, now: Instant) -> Self {
        Self { nodes: urls.iter().map(|url| Node::new(url.clone(), Limit::new(concurrency), now)).collect(), changes }
    }

    /// Tells how many requests are under way at each server.
    pub(super) fn tell_under_way(&self) {
        let busy = self.nodes.iter().filter(|node| node.in_flight > 0);
        self.changes.set_under_way(busy.map(|node| (node.url.clone(), node.in_flight)).collect());
    }

    /// Leaves a server out until it answers again.
    pub(super) fn leave_out(&mut self, index: usize, cause: String, wait: Duration, now: Instant) {
        let node = &mut self.nodes[index];
        if !matches!(node.state, State::Out { .. }) {
            self.changes.add(ServerChange::Out { server: node.url.clone(), cause: cause.clone() });
        }
        node.leave_out(cause, wait, now);
    }

    /// Chooses a server with room, and a request for it. None if all servers have enough to do.
    ///
    /// A slow server only gets a request that the others would not finish before it: the time of an answer is at most twice that of
    /// the fastest server, and the time in which all servers work off what waits. Of the others, the one with the lowest share of
    /// its slots in use gets a request, and preferably one with a prompt beginning that it holds.
    pub(super) fn choose(&mut self, queue: &mut Queue, now: Instant) -> Option<(usize, usize)> {
        if queue.count() == 0 {
            return None;
        }
        let is_in: Vec<&Node> = self.nodes.iter().filter(|node| node.is_in(now)).collect();
        let fastest = is_in.iter().filter_map(|node| node.slowness).min_by(f64::total_cmp).unwrap_or(1.0);
        let slowness = |node: &Node| node.slowness.unwrap_or(fastest);
        let rate: f64 = is_in.iter().map(|node| node.limit.now() as f64 / slowness(node).max(1e-9)).sum();
        let longest = 2.0 * fastest + queue.count() as f64 / rate;
        let load = |node: &Node| node.in_flight as f64 / node.limit.now() as f64;
        let order = |a: &Node, b: &Node| load(a).total_cmp(&load(b)).then(slowness(a).total_cmp(&slowness(b)));
        let with_room = self.nodes.iter().enumerate().filter(|(_, node)| node.has_room(now) && slowness(node) <= longest);
        let (index, _) = with_room.min_by(|(_, a), (_, b)| order(a, b))?;
        let is_held = |beginning: u64| self.nodes.iter().any(|node| node.holds(beginning));
        let held = self.nodes[index].held().find(|beginning| queue.has(*beginning));
        let looked_at = || queue.beginnings().take(LOOKED_AT);
        let beginning = held
            .or_else(|| looked_at().find(|(beginning, _)| !is_held(*beginning)).map(|(beginning, _)| beginning))
            .or_else(|| looked_at().max_by_key(|(_, count)| *count).map(|(beginning, _)| beginning))?;
        let job = queue.pop(beginning)?;
        self.nodes[index].take(beginning);
        Some((index, job))
    }

    /// Returns a server that is out and whose time to be asked has come, and notes that it is asked. None if there is none.
    pub(super) fn ask_again(&mut self, now: Instant) -> Option<usize> {
        self.nodes.iter_mut().position(|node| match &mut node.state {
            State::Out { until, is_asked, .. } if !*is_asked && *until <= now => {
                *is_asked = true;
                true
            }
            _ => false,
        })
    }

    /// Notes what a server that was out says when it is asked whether it is there.
    pub(super) fn asked(&mut self, index: usize, said: Result<(), String>, patience: &Patience, now: Instant) {
        let node = &mut self.nodes[index];
        match (said, &mut node.state) {
            (Ok(()), state) => {
                if matches!(state, State::Out { .. }) {
                    self.changes.add(ServerChange::Back { server: node.url.clone() });
                }
                node.state = State::In;
                node.failures = 0;
            }
            (Err(new), State::Out { until, tries, cause, is_asked }) => {
                *tries += 1;
                (*until, *is_asked, *cause) = (now + patience.wait(*tries + 1), false, new);
            }
            (Err(cause), _) => self.leave_out(index, cause, patience.wait(1), now),
        }
    }

    /// Returns why no server answers, if all are out and were asked again often enough. None if there is hope.
    pub(super) fn dead(&self, patience: &Patience) -> Option<String> {
        let causes: Option<Vec<&str>> = self
            .nodes
            .iter()
            .map(|node| match &node.state {
                State::Out { tries, cause, .. } if *tries >= patience.revivals => Some(cause.as_str()),
                _ => None,
            })
            .collect();
        causes.map(|causes| causes.join("; "))
    }

    /// Returns the time until something may change without an answer: a pause ends, or a server is asked again.
    pub(super) fn next_wake(&self, now: Instant) -> Option<Duration> {
        let times = self.nodes.iter().filter_map(|node| match node.state {
            State::Paused(until) if until > now => Some(until),
            State::Out { until, is_asked: false, .. } => Some(until),
            _ => None,
        });
        times.min().map(|until| until.saturating_duration_since(now))
    }

    /// Begins a new list of requests.
    pub(super) fn restart(&mut self, now: Instant) {
        self.nodes.iter_mut().for_each(|node| node.restart(now));
    }
}

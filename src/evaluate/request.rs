//! A request for one rollout.

use crate::data::Example;
use crate::program::candidate::Candidate;

/// A candidate and the example that it is to be run on.
#[derive(Debug, Clone, Copy)]
pub struct RolloutRequest<'a> {
    /// The candidate.
    pub candidate: &'a Candidate,
    /// The candidate's key ([`Candidate::key`]).
    pub key: &'a str,
    /// The example.
    pub example: &'a Example,
    /// How the answers are drawn; None: at each module's own temperature.
    pub draw: Option<Draw>,
}

/// One of several draws of answers to the same input, at another temperature than the modules' own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// The temperature.
    pub temperature: f32,
    /// The position in its list of requests. It is a part of the seed, so that equal requests get different answers.
    pub number: usize,
}

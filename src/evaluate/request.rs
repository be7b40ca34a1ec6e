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
}

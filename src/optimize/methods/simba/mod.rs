//! SIMBA: stochastic introspective mini-batch ascent, an optimizer of the Python package `dspy`.
//!
//! A step answers a minibatch of training examples several times, at a high temperature and by candidates that are drawn by their
//! mean scores. The examples whose answers differ the most in score come first. From each a child is made. It has either advice
//! that a reflector writes from the best and the worst answer, or the best answer as a demonstration. All children are scored on
//! the same minibatch. At the end, winners of steps that are evenly spread over the search are validated.

mod bucket;
mod candidates;
mod rule;
mod search;
mod step;

pub use self::search::Simba;

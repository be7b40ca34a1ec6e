//! Infers a first task from a data file, for `gepard init --data`.

pub mod infer;
mod suitable;

pub use suitable::SuitableMetric;

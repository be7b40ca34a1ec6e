//! Infers a first task from a data file, for `gepard init --data`.

pub mod answer_length;
pub mod fields;
pub mod forms;
pub mod infer;
pub mod leak;
mod suitable;

pub use suitable::SuitableMetric;

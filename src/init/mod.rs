//! Infers a first task from a data file, for `gepard init --data`.

pub mod answer_field;
pub mod answer_length;
mod choices;
pub mod fields;
pub mod forms;
pub mod infer;
pub mod leak;
mod suitable;

pub use suitable::SuitableMetric;

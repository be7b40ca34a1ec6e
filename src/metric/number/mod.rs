//! The metric `number`, and the reading of numbers as people write them.

mod decimal;
mod latex;
mod metric;
mod read;
#[cfg(test)]
mod tests;

pub use metric::{Number, Tolerance};

//! The metric `set`: the F1 of the items of a list, in any order.

mod assignment;
mod metric;
mod read;

pub use metric::Set;

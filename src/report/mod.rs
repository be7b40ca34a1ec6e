//! What a run comes to: its summary, and the files that a user takes home.

pub mod export;
pub mod interval;
pub mod result;
pub mod summary;
pub mod tally;

pub use summary::Summary;

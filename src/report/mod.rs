//! What a run comes to: its summary, the files that a user takes home, a page to look at, and runs side by side.

pub mod agreement;
mod chronicle;
pub mod compare;
pub mod decision;
pub mod export;
pub mod history;
pub mod interval;
pub mod outcome;
pub mod page;
pub mod paired;
pub mod result;
pub mod spending;
pub mod summary;
pub mod tally;
pub mod texts;
mod trace;

pub use history::History;
pub use summary::Summary;

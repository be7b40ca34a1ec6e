//! Reads run directories and shows them: the HTML page, comparisons of runs, and exports of the best candidate.

pub mod agreement;
pub mod best;
pub mod compare;
pub mod export;
pub mod frontier;
pub mod history;
pub mod interval;
pub mod outcome;
pub mod page;
pub mod paired;
pub mod servers;
pub mod spending;
pub mod state;
pub mod summary;
pub mod tally;
pub mod texts;
mod trace;

pub use history::History;
pub use summary::Summary;

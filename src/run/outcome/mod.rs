//! What a finished run leaves: its summary, and the files that hold its result.

mod sentence;
mod summarize;
mod tested;
mod write;

pub(super) use summarize::summarize;
pub(super) use tested::{TestScores, Tested};
pub(super) use write::write;

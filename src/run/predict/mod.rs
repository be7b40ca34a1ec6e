//! Answers new rows with a candidate: reads a file, and writes it again with the program's outputs.
//!
//! Every sub-wave is appended to a journal in a folder beside the output file before the next one begins. When all rows are answered,
//! the output file is written as a whole and the folder is removed. So a command that was stopped goes on where it was, and ends with
//! the same file.

mod answer;
mod columns;
mod place;
mod rows;

pub use answer::{PredictRequest, PredictResult, predict};
pub use place::default_output;

//! Exports a candidate of a finished run in forms that other programs read.
//!
//! Only the run directory is read: `plan.toml` has the layout of the prompts, `best.json` the texts of the best candidate,
//! `pool.json` those of all. Every chat is rendered again
//! by the code that rendered it in the run, with a placeholder for the text of each field, and compared with the chat in
//! `best.json`. If they differ, nothing is exported, so an export is always the prompt that was measured.

mod choice;
mod deployed;
mod dspy;
mod error;
mod file;
mod format;
mod modelfile;
mod open;
mod plain;
mod request;

pub use choice::Choice;
pub use deployed::Deployed;
pub use error::ExportError;
pub use file::ExportFile;
pub use format::{Format, files};
pub use open::{candidate, open};

#[cfg(test)]
mod tests;

//! Steps and metrics of the user's own in any language: outside programs that keep running and answer calls, with one line of JSON
//! for each message and one for each answer.
//!
//! A pool starts a copy of the program for each call that overlaps others, at most as many as it has slots. A copy that ends, does
//! not answer in time or writes something else than JSON is ended. Its call fails with the end of its standard error, and the next
//! call starts a new copy.

mod command;
mod error;
mod pool;
mod worker;

pub use command::Command;
pub use error::CallError;
pub use pool::Pool;

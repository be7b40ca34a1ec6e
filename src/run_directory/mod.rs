//! The directory of a run: the names of its files, its lock, how files are written into it, and what can be wrong with it.

mod error;
pub mod files;
mod lock;

pub use error::RunDirectoryError;
pub use lock::{check_usable, claim};

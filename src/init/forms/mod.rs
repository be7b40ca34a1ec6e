//! Rows in the forms of other programs, which become rows with one field for each input and one for the answer.

mod annotation;
mod chat;
mod converted;
mod find;
mod preference;
mod promptfoo;
#[cfg(test)]
mod tests;

pub use converted::Converted;
pub use find::convert;

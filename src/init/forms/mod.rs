//! Rows in the forms of other programs, which become rows with one field for each input and one for the answer.

mod annotation;
mod chat;
mod converted;
mod preference;
mod promptfoo;
#[cfg(test)]
mod tests;

pub use converted::{Converted, convert};

//! Rows in the forms of other programs, which become rows with one field for each input and one for the answer.

mod annotation;
mod chat;
mod code;
mod converted;
mod evals;
mod find;
mod nested;
mod passages;
mod preference;
mod promptfoo;
mod squad;
#[cfg(test)]
mod tests;
mod tokens;

pub use converted::Converted;
pub use find::convert;
pub use nested::unfold;

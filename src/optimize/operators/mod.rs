//! Operators: the ways in which a module's text can be changed, one small step at a time.
//!
//! Some operators compute the new text from the training data alone; the others ask a reflector for a sentence, a paragraph or a
//! whole instruction. To add an operator: a variant of [`crate::config::Operator`], a file here with a unit struct that implements
//! [`TextOperator`], and a line in `implementation.rs`.

mod computed;
mod describe;
pub mod diagnosis;
mod drop;
mod edit;
mod evidence;
mod examples;
mod format;
mod hint;
mod implementation;
mod input;
mod layout;
mod nearest;
mod paper;
mod reason;
pub mod rewrite;
mod rollout_prompt;
mod rule;
mod shorten;
mod text_operator;

pub use self::computed::computed_text;
pub use self::evidence::Evidence;
pub use self::input::OperatorInput;
pub use self::text_operator::{Begun, Questions, ReadAnswers, TextOperator};
pub use crate::config::Operator;

#[cfg(test)]
mod tests;

//! What the methods that are made for a single prompt share.
//!
//! Such a method compares texts by their mean scores on a fixed part of the training examples. In a program of several modules it
//! changes one module after the other, each with an equal share of the budget. The best candidates are validated at the end.

mod fitness;
mod iteration;
mod method;
mod prompts;
mod search;
mod share;
mod trials;

pub use self::fitness::Fitness;
pub use self::iteration::{Iteration, ProposedText, TextQuestion};
pub use self::method::SinglePromptMethod;
pub use self::prompts::{paraphrase_prompt, task_sentence};
pub use self::search::SinglePromptSearch;

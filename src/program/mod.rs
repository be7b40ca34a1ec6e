//! Programs: modules, the steps between them, candidate texts, prompts, and rollouts.

pub mod black_box;
pub mod call;
pub mod candidate;
pub mod flow;
mod index;
pub mod language;
pub mod layout;
pub mod lockstep;
pub mod module;
pub mod parse;
pub mod placeholder;
pub mod render;
pub mod runnable;
mod similarity;
pub mod structure;
#[cfg(test)]
pub(crate) mod tests_support;
pub mod tools;
pub mod trace;

pub use black_box::BlackBox;
pub use candidate::{Candidate, Demonstration, ModuleText};
pub use flow::{Condition, Control, Flow, Next, Op};
pub use index::{ModuleIndex, PoolIndex};
pub use layout::Layout;
pub use lockstep::{Job, MOST_STEPS};
pub use module::Module;
pub use render::Prompt;
pub use runnable::Runnable;
pub use structure::Program;
pub use tools::Tool;
pub use trace::{Rollout, Step};

//! The search for a better candidate: the optimizers, and what they share.

pub mod bootstrap;
pub mod idle;
pub mod joining;
pub mod methods;
pub mod minibatch;
pub mod operators;
pub mod optimizer;
pub mod pool;
mod recorder;
pub mod reflection;
mod reuse;
mod right_answer;
pub mod session;
pub mod shares;

pub use crate::randomness;
pub use methods::new_optimizer;
pub use optimizer::Optimizer;
pub use pool::{Member, Pool};
pub use reuse::{Answers, EvaluationRequest};
pub use session::{Halt, Session};

//! The search for a better candidate: the optimizers, and what they share.

pub mod idle;
pub mod joining;
pub mod methods;
pub mod minibatch;
pub mod operators;
pub mod optimizer;
pub mod pool;
pub mod reflection;
pub mod session;

pub use crate::randomness;
pub use methods::new_optimizer;
pub use optimizer::Optimizer;
pub use pool::{Member, Pool};
pub use session::{Answers, Ask, Halt, Session};

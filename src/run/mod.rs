//! Runs a plan: searches for a better candidate, evaluates one, examines a task, or compares optimizers. These functions are what a
//! user of the library calls.

mod agreement;
mod checks;
pub mod comparison;
mod constant;
mod doctor;
mod engine;
mod eval;
mod finding;
mod findings;
mod fingerprint;
#[cfg(feature = "llama")]
mod llama;
mod long_rows;
mod metric;
mod optimize;
mod outcome;
mod plan_findings;
mod program;
mod task;
mod test_evaluation;

pub use constant::Constant;
pub use doctor::{Diagnosis, diagnose};
pub use engine::{build_features, devices, open_engine};
pub use eval::{EvalRequest, EvalResult, evaluate};
pub use finding::Finding;
pub use metric::metric;
pub use optimize::{OwnParts, optimize, optimize_own, optimize_own_parts};
pub use program::program;
pub use task::files;

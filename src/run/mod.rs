//! Runs a plan: searches for a better candidate, evaluates one, answers new rows, examines a task, compares optimizers, or gives the
//! training of weights what it needs. These functions are what a user of the library calls.

mod agreement;
mod answering;
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
mod predict;
mod program;
#[cfg(feature = "remote")]
mod remote;
mod repeatability;
mod resident;
mod sub_wave;
mod task;
mod test_evaluation;
mod try_input;
pub mod weights;

pub use constant::Constant;
pub use doctor::{Diagnosis, diagnose};
pub use engine::{build_features, devices, open_engine};
pub use eval::{EvalRequest, EvalResult, evaluate};
pub use finding::Finding;
pub use metric::metric;
pub use optimize::{OwnParts, optimize, optimize_own, optimize_own_parts};
pub use predict::{PredictRequest, PredictResult, default_output, predict};
pub use program::program;
pub use repeatability::{REPEATED, Repeatability};
pub use task::files;
pub use try_input::{TracedStep, TriedInput, TryRequest, try_input};

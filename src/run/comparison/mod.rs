//! Compares optimizers: runs several on one task, and estimates the differences of their results. Compares prompts and adapters: scores
//! them on the same examples.

mod adapters;
mod compared_run;
mod entrant;
mod model_calls;
mod runs;
mod table;

pub use adapters::{Contender, ContenderResult, compare_adapters};
pub use compared_run::ComparedRun;
pub use entrant::{Entrant, entrants};
pub use model_calls::{CallsByModel, ModelCalls};
pub use runs::{Equal, Start, Terms, compare_optimizers};
pub use table::{CurveShare, Estimate, MeanCalls, MethodResult, table};

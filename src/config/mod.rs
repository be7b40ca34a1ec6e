//! The task file: reads `gepard.toml` into a [`Plan`] and checks it as a whole, before any model is loaded.
//!
//! The plan types stand in the files of this folder, one file for each part of a task file; `read` fills them.

mod budget;
mod command;
mod data;
mod engine;
mod error;
mod fingerprint;
mod load;
mod methods;
mod metric;
mod model;
mod module;
mod named;
mod operator;
mod optimize;
mod plan;
mod program;
mod read;
mod servers;
mod step;
mod used_models;

pub use budget::{Auto, Budget, Rollouts};
pub use command::CommandPlan;
pub use data::DataPlan;
pub use engine::EnginePlan;
pub use error::{ConfigError, Problem};
pub use load::load;
pub use methods::{
    ApePlan, BootstrapRsPlan, Effort, EvopromptPlan, FewshotPlan, Miprov2Plan, OproPlan, PromptbreederPlan, SimbaPlan, Strength,
    TextgradPlan,
};
pub use metric::{ConstraintPlan, JudgePlan, MetricPlan, PartPlan, Pattern, PrivacyPlan};
pub use model::{GpuLayersPlan, ModelPlan, ModelRef, ModelSource};
pub use module::{DemonstrationPlan, ModulePlan, OutputPlan};
pub use operator::Operator;
pub use optimize::{CandidateSelection, Frontier, Gate, Keep, Method, ModuleSelection, OptimizePlan, Parents, Preset};
pub use plan::Plan;
pub use program::{LoopPlan, ProgramPlan};
pub use servers::ServersPlan;
pub use step::{StepKind, StepPlan};

#[cfg(test)]
mod tests;

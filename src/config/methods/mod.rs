//! `[optimize.NAME]`: the numbers of the optimizers other than GEPA, one file for each table.
//!
//! The defaults are those of the paper or of its authors' code. Each file has them beside smaller ones for small budgets.

mod ape;
mod bootstrap_rs;
mod evoprompt;
mod fewshot;
mod miprov2;
mod opro;
mod promptbreeder;
mod simba;
mod strength;
mod textgrad;

pub use ape::ApePlan;
pub(super) use ape::KEYS as APE_KEYS;
pub use bootstrap_rs::BootstrapRsPlan;
pub(super) use bootstrap_rs::KEYS as BOOTSTRAP_RS_KEYS;
pub use evoprompt::EvopromptPlan;
pub(super) use evoprompt::KEYS as EVOPROMPT_KEYS;
pub use fewshot::FewshotPlan;
pub(super) use fewshot::KEYS as FEWSHOT_KEYS;
pub(super) use miprov2::KEYS as MIPROV2_KEYS;
pub use miprov2::{Effort, Miprov2Plan};
pub(super) use opro::KEYS as OPRO_KEYS;
pub use opro::OproPlan;
pub(super) use promptbreeder::KEYS as PROMPTBREEDER_KEYS;
pub use promptbreeder::PromptbreederPlan;
pub(super) use simba::KEYS as SIMBA_KEYS;
pub use simba::SimbaPlan;
pub use strength::Strength;
pub(super) use textgrad::KEYS as TEXTGRAD_KEYS;
pub use textgrad::TextgradPlan;

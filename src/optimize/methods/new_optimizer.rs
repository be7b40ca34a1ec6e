//! Which optimizer belongs to which method of a task file.

use super::ape::Ape;
use super::bootstrap_rs::BootstrapRs;
use super::evoprompt::{EvoPrompt, Evolution};
use super::fewshot::Control;
use super::gepa::Gepa;
use super::miprov2::Miprov2;
use super::opro::Opro;
use super::promptbreeder::Promptbreeder;
use super::random::Random;
use super::reflexion::Reflexion;
use super::simba::Simba;
use super::single_prompt::SinglePromptSearch;
use super::textgrad::TextGrad;
use crate::config::{Method, OptimizePlan};
use crate::engine::ModelId;
use crate::optimize::optimizer::Optimizer;
use crate::program::Candidate;

/// Creates the optimizer of a method with its numbers in `plan`. `reflectors` has at least one model, with its name in the task file.
#[must_use]
pub fn new_optimizer(
    method: Method,
    plan: &OptimizePlan,
    seed: Candidate,
    reflectors: Vec<(String, ModelId)>,
) -> Box<dyn Optimizer> {
    let evoprompt = |evolution| EvoPrompt::new(evolution, plan.evoprompt.clone());
    match method {
        Method::Gepa => Box::new(Gepa::new(seed, reflectors)),
        Method::Random => Box::new(Random::new(seed, reflectors)),
        Method::Fewshot => Box::new(Control::fewshot(seed, reflectors, &plan.fewshot)),
        Method::LabelList => Box::new(Control::label_list(seed, reflectors)),
        Method::BootstrapRs => Box::new(BootstrapRs::new(seed, plan.bootstrap_rs.clone())),
        Method::Simba => Box::new(Simba::new(seed, reflectors, plan.simba.clone())),
        Method::Ape => Box::new(SinglePromptSearch::new(seed, reflectors, Ape::new(plan.ape.clone()))),
        Method::Opro => Box::new(SinglePromptSearch::new(seed, reflectors, Opro::new(plan.opro.clone()))),
        Method::EvopromptGa => Box::new(SinglePromptSearch::new(seed, reflectors, evoprompt(Evolution::Genetic))),
        Method::EvopromptDe => Box::new(SinglePromptSearch::new(seed, reflectors, evoprompt(Evolution::Differential))),
        Method::Promptbreeder => Box::new(SinglePromptSearch::new(seed, reflectors, Promptbreeder::new(&plan.promptbreeder))),
        Method::Reflexion => Box::new(Reflexion::new(seed, reflectors)),
        Method::Textgrad => Box::new(TextGrad::new(seed, reflectors, plan.textgrad.clone())),
        Method::Miprov2 => Box::new(Miprov2::new(seed, reflectors, plan.miprov2.clone())),
    }
}

//! Which optimizer belongs to which method of a task file.

use super::ape::Ape;
use super::evoprompt::{EvoPrompt, Evolution};
use super::fewshot::Control;
use super::gepa::Gepa;
use super::miprov2::Miprov2;
use super::opro::Opro;
use super::promptbreeder::Promptbreeder;
use super::random::Random;
use super::reflexion::Reflexion;
use super::single_prompt::SinglePromptSearch;
use super::textgrad::TextGrad;
use crate::config::Method;
use crate::engine::ModelId;
use crate::optimize::optimizer::Optimizer;
use crate::program::Candidate;

/// Creates the optimizer of a method. `reflectors` has at least one model, with its name in the task file.
#[must_use]
pub fn new_optimizer(method: Method, seed: Candidate, reflectors: Vec<(String, ModelId)>) -> Box<dyn Optimizer> {
    match method {
        Method::Gepa => Box::new(Gepa::new(seed, reflectors)),
        Method::Random => Box::new(Random::new(seed, reflectors)),
        Method::Fewshot => Box::new(Control::fewshot(seed, reflectors)),
        Method::LabelList => Box::new(Control::label_list(seed, reflectors)),
        Method::Ape => Box::new(SinglePromptSearch::new(seed, reflectors, Ape::default())),
        Method::Opro => Box::new(SinglePromptSearch::new(seed, reflectors, Opro::default())),
        Method::EvopromptGa => Box::new(SinglePromptSearch::new(seed, reflectors, EvoPrompt::new(Evolution::Genetic))),
        Method::EvopromptDe => Box::new(SinglePromptSearch::new(seed, reflectors, EvoPrompt::new(Evolution::Differential))),
        Method::Promptbreeder => Box::new(SinglePromptSearch::new(seed, reflectors, Promptbreeder::default())),
        Method::Reflexion => Box::new(Reflexion::new(seed, reflectors)),
        Method::Textgrad => Box::new(TextGrad::new(seed, reflectors)),
        Method::Miprov2 => Box::new(Miprov2::new(seed, reflectors)),
    }
}

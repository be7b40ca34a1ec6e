//! Measures how often a model on servers answers the same greedy request differently.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use super::eval::EvalResult;
use crate::config::{ModelSource, Plan};
use crate::engine::{Completion, Decoding, Engine, Request};
use crate::error::RunError;
use crate::hooks::Hooks;
use crate::program::{Candidate, Program, render};

/// The number of requests that are sent twice.
pub const REPEATED: usize = 20;

/// How often a model answered the same request differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeatability {
    /// The module whose requests were sent.
    pub module: String,
    /// The model's name in the task file.
    pub model: String,
    /// The requests that were sent twice.
    pub requests: usize,
    /// Those of them whose two answers differ.
    pub different: usize,
}

/// Sends requests of the seed's rollouts twice, all at the same time, for each module whose model is on servers. Every request is
/// greedy. The second of two equal requests stands in the reverse order, so that it is computed beside other requests.
///
/// # Errors
/// [`RunError::Engine`], and [`RunError::Interrupted`] if `hooks` interrupt it.
pub(super) fn measure(
    plan: &Plan,
    program: &Program,
    candidate: &Candidate,
    seed: &EvalResult,
    engine: &mut dyn Engine,
    hooks: &Hooks<'_>,
) -> Result<Vec<Repeatability>, RunError> {
    let mut measured = Vec::new();
    for (module, text) in program.modules.iter().zip(&candidate.0) {
        let Some(model) = plan.models.get(module.model.0).filter(|model| matches!(model.source, ModelSource::Openai(_))) else {
            continue;
        };
        let request = |(example, scored): (&_, &crate::evaluate::Scored)| {
            let step = scored.rollout.steps.iter().find(|step| step.module == module.name)?;
            let prompt = program.prompt(candidate, example, step)?;
            let decoding = Decoding { grammar: render::grammar(module, text), ..Decoding::greedy(module.max_tokens) };
            let (messages, breakpoints) = (prompt.messages, prompt.breakpoints);
            Some(Request { model: module.model, messages, breakpoints, decoding, seed: 0 })
        };
        let once: Vec<Request> = seed.examples.iter().zip(&seed.rollouts).filter_map(request).collect();
        let once: Vec<Request> = once.iter().cycle().take(if once.is_empty() { 0 } else { REPEATED }).cloned().collect();
        let twice: Vec<Request> = once.iter().chain(once.iter().rev()).cloned().collect();
        let interrupted = hooks.interrupted();
        let mut look = |_| match interrupted.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let answers: Vec<Completion> = engine.generate(&twice, &mut look)?;
        let (first, second) = answers.split_at(once.len().min(answers.len()));
        let different = first.iter().zip(second.iter().rev()).filter(|(first, second)| first.text != second.text).count();
        let (module, model) = (module.name.clone(), model.name.clone());
        measured.push(Repeatability { module, model, requests: once.len(), different });
    }
    Ok(measured)
}

//! Runs a candidate on one input, and returns the trace with the chats that were sent.

use std::collections::BTreeMap;

use super::answering::Answering;
use crate::config::Plan;
use crate::data::{Example, listed};
use crate::engine::Message;
use crate::error::RunError;
use crate::evaluate::unscored::run_unscored;
use crate::evaluate::{Cost, Prediction};
use crate::hash::number;
use crate::hooks::Hooks;
use crate::program::{Candidate, Job, Step};

/// The id of the input. A demonstration whose id and fields are those of an input is not shown with it.
const ID: &str = "input";

/// One input, and the candidate that answers it.
#[derive(Debug, Clone)]
pub struct TryRequest {
    /// The candidate.
    pub candidate: Candidate,
    /// The fingerprint of the run that the candidate is from; empty if it is from no run. What was measured for that run is used
    /// again.
    pub recorded: BTreeMap<String, String>,
    /// The fields of the input.
    pub fields: serde_json::Map<String, serde_json::Value>,
}

/// A step of a trace, with the chat that a model was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct TracedStep {
    /// The step.
    pub step: Step,
    /// The chat; None for a step that asked no model.
    pub chat: Option<Vec<Message>>,
}

/// What a candidate made of an input.
#[derive(Debug, Clone, PartialEq)]
pub struct TriedInput {
    /// The steps, in order.
    pub steps: Vec<TracedStep>,
    /// The outputs of the program and its error.
    pub prediction: Prediction,
    /// The tokens and seconds that it took.
    pub cost: Cost,
}

/// Runs a candidate of a plan on one input.
///
/// # Errors
/// [`RunError`]; [`RunError::Plan`] if the input lacks a field that the program reads, or has one that it does not read.
pub fn try_input(plan: &Plan, request: &TryRequest, hooks: &mut Hooks<'_>) -> Result<TriedInput, RunError> {
    let answering = Answering::from_plan(plan, hooks)?;
    let program = &answering.program;
    check_fields(&program.reads, &request.fields)?;
    let mut engine = answering.open_engine(&request.recorded, hooks)?;
    let example = Example { id: ID.into(), fields: request.fields.clone() };
    let seed = number(&[&answering.plan.optimize.seed.to_string(), &request.candidate.key()]);
    let job = Job { candidate: &request.candidate, example: &example, seed, temperature: None };
    let (mut rollouts, cost) = run_unscored(program, &mut *engine, &[job], hooks)?;
    let rollout = rollouts.pop().unwrap_or_default();
    let prediction = Prediction::from_rollout(program, &rollout);
    let traced = |step: Step| {
        let chat = program.prompt(&request.candidate, &example, &step).map(|prompt| prompt.messages);
        TracedStep { step, chat }
    };
    Ok(TriedInput { steps: rollout.steps.into_iter().map(traced).collect(), prediction, cost })
}

/// Fails if the input lacks a field that the program reads, or has one that it does not read.
fn check_fields(reads: &[String], fields: &serde_json::Map<String, serde_json::Value>) -> Result<(), RunError> {
    let missing: Vec<&String> = reads.iter().filter(|name| !fields.contains_key(*name)).collect();
    if !missing.is_empty() {
        let example: Vec<String> = missing.iter().map(|name| format!("{name}=…")).collect();
        return Err(RunError::Plan(format!("the input lacks {}; give {}", listed(missing), example.join(" "))));
    }
    match fields.keys().find(|name| !reads.contains(*name)) {
        Some(other) => Err(RunError::Plan(format!("the program does not read `{other}`; it reads {}", listed(reads)))),
        None => Ok(()),
    }
}

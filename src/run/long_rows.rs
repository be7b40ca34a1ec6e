//! Finds the rows whose prompt and answer do not fit a model's context, before anything runs.

use super::finding::Finding;
use crate::config::{ModelSource, Plan};
use crate::data::Example;
use crate::engine::Engine;
use crate::program::{Module, ModuleText, Program, render};

/// The tokens that a chat template adds to a message, about.
const TOKENS_OF_A_TURN: usize = 6;

/// The number to whose multiples a recommended context is rounded up.
const CONTEXT_STEP: usize = 256;

/// Returns a finding for each module whose seed prompt is too long on some of `examples`. A module that reads what others write is
/// left out: its inputs are not known before.
pub(super) fn find(plan: &Plan, program: &Program, examples: &[&Example], engine: &dyn Engine) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (module, text) in program.modules.iter().zip(plan.seed_candidate().0) {
        if module.inputs.iter().any(|input| program.writes(input)) {
            continue;
        }
        let Some(model) = plan.models.get(module.model.0) else { continue };
        let thinking = match &model.source {
            ModelSource::Llama { thinking, .. } => thinking.unwrap_or(0),
            ModelSource::Openai(servers) => servers.thinking.unwrap_or(0),
            ModelSource::Scripted { .. } => 0,
        };
        let context = engine.context_length(module.model);
        let answer = module.max_tokens as usize + thinking as usize;
        let lengths = examples
            .iter()
            .map(|example| answer + prompt_tokens(program, module, &text, example, context.saturating_sub(answer), engine));
        let too_long: Vec<usize> = lengths.filter(|length| *length > context).collect();
        if let Some(longest) = too_long.iter().max() {
            findings.push(Finding::TooLong {
                module: module.name.clone(),
                model: model.name.clone(),
                rows: too_long.len(),
                of: examples.len(),
                context,
                needed: longest.next_multiple_of(CONTEXT_STEP),
            });
        }
    }
    findings
}

/// Returns the tokens of a prompt, about. A prompt of fewer bytes than `room` is not counted: a token has at least one byte.
fn prompt_tokens(
    program: &Program,
    module: &Module,
    text: &ModuleText,
    example: &Example,
    room: usize,
    engine: &dyn Engine,
) -> usize {
    let value = |name: &String| (name.clone(), example.input(name).unwrap_or_default());
    let inputs: Vec<(String, String)> = module.inputs.iter().map(value).collect();
    let text = text.for_call(example, &program.reads, &inputs);
    let messages = render::prompt(module, &text, &inputs).messages;
    let turns = messages.len() * TOKENS_OF_A_TURN;
    let bytes: usize = messages.iter().map(|message| message.content.len()).sum();
    if bytes + turns <= room {
        return bytes + turns;
    }
    turns + messages.iter().map(|message| engine.count_tokens(module.model, &message.content)).sum::<usize>()
}

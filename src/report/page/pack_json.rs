//! The JSON of rollouts and iterations in packs. `number_of` gives the number that stands for a text.

use serde_json::{Value, json};

use super::text_numbers::NumberOf;
use crate::report::history::{
    CandidateRollouts, Chat, History, Iteration, Proposal, Reflection, ScoredRollout, TraceStep, split_index,
};
use crate::report::texts::Text;

/// Returns the list of a candidate's rollouts.
pub(super) fn rollouts(run: &CandidateRollouts, number_of: &mut NumberOf<'_>) -> Value {
    run.rollouts.iter().map(|scored| rollout(scored, number_of)).collect()
}

/// Returns the list of all iterations. The prompts of the reflectors are null unless `with_prompts`.
pub(super) fn iterations(history: &History, with_prompts: bool, number_of: &mut NumberOf<'_>) -> Value {
    history.iterations.iter().map(|one| iteration(one, with_prompts, number_of)).collect()
}

fn pairs(pairs: &[(Text, Text)], number_of: &mut NumberOf<'_>) -> Value {
    pairs.iter().map(|(name, text)| json!([number_of(*name), number_of(*text)])).collect()
}

/// Returns `[split, example, score, feedback, module feedback, objectives, failure, steps]`.
fn rollout(scored: &ScoredRollout, number_of: &mut NumberOf<'_>) -> Value {
    let objectives: Value = scored.objectives.iter().map(|(name, score)| json!([number_of(*name), score])).collect();
    json!([
        split_index(scored.split),
        scored.example,
        scored.score,
        number_of(scored.feedback),
        pairs(&scored.module_feedback, number_of),
        objectives,
        scored.failure.map(&mut *number_of),
        scored.steps.iter().map(|one| step(one, number_of)).collect::<Value>(),
    ])
}

/// Returns `[module, inputs, answer, ended, outputs, problem, retrieved, tokens, seconds]`.
fn step(step: &TraceStep, number_of: &mut NumberOf<'_>) -> Value {
    json!([
        number_of(step.module),
        pairs(&step.inputs, number_of),
        number_of(step.answer),
        step.ended.map(&mut *number_of),
        pairs(&step.outputs, number_of),
        step.problem.map(&mut *number_of),
        step.retrieved.iter().map(|key| json!(number_of(*key))).collect::<Value>(),
        step.tokens,
        step.seconds,
    ])
}

fn iteration(iteration: &Iteration, with_prompts: bool, number_of: &mut NumberOf<'_>) -> Value {
    json!({
        "number": iteration.number,
        "parents": iteration.parents,
        "examples": iteration.examples,
        "perfect": iteration.perfect,
        "merge": iteration.merge.as_ref().map(proposal),
        "proposals": iteration.proposals.iter().map(proposal).collect::<Value>(),
        "asked": iteration.reflections.iter().map(|one| reflection(one, with_prompts, number_of)).collect::<Value>(),
    })
}

fn proposal(proposal: &Proposal) -> Value {
    json!({
        "number": proposal.number,
        "parent": proposal.parent,
        "ancestor": proposal.ancestor,
        "operators": proposal.operators,
        "instructions": proposal.instructions,
        "demonstrations": proposal.demonstrations,
        "fate": proposal.fate,
        "why": proposal.why,
        "candidate": proposal.candidate,
        "run": proposal.run,
    })
}

fn reflection(reflection: &Reflection, with_prompts: bool, number_of: &mut NumberOf<'_>) -> Value {
    let unusable = reflection.unusable.as_ref().map(|unusable| json!([unusable.reason, number_of(unusable.text)]));
    let chats: Value = reflection.chats.iter().map(|one| chat(one, with_prompts, number_of)).collect();
    json!({
        "proposal": reflection.proposal,
        "parent": reflection.parent,
        "module": reflection.module,
        "operator": reflection.operator,
        "reflector": reflection.reflector,
        "again": reflection.again,
        "leftOut": reflection.left_out,
        "questions": reflection.questions,
        "sentences": reflection.sentences,
        "unusable": unusable,
        "chats": chats,
    })
}

fn chat(chat: &Chat, with_prompts: bool, number_of: &mut NumberOf<'_>) -> Value {
    let prompt = match with_prompts {
        true => chat.read.iter().map(|(role, text)| json!([role, number_of(*text)])).collect(),
        false => Value::Null,
    };
    json!({
        "prompt": prompt,
        "reasoning": chat.thought.map(&mut *number_of),
        "answer": number_of(chat.wrote),
        "ended": chat.ended,
    })
}

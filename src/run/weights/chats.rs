//! The chat of each row, as the model is sent it, and the right answer.

use serde::Serialize;

use super::model_text::{ModelText, PromptText};
use super::only_module::only_module;
use crate::config::Plan;
use crate::data::Example;
use crate::data::split::Split;
use crate::engine::{Completion, Ended, EngineError, Message, Request, Usage};
use crate::error::RunError;
use crate::evaluate::answer_cache::AnswerCache;
use crate::hooks::Hooks;
use crate::optimize::reflection::demonstrations::labelled_demonstration;
use crate::program::{Candidate, Job, Program, render};
use crate::run::task::Task;

/// The chat of a row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RowChat {
    /// The id of the row.
    pub id: String,
    /// The chat. A last message of the assistant is the beginning of the answer, which the model continues.
    pub messages: Vec<Message>,
    /// The chat as the text and the tokens that the model reads; None if the plan names no model file.
    #[serde(flatten)]
    pub prompt: Option<PromptText>,
    /// The right answer, from where the chat ends; None if the row has no label for an output, or the candidate reasons and the row
    /// has no worked solution.
    pub answer: Option<String>,
    /// The most tokens of an answer.
    pub max_tokens: u32,
}

/// Returns the chats of a candidate for the rows of a split, at most the first `limit`. No model is loaded.
///
/// # Errors
/// [`RunError`]; [`RunError::Plan`] if the program has several modules, or asks none on a row.
pub fn chats(
    plan: &Plan,
    candidate: &Candidate,
    split: Split,
    limit: Option<usize>,
    hooks: &mut Hooks<'_>,
) -> Result<Vec<RowChat>, RunError> {
    let task = Task::from_plan(plan, hooks)?;
    let module = only_module(task.program())?;
    let model = ModelText::open(plan, module.model)?;
    let examples = task.load_examples(split, limit, hooks)?;
    let chat = |example: &Example| {
        let request = asked(&task, candidate, example)?.ok_or_else(|| {
            RunError::Plan(format!("the program asks no model on the row `{}`, so there is no chat to train on", example.id))
        })?;
        let prompt = model.as_ref().map(|model| model.prompt(&request.messages)).transpose()?;
        let answer = right_answer(task.program(), candidate, example, &|example| task.metric.solution(example));
        Ok(RowChat {
            id: example.id.clone(),
            messages: request.messages,
            prompt,
            answer,
            max_tokens: request.decoding.max_tokens,
        })
    };
    examples.iter().map(chat).collect()
}

/// Returns the first request of a rollout; None if the rollout ends before it asks a model.
fn asked(task: &Task<'_>, candidate: &Candidate, example: &Example) -> Result<Option<Request>, RunError> {
    let mut first: Option<Request> = None;
    let mut generate = |requests: &[Request]| -> Result<Vec<Completion>, EngineError> {
        first = first.take().or_else(|| requests.first().cloned());
        let refused = |_| Completion {
            text: String::new(),
            reasoning: None,
            ended: Ended::Refused("only the chat is wanted".into()),
            usage: Usage::default(),
            served: None,
        };
        Ok(requests.iter().map(refused).collect())
    };
    let job = Job { candidate, example, seed: 0, temperature: None };
    task.runnable.run(&[job], &AnswerCache::default(), &mut generate)?;
    Ok(first)
}

/// Returns the right answer to an example, from where the chat ends; None if the example lacks what it is made of.
fn right_answer(
    program: &Program,
    candidate: &Candidate,
    example: &Example,
    solution: &dyn Fn(&Example) -> Option<String>,
) -> Option<String> {
    let (module, text) = (program.modules.first()?, candidate.0.first()?);
    let right = labelled_demonstration(module, text, example, solution)?;
    Some(render::continuation(module, text, &right.answer))
}

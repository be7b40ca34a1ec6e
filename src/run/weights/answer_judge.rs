//! Judges answers that another program has made, by the code that judges a rollout.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::only_module::{check_metric, only_module};
use crate::config::Plan;
use crate::data::Example;
use crate::data::split::Split;
use crate::engine::{Completion, Ended, EngineError, Request, Usage};
use crate::error::RunError;
use crate::evaluate::answer_cache::AnswerCache;
use crate::hooks::Hooks;
use crate::metric;
use crate::program::{Candidate, Job};
use crate::run::task::Task;

/// An answer to the chat of a row.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenAnswer {
    /// The id of the row.
    pub id: String,
    /// The text that the model wrote, from where the chat ends.
    pub answer: String,
    /// Whether the answer was cut off at the most tokens of an answer.
    #[serde(default)]
    pub cut_off: bool,
}

/// What the metric says about an answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AnswerJudgement {
    /// The id of the row.
    pub id: String,
    /// What gepard reads in the answer, by the names of the outputs.
    pub outputs: BTreeMap<String, String>,
    /// The score in [0, 1]; None if the metric failed.
    pub score: Option<f64>,
    /// The feedback, with that on the form of the answer, or why the metric failed.
    pub feedback: String,
}

/// The number of times that a metric is given an answer before the answer stays unscored, as in a run.
const ATTEMPTS: usize = 2;

/// Judges answers to the rows of one split.
pub struct AnswerJudge<'a> {
    task: Task<'a>,
    candidate: &'a Candidate,
    examples: BTreeMap<String, Example>,
    split: Split,
}

impl<'a> AnswerJudge<'a> {
    /// Loads the rows of a split. `candidate` is the one whose chats are answered: its layout decides how an answer is read.
    ///
    /// # Errors
    /// [`RunError`]; [`RunError::Plan`] if the program has several modules, or the metric asks a model.
    pub fn open(plan: &'a Plan, candidate: &'a Candidate, split: Split, hooks: &mut Hooks<'_>) -> Result<Self, RunError> {
        check_metric(plan)?;
        let task = Task::from_plan(plan, hooks)?;
        only_module(task.program())?;
        let examples = task.load_examples(split, None, hooks)?;
        let examples = examples.into_iter().map(|example| (example.id.clone(), example)).collect();
        Ok(Self { task, candidate, examples, split })
    }

    /// Judges an answer.
    ///
    /// # Errors
    /// [`RunError::Plan`] if the split has no such row, or the program asks its module more than once.
    pub fn judge(&self, given: &GivenAnswer) -> Result<AnswerJudgement, RunError> {
        let GivenAnswer { id, answer, cut_off } = given;
        let example = self
            .examples
            .get(id)
            .ok_or_else(|| RunError::Plan(format!("there is no row `{id}` among the {} examples", self.split)))?;
        let mut calls = 0_usize;
        let mut generate = |requests: &[Request]| -> Result<Vec<Completion>, EngineError> {
            calls += requests.len();
            let ended = if *cut_off { Ended::Length } else { Ended::Stop };
            let completion = Completion { text: answer.clone(), reasoning: None, ended, usage: Usage::default(), served: None };
            Ok(requests.iter().map(|_| completion.clone()).collect())
        };
        let job = Job { candidate: self.candidate, example, seed: 0, temperature: None };
        let rollouts = self.task.runnable.run(&[job], &AnswerCache::default(), &mut generate)?;
        if calls > 1 {
            let cause = format!("the program asks its module {calls} times on the row `{id}`, and there is one answer");
            return Err(RunError::Plan(cause));
        }
        let rollout = rollouts.into_iter().next().unwrap_or_default();
        let outputs = rollout.steps.iter().flat_map(|step| &step.outputs);
        let outputs = outputs.map(|(name, value)| (name.clone(), value.clone())).collect();
        let mut judgement = AnswerJudgement { id: id.clone(), outputs, score: None, feedback: String::new() };
        for _ in 0..ATTEMPTS {
            match metric::judge(&*self.task.metric, example, &rollout, &[]) {
                Ok(judged) => {
                    let words: Vec<&str> =
                        std::iter::once(&judged.feedback).chain(judged.module_feedback.values()).map(String::as_str).collect();
                    return Ok(AnswerJudgement { score: Some(judged.score), feedback: words.join(" "), ..judgement });
                }
                Err(error) => judgement.feedback = error.to_string(),
            }
        }
        Ok(judgement)
    }
}

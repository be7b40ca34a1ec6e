//! μ_f: a rollout → a score and words about it. One feedback function a file.

/// A fixed pattern, compiled once.
macro_rules! pattern {
    ($source:expr) => {{
        static PATTERN: std::sync::LazyLock<Option<regex::Regex>> = std::sync::LazyLock::new(|| regex::Regex::new($source).ok());
        PATTERN.as_ref()
    }};
}

mod answer_loss;
mod author;
mod code;
mod command;
mod constraints;
mod json;
mod judge;
mod label;
mod number;
mod privacy;
mod retrieval;
mod sum;
mod text;

pub use code::{Code, CodeSettings, Language, Passing, sandbox_available};
pub use command::Command;
pub use constraints::{Constraint, Constraints, Counting, Listed, holds_loosely, holds_strictly};
pub use json::Json;
pub use judge::{Judge, Labels};
pub use label::Label;
pub use number::Number;
pub use privacy::{Found, Kind, Privacy, Searched, detect, iban_holds, luhn_holds};
pub use retrieval::{Fetched, Retrieval};
pub use sum::{Part, Sum};
pub use text::{Comparison, Text, exact, f1, normalize_answer};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::data::{Example, cut_middle, to_text};
use crate::engine::{Completion, Ended, Request};
use crate::program::{Rollout, Step};

/// What a feedback function says of one rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// From 0 to 1.
    pub score: f64,
    /// What was expected, what was given, which part failed.
    pub feedback: String,
    /// More about single modules, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub module_feedback: BTreeMap<String, String>,
    /// How single modules did, from 0 to 1, by name, where the metric can tell them apart. No part of the score: whose calls are
    /// worth showing. Of a metric that names none, the score is every module's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub module_scores: BTreeMap<String, f64>,
    /// What single modules should have written, by name and output, where the metric can tell more than the example's labels do.
    /// No part of the score: of a call that went wrong, it is what a worked example shows in place of the answer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub module_labels: BTreeMap<String, BTreeMap<String, String>>,
    /// How near a wrong answer comes to the right one, from 0 to 1, where the metric can tell. No part of the
    /// score: it decides between candidates that both score nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closeness: Option<f64>,
    /// Named parts of the score, each from 0 to 1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub objectives: BTreeMap<String, f64>,
    /// What models answered to the metric's questions, as it came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Completion>,
}

impl Judgement {
    /// A score and its feedback, nothing else.
    pub fn new(score: f64, feedback: impl Into<String>) -> Self {
        Self {
            score,
            feedback: feedback.into(),
            module_feedback: BTreeMap::new(),
            module_scores: BTreeMap::new(),
            module_labels: BTreeMap::new(),
            closeness: None,
            objectives: BTreeMap::new(),
            answers: Vec::new(),
        }
    }

    /// The same, with how near the answer comes.
    #[must_use]
    pub fn close(self, closeness: f64) -> Self {
        Self { closeness: Some(closeness), ..self }
    }

    /// Says more about a module, behind what was said of it before.
    pub fn tell(&mut self, module: impl Into<String>, words: &str) {
        let told = self.module_feedback.entry(module.into()).or_default();
        if !told.is_empty() {
            told.push(' ');
        }
        told.push_str(words);
    }
}

/// Why a rollout could not be scored. No verdict about the answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MetricError {
    /// The example lacks what the metric compares with, or has it in a wrong form.
    #[error("example `{id}`: {cause}")]
    Example {
        /// The example's id.
        id: String,
        /// What is wrong.
        cause: String,
    },
    /// A score that is no number from 0 to 1.
    #[error("example `{id}`: the score is {score}, not a number from 0 to 1")]
    Range {
        /// The example's id.
        id: String,
        /// What the metric returned.
        score: f64,
    },
    /// Whoever was asked, a model or a program, gave no verdict that can be read.
    #[error("example `{id}`: {cause}")]
    Unreadable {
        /// The example's id.
        id: String,
        /// What was wrong with the answer.
        cause: String,
    },
    /// The metric says that it cannot judge this answer, or crashed over what it lacks. Said twice of an answer that came to its
    /// end without some of its outputs, it is a verdict: 0.
    #[error("example `{id}`: {cause}")]
    Stumbled {
        /// The example's id.
        id: String,
        /// What it says.
        cause: String,
    },
    /// A metric of the library's user failed.
    #[error("{0}")]
    Other(String),
}

impl MetricError {
    /// What is wrong with an example.
    #[must_use]
    pub fn example(example: &Example, cause: impl Into<String>) -> Self {
        Self::Example { id: example.id.clone(), cause: cause.into() }
    }
}

/// A feedback function. Called from several threads at once.
pub trait Metric: Send + Sync {
    /// The fields that an example must have for this metric.
    fn required_fields(&self) -> Vec<String> {
        Vec::new()
    }

    /// Of those, the fields that may hold the answer as a program would write it: tests, patterns and lists of what must not be
    /// said are none.
    fn answer_fields(&self) -> Vec<String> {
        self.required_fields()
    }

    /// Whether it can judge anything on this machine: asked once, before a run begins.
    ///
    /// # Errors
    /// [`MetricError::Other`] with what is missing and what to do.
    fn prepare(&self) -> Result<(), MetricError> {
        Ok(())
    }

    /// Whether the metric can judge this example at all: asked of every example before a run begins.
    ///
    /// # Errors
    /// [`MetricError::Example`] with what is wrong.
    fn check(&self, _example: &Example) -> Result<(), MetricError> {
        Ok(())
    }

    /// The output that it is about, where that is one: beside other metrics, its score is that of the module that wrote it.
    fn output(&self) -> Option<&str> {
        None
    }

    /// What a model must be asked before the rollout can be judged: a judge's questions.
    fn requests(&self, _example: &Example, _rollout: &Rollout) -> Vec<Request> {
        Vec::new()
    }

    /// How many [`Metric::requests`] are. A metric that can tell without writing them says so.
    fn questions(&self, example: &Example, rollout: &Rollout) -> usize {
        self.requests(example, rollout).len()
    }

    /// What is asked where [`Metric::judge`] found no verdict in the answers: as many questions, in the same order. A greedy
    /// answer would be the same again, so that a judge draws this one.
    fn again(&self, example: &Example, rollout: &Rollout) -> Vec<Request> {
        self.requests(example, rollout)
    }

    /// The judges in it that can be held against given grades, by the names of their objectives.
    fn judges(&self) -> Vec<(String, &Judge)> {
        Vec::new()
    }

    /// The way to the right answer in words, where the example tells it: what a student that reasons can be shown.
    fn solution(&self, _example: &Example) -> Option<String> {
        None
    }

    /// The verdict on a rollout that was finished; `answers` are those to
    /// [`Metric::requests`], in order.
    ///
    /// # Errors
    /// [`MetricError`] where there is no verdict; it is asked once more, then the rollout stays
    /// unscored.
    fn judge(&self, example: &Example, rollout: &Rollout, answers: &[Completion]) -> Result<Judgement, MetricError>;
}

/// The verdict of `metric`, checked: a failed rollout scores 0 with the failure as feedback, and what was wrong with the form of
/// an answer is told beside the metric's own words. An answer that lacks outputs scores 0 where the metric stumbles over it, but is
/// no excuse for a metric that breaks down.
///
/// # Errors
/// Those of the metric, and [`MetricError::Range`].
pub fn judge(
    metric: &dyn Metric,
    example: &Example,
    rollout: &Rollout,
    answers: &[Completion],
) -> Result<Judgement, MetricError> {
    // A step's program that broke down says nothing about the candidate.
    if let Some(cause) = rollout.steps.iter().find_map(|step| step.broken.clone()) {
        return Err(MetricError::Unreadable { id: example.id.clone(), cause });
    }
    if let Some(failure) = &rollout.failure {
        return Ok(Judgement::new(0.0, failure.clone()));
    }
    let ask = || metric.judge(example, rollout, answers);
    let mut judgement = match (ask(), unreadable(rollout)) {
        (Err(MetricError::Stumbled { .. }), Some(problem)) => match ask() {
            Err(MetricError::Stumbled { cause, .. }) => {
                Judgement::new(0.0, format!("{problem} The score is 0, for the metric could not judge the rest: {cause}"))
            }
            again => again?,
        },
        (verdict, _) => verdict?,
    };
    for score in std::iter::once(&judgement.score)
        .chain(judgement.objectives.values())
        .chain(judgement.module_scores.values())
        .chain(&judgement.closeness)
    {
        if !(0.0..=1.0).contains(score) {
            return Err(MetricError::Range { id: example.id.clone(), score: *score });
        }
    }
    for (module, problem) in rollout.problems() {
        judgement.tell(module, problem);
    }
    judgement.answers = answers.to_vec();
    Ok(judgement)
}

/// What is said of a call whose answer lacks outputs, though it came to its end.
fn unreadable(rollout: &Rollout) -> Option<&str> {
    let came_to_its_end = |step: &&Step| matches!(step.ended, Ended::Stop | Ended::Grammar);
    rollout.steps.iter().filter(came_to_its_end).find_map(|step| step.problem.as_deref())
}

/// What an example's field expects: one text, or a list of them that is not empty.
fn expected(example: &Example, field: &str) -> Result<Vec<String>, MetricError> {
    let bad = |cause: String| MetricError::example(example, cause);
    let texts = match example.fields.get(field) {
        None | Some(Value::Null) => return Err(bad(format!("it has no `{field}`"))),
        Some(Value::Array(items)) => items.iter().map(to_text).collect(),
        Some(other) => vec![to_text(other)],
    };
    if texts.is_empty() { Err(bad(format!("`{field}` is an empty list"))) } else { Ok(texts) }
}

/// Text as labels are compared: without case, and without the marks that models put around them.
fn normalize(text: &str) -> String {
    let marks = |c: char| c.is_whitespace() || matches!(c, '.' | '"' | '\'' | '`' | '*');
    text.trim_matches(marks).to_lowercase()
}

/// A text in feedback: of one with more than `most` characters, so many from its two ends, and a mark between them.
fn shorten(text: &str, most: usize) -> String {
    cut_middle(text, most, |_| " … ".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Fixed(f64);

    impl Metric for Fixed {
        fn judge(&self, _: &Example, _: &Rollout, _: &[Completion]) -> Result<Judgement, MetricError> {
            Ok(Judgement::new(self.0, "so"))
        }
    }

    fn example() -> Example {
        Example { id: "7".into(), fields: serde_json::Map::new() }
    }

    #[test]
    fn a_score_outside_the_range_is_a_failure_of_the_metric() {
        let rollout = Rollout { steps: Vec::new(), failure: None };
        for score in [f64::NAN, 3.0, -0.1, f64::INFINITY] {
            let verdict = judge(&Fixed(score), &example(), &rollout, &[]);
            assert!(matches!(verdict, Err(MetricError::Range { .. })), "{score}");
        }
        assert_eq!(judge(&Fixed(1.0), &example(), &rollout, &[]).unwrap().score, 1.0);
    }

    #[test]
    fn a_failed_rollout_scores_zero_without_asking() {
        let rollout = Rollout { steps: Vec::new(), failure: Some("The answer was empty.".into()) };
        let verdict = judge(&Fixed(f64::NAN), &example(), &rollout, &[]).unwrap();
        assert_eq!((verdict.score, verdict.feedback.as_str()), (0.0, "The answer was empty."));
    }

    /// Fails so often, then has a verdict.
    struct Failing(MetricError, AtomicUsize);

    impl Metric for Failing {
        fn judge(&self, _: &Example, _: &Rollout, _: &[Completion]) -> Result<Judgement, MetricError> {
            let left = self.1.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            left.map_or_else(|_| Ok(Judgement::new(0.5, "so")), |_| Err(self.0.clone()))
        }
    }

    fn step(problem: Option<&str>) -> Step {
        Step { problem: problem.map(str::to_owned), ..Step::default() }
    }

    /// What is said of one call after so many failures.
    fn verdict(error: MetricError, failures: usize, step: Step) -> Result<Judgement, MetricError> {
        judge(&Failing(error, failures.into()), &example(), &Rollout { steps: vec![step], failure: None }, &[])
    }

    fn stumbled() -> MetricError {
        MetricError::Stumbled { id: "7".into(), cause: "there is no field `answer`".into() }
    }

    #[test]
    fn a_metric_that_stumbles_over_an_unreadable_answer_has_not_failed() {
        let zero = verdict(stumbled(), 2, step(Some("`answer` is missing."))).unwrap();
        assert_eq!(zero.score, 0.0);
        assert!(zero.feedback.contains("`answer` is missing.") && zero.feedback.contains("no field"), "{}", zero.feedback);
        // Once may be chance.
        assert_eq!(verdict(stumbled(), 1, step(Some("`answer` is missing."))).unwrap().score, 0.5);
        assert!(verdict(stumbled(), 2, step(None)).is_err());
        let cut_off = Step { ended: Ended::Length, ..step(Some("It was cut off.")) };
        assert!(verdict(stumbled(), 2, cut_off).is_err());
    }

    #[test]
    fn a_metric_that_breaks_down_is_not_excused_by_an_output_that_is_missing() {
        let cause = || "no grade".to_owned();
        let unreadable = MetricError::Unreadable { id: "7".into(), cause: cause() };
        for error in [unreadable, MetricError::example(&example(), cause()), MetricError::Other(cause())] {
            assert_eq!(verdict(error.clone(), 9, step(Some("`note` is missing."))), Err(error));
        }
        assert!(judge(&Fixed(f64::NAN), &example(), &Rollout { steps: vec![step(Some("so"))], failure: None }, &[]).is_err());
    }

    #[test]
    fn long_text_is_cut_in_the_middle() {
        assert_eq!(shorten("abcdefghijkl", 6), "abcd … kl");
        assert_eq!(shorten("äöü", 3), "äöü");
    }
}

#[cfg(test)]
mod tests_support {
    //! Examples and rollouts for the tests of metrics.

    use crate::data::Example;
    use crate::engine::{Ended, Usage};
    use crate::program::{Rollout, Step};

    pub(super) fn example(fields: &serde_json::Value) -> Example {
        Example { id: "1".into(), fields: fields.as_object().unwrap().clone() }
    }

    pub(super) fn rollout(outputs: &[(&str, &str)]) -> Rollout {
        let outputs = outputs.iter().map(|&(n, v)| (n.to_owned(), v.to_owned())).collect();
        let step = Step {
            module: "m".into(),
            inputs: Vec::new(),
            answer: String::new(),
            ended: Ended::Stop,
            outputs,
            problem: None,
            usage: Usage::default(),
            ..Step::default()
        };
        Rollout { steps: vec![step], failure: None }
    }
}

//! The trace of a rollout: its steps, in order.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::parse::Outputs;
use crate::engine::{Ended, ServedBy, Usage};

/// One call of a module, or one step that asked no model. The prompt of a call is not stored:
/// [`Program::prompt`](super::structure::Program::prompt) renders it again from the inputs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The name of the module or step.
    pub module: String,
    /// The names and values of the inputs, in the module's order.
    pub inputs: Vec<(String, String)>,
    /// The model's answer, unchanged, without reasoning. Empty for a step that asked no model.
    pub answer: String,
    /// How the answer ended.
    pub ended: Ended,
    /// The outputs that were read from the answer.
    pub outputs: Outputs,
    /// What is wrong with the form of the answer, in words for the reflector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The keys of the rows that the step retrieved, the best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retrieved: Vec<String>,
    /// How the outside program of the step broke down, if it did. Such a rollout is not scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
    /// The tokens of the call.
    pub usage: Usage,
    /// The server that gave the answer. None for a model in this process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served: Option<ServedBy>,
    /// The duration in seconds. For a call of a model: the time until all calls of its round were answered; 0 if the answer was
    /// known.
    #[serde(default)]
    pub seconds: f64,
}

impl Step {
    /// Whether every word of `text` occurs in the inputs, so that `text` can be the right answer to them. Words in parentheses at
    /// the end of `text`, as in titles, may be missing. False for a text without words.
    #[must_use]
    pub fn inputs_contain(&self, text: &str) -> bool {
        let read: BTreeSet<String> = self.inputs.iter().flat_map(|(_, value)| words(value)).collect();
        let title = text.trim_end().strip_suffix(')').and_then(|text| Some(text.rsplit_once(" (")?.0));
        let mut wanted = words(title.unwrap_or(text)).peekable();
        wanted.peek().is_some() && wanted.all(|word| read.contains(&word))
    }
}

/// Returns the words of a text in lower case.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// The trace of one run of a program on one example.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// The steps, in order. A failed rollout ends with the step that failed.
    pub steps: Vec<Step>,
    /// Why the program failed on the example. The score is 0 then, and this is the feedback. None if it did not fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl Rollout {
    /// Returns the value that was written last under `name`; None if no step wrote it.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<&str> {
        self.last_step_with(name).and_then(|step| step.outputs.get(name)).map(String::as_str)
    }

    /// Returns the last step that wrote an output called `name`; None if no step wrote it.
    #[must_use]
    pub fn last_step_with(&self, name: &str) -> Option<&Step> {
        self.steps.iter().rfind(|step| step.outputs.contains_key(name))
    }

    /// Returns the most informative call of a module: the first whose answer had a problem, otherwise the last. None if the
    /// module did not run.
    #[must_use]
    pub fn most_informative_step(&self, module: &str) -> Option<&Step> {
        let mut calls = self.steps.iter().filter(|step| step.module == module);
        calls.clone().find(|step| step.problem.is_some()).or_else(|| calls.next_back())
    }

    /// Returns the tokens of all steps.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let mut sum = Usage::default();
        for step in &self.steps {
            sum += step.usage;
        }
        sum
    }

    /// Returns the names of the modules whose answers had a problem, with the problem.
    pub fn problems(&self) -> impl Iterator<Item = (&str, &str)> {
        self.steps.iter().filter_map(|step| Some((step.module.as_str(), step.problem.as_deref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_informative_step_is_the_first_with_a_problem_else_the_last() {
        let step = |module: &str, answer: &str, problem: Option<&str>| Step {
            module: module.into(),
            answer: answer.into(),
            problem: problem.map(str::to_owned),
            ..Step::default()
        };
        let steps = vec![step("m", "1", None), step("m", "2", Some("cut off")), step("other", "x", None), step("m", "3", None)];
        let mut rollout = Rollout { steps, failure: None };
        assert_eq!(rollout.most_informative_step("m").unwrap().answer, "2");
        rollout.steps[1].problem = None;
        assert_eq!(rollout.most_informative_step("m").unwrap().answer, "3");
        assert_eq!(rollout.most_informative_step("none"), None);
    }

    #[test]
    fn inputs_contain_a_text_if_they_have_each_of_its_words() {
        let inputs =
            vec![("question".into(), "Which county?".into()), ("summary".into(), "In Shelby and Henry County, Kentucky.".into())];
        let step = Step { inputs, ..Step::default() };
        assert!(!step.inputs_contain("Kentucky (state) Oldham"));
        assert!(
            step.inputs_contain("Henry County, Kentucky")
                && step.inputs_contain("Kentucky (state)")
                && step.inputs_contain("WHICH")
        );
        assert!(
            !step.inputs_contain("Oldham County, Kentucky")
                && !step.inputs_contain("Ken")
                && !step.inputs_contain("")
                && !step.inputs_contain(" (Henry)")
        );
    }
}

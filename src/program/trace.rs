//! What happened in a run of a program: the calls, in order.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::parse::Outputs;
use crate::engine::{Ended, Usage};

/// One call of a module, or one step that asked no model. Its prompt follows from what it read, with
/// [`Program::prompt`](super::Program::prompt).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The name of the module or step.
    pub module: String,
    /// What it read, in the module's order.
    pub inputs: Vec<(String, String)>,
    /// The model's answer as it came, without reasoning.
    pub answer: String,
    /// How the answer ended.
    pub ended: Ended,
    /// What was read from the answer.
    pub outputs: Outputs,
    /// What is wrong with the answer's form, in words for the reflector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What it retrieved, by the rows' key field, the best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retrieved: Vec<String>,
    /// How the program of a step broke down, where it did: the rollout is not scored then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
    /// What it cost.
    pub usage: Usage,
    /// How long it took, in seconds: of a model's call, the time until the last of its wave was answered; 0 where it was known.
    #[serde(default)]
    pub seconds: f64,
}

impl Step {
    /// Whether every word of a text stands somewhere in what the call read: its answer could have been that text. What stands at
    /// its end in parentheses, as in titles, may be missing.
    #[must_use]
    pub fn has_read(&self, text: &str) -> bool {
        let read: BTreeSet<String> = self.inputs.iter().flat_map(|(_, value)| words(value)).collect();
        let title = text.trim_end().strip_suffix(')').and_then(|text| Some(text.rsplit_once(" (")?.0));
        let mut asked = words(title.unwrap_or(text)).peekable();
        asked.peek().is_some() && asked.all(|word| read.contains(&word))
    }
}

/// The words of a text, in lower case.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|sign: char| !sign.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// One run of the program on one example.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// The calls, in order. Fewer than the program has modules where it failed.
    pub steps: Vec<Step>,
    /// Why it could not be finished: its score is 0 and this is its feedback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl Rollout {
    /// What the program wrote under `name`; the last module that did counts.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<&str> {
        self.writer(name).and_then(|step| step.outputs.get(name)).map(String::as_str)
    }

    /// The step that wrote `name` last.
    #[must_use]
    pub fn writer(&self, name: &str) -> Option<&Step> {
        self.steps.iter().rfind(|step| step.outputs.contains_key(name))
    }

    /// The call of a module that says most of it: the first that went wrong in its form, else the last. None where it never ran.
    #[must_use]
    pub fn telling(&self, module: &str) -> Option<&Step> {
        let mut calls = self.steps.iter().filter(|step| step.module == module);
        calls.clone().find(|step| step.problem.is_some()).or_else(|| calls.next_back())
    }

    /// All that was spent.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let mut sum = Usage::default();
        for step in &self.steps {
            sum += step.usage;
        }
        sum
    }

    /// What was wrong with the form of the answers, by module.
    pub fn problems(&self) -> impl Iterator<Item = (&str, &str)> {
        self.steps.iter().filter_map(|step| Some((step.module.as_str(), step.problem.as_deref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_calls_a_failed_one_tells_most_else_the_last() {
        let step = |module: &str, answer: &str, problem: Option<&str>| Step {
            module: module.into(),
            answer: answer.into(),
            problem: problem.map(str::to_owned),
            ..Step::default()
        };
        let steps = vec![step("m", "1", None), step("m", "2", Some("cut off")), step("other", "x", None), step("m", "3", None)];
        let mut rollout = Rollout { steps, failure: None };
        assert_eq!(rollout.telling("m").unwrap().answer, "2");
        rollout.steps[1].problem = None;
        assert_eq!(rollout.telling("m").unwrap().answer, "3");
        assert_eq!(rollout.telling("none"), None);
    }

    #[test]
    fn what_was_read_has_every_word_of_an_answer() {
        let inputs =
            vec![("question".into(), "Which county?".into()), ("summary".into(), "In Shelby and Henry County, Kentucky.".into())];
        let step = Step { inputs, ..Step::default() };
        assert!(!step.has_read("Kentucky (state) Oldham"));
        assert!(step.has_read("Henry County, Kentucky") && step.has_read("Kentucky (state)") && step.has_read("WHICH"));
        assert!(
            !step.has_read("Oldham County, Kentucky")
                && !step.has_read("Ken")
                && !step.has_read("")
                && !step.has_read(" (Henry)")
        );
    }
}

//! What a program answers to a row: the outputs without the trace, and what went wrong.

use serde::{Deserialize, Serialize};

use crate::engine::Usage;
use crate::program::parse::Outputs;
use crate::program::structure::Program;
use crate::program::trace::Rollout;

/// What a program answers to a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The value that was written last under the name of each output. An output that was not written is missing.
    pub outputs: Outputs,
    /// Why the program could not be finished, or what is wrong with the form of an answer. None if nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The tokens of the row.
    pub usage: Usage,
}

impl Prediction {
    /// Returns the outputs of a rollout and its error. Of a module that ran several times, the last answer counts.
    #[must_use]
    pub fn from_rollout(program: &Program, rollout: &Rollout) -> Self {
        let value = |name: &str| Some((name.to_owned(), rollout.output(name)?.to_owned()));
        let problem = |module: &str| {
            let problem = rollout.steps.iter().rfind(|step| step.module == module)?.problem.as_deref()?;
            Some(if program.modules.len() == 1 { problem.to_owned() } else { format!("In `{module}`: {problem}") })
        };
        let problems: Vec<String> = program.modules.iter().filter_map(|module| problem(&module.name)).collect();
        Self {
            outputs: output_names(program).into_iter().filter_map(value).collect(),
            error: rollout.failure.clone().or_else(|| (!problems.is_empty()).then(|| problems.join(" "))),
            usage: rollout.usage(),
        }
    }
}

/// Returns the names of the outputs of all modules, in the program's order, each once.
#[must_use]
pub fn output_names(program: &Program) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for name in program.modules.iter().flat_map(|module| &module.outputs) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::tests_support::module;
    use crate::program::trace::Step;

    fn step(module: &str, output: Option<(&str, &str)>, problem: Option<&str>) -> Step {
        let outputs = output.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
        Step { module: module.into(), outputs, problem: problem.map(str::to_owned), ..Step::default() }
    }

    #[test]
    fn the_last_answer_of_each_module_counts_and_a_failure_comes_first() {
        let program =
            Program::from_modules(vec![module("first", &["q"], &["plan"]), module("second", &["plan"], &["answer", "plan"])]);
        assert_eq!(output_names(&program), ["plan", "answer"]);
        let mut rollout = Rollout {
            steps: vec![
                step("first", Some(("plan", "a")), Some("It is cut off.")),
                step("first", Some(("plan", "b")), None),
                step("second", Some(("answer", "c")), Some("`plan` is missing.")),
            ],
            failure: None,
        };
        let found = Prediction::from_rollout(&program, &rollout);
        assert_eq!((found.outputs["plan"].as_str(), found.outputs["answer"].as_str()), ("b", "c"));
        assert_eq!(found.error.as_deref(), Some("In `second`: `plan` is missing."));
        rollout.failure = Some("It does not end.".into());
        assert_eq!(Prediction::from_rollout(&program, &rollout).error.as_deref(), Some("It does not end."));
    }
}

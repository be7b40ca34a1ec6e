//! Finds the module call that wrote a text. It is found in the trace, because a program with conditions and loops has no fixed order
//! of modules.

use crate::program::Step;

/// Returns whether a step of a trace is a call of a module. Steps that ask no model have an empty answer.
pub fn is_call(step: &Step) -> bool {
    !step.answer.is_empty()
}

/// Returns the module call that wrote `field` last in these steps. If a step that asks no model made the field from the text of one
/// call, it is that call. None where the step retrieved the field or made it from the texts of several calls.
pub fn author<'a>(steps: &'a [Step], field: &str) -> Option<&'a Step> {
    let index = steps.iter().rposition(|step| step.outputs.contains_key(field))?;
    let step = &steps[index];
    if is_call(step) {
        return Some(step);
    }
    let mut calls = step.inputs.iter().filter_map(|(name, _)| author(&steps[..index], name));
    calls.next().filter(|_| calls.next().is_none() && step.retrieved.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(module: &str, inputs: &[&str], (output, answer): (&str, &str)) -> Step {
        let inputs = inputs.iter().map(|&name| (name.to_owned(), String::new())).collect();
        let outputs = [(output.to_owned(), "text".to_owned())].into();
        Step { module: module.into(), inputs, answer: answer.into(), outputs, ..Step::default() }
    }

    #[test]
    fn a_text_is_the_last_call_s_and_what_a_step_makes_of_one_is_that_call_s() {
        let name = |steps: &[Step], field: &str| author(steps, field).map(|step| step.module.clone());
        let mut steps = vec![step("easy", &["question"], ("topic", "x")), step("hard", &["question"], ("topic", "x"))];
        assert_eq!(name(&steps, "topic").as_deref(), Some("hard"));
        assert_eq!(name(&steps, "question"), None);
        steps.push(step("frame", &["question", "topic"], ("query", "")));
        assert_eq!(name(&steps, "query").as_deref(), Some("hard"));
        steps.push(step("other", &["question"], ("index", "x")));
        steps.push(step("both", &["index", "topic"], ("query", "")));
        assert_eq!(name(&steps, "query"), None);
        let found = Step { retrieved: vec!["A".into()], ..step("search", &["topic"], ("passages", "")) };
        steps.push(found);
        assert_eq!(name(&steps, "passages"), None);
    }
}

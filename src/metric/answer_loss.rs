//! Where in a program a right answer was lost: read by a module, and not in what it wrote.

use std::collections::BTreeMap;

use super::text::normalize_answer;
use crate::data::{Example, listed};
use crate::program::{Rollout, Step};

/// Of each module that read a right answer in what an earlier step made, and wrote none, a sentence that says so; and of the one
/// that wrote `output`, if nothing that it read from earlier steps had one, whether one of them did. A yes or a no stands
/// everywhere: of these, nothing.
pub fn answer_loss(example: &Example, rollout: &Rollout, output: &str, expected: &[String]) -> BTreeMap<String, String> {
    let mut wanted: Vec<(String, &String)> = expected.iter().map(|text| (normalize_answer(text), text)).collect();
    wanted.retain(|(text, _)| !text.is_empty() && text != "yes" && text != "no");
    let mut told = BTreeMap::new();
    if wanted.is_empty() {
        return told;
    }
    let found = |value: &str| {
        let value = format!(" {} ", normalize_answer(value));
        wanted.iter().find(|(text, _)| value.contains(&format!(" {text} "))).map(|(_, text)| *text)
    };
    let writes = |step: &Step| step.outputs.values().any(|value| found(value).is_some());
    let reads = |step: &Step| made(example, step).find_map(|(name, value)| Some((name.clone(), found(value)?)));
    let is_found = rollout.steps.iter().any(|step| writes(step) || reads(step).is_some());
    // What asks no model has nothing to learn, nor has what reads the row alone.
    for step in rollout.steps.iter().filter(|step| !step.answer.is_empty() && made(example, step).next().is_some()) {
        if writes(step) {
            continue;
        }
        if let Some((name, text)) = reads(step) {
            let outputs = listed(step.outputs.keys());
            told.insert(step.module.clone(), format!("`{name}` has the right answer `{text}`, but {outputs} leaves it out."));
        } else if step.outputs.contains_key(output) {
            let names = listed(made(example, step).map(|(name, _)| name));
            let blame = if is_found { "an earlier step lost it" } else { "no step found it" };
            told.insert(step.module.clone(), format!("The right answer is nowhere in {names}: {blame}."));
        }
    }
    told
}

/// What a step read that an earlier one made: it is no field of the row.
fn made<'a>(example: &'a Example, step: &'a Step) -> impl Iterator<Item = &'a (String, String)> {
    let is_of_row =
        |name: &str, value: &str| example.fields.contains_key(name) && example.input(name).unwrap_or_default() == value;
    step.inputs.iter().filter(move |(name, value)| !is_of_row(name, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests_support::example;
    use serde_json::json;

    fn step(module: &str, inputs: &[(&str, &str)], output: (&str, &str)) -> Step {
        let inputs = inputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let outputs = [(output.0.to_owned(), output.1.to_owned())].into();
        Step { module: module.into(), inputs, answer: output.1.into(), outputs, ..Step::default() }
    }

    fn told(question: &str, passages: &str, summary: &str, answer: &str, right: &str) -> Vec<(String, String)> {
        let row = example(&json!({ "question": question }));
        let steps = vec![
            step("sum", &[("question", question), ("passages", passages)], ("summary", summary)),
            step("say", &[("question", question), ("summary", summary)], ("answer", answer)),
        ];
        answer_loss(&row, &Rollout { steps, failure: None }, "answer", &[right.to_owned()]).into_iter().collect()
    }

    #[test]
    fn who_lost_the_answer_is_told_and_who_never_had_it() {
        let (sum, say) = ("sum".to_owned(), "say".to_owned());
        assert_eq!(
            told("When?", "Born in 1960 in the town.", "Born in the town.", "1948", "1960"),
            [
                (say.clone(), "The right answer is nowhere in `summary`: an earlier step lost it.".into()),
                (sum, "`passages` has the right answer `1960`, but `summary` leaves it out.".into()),
            ]
        );
        let lost = "`summary` has the right answer `the Sun`, but `answer` leaves it out.".to_owned();
        assert_eq!(told("What?", "The Sun and the Moon", "the sun, the moon", "Moon", "the Sun"), [(say, lost)]);
    }

    #[test]
    fn what_stands_in_the_question_or_everywhere_was_not_lost() {
        assert_eq!(told("The Sun or the Moon?", "", "Both shine.", "Moon", "Sun").len(), 1);
        assert!(told("Is it?", "yes it is", "It is.", "no", "yes").is_empty());
        let never = "The right answer is nowhere in `summary`: no step found it.".to_owned();
        assert_eq!(told("When?", "in 19605", "never", "1948", "1960"), [("say".to_owned(), never)], "a part of a word is none");
    }
}

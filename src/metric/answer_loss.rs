//! Finds the module that lost a right answer: it read the answer and did not write it.

use std::collections::BTreeMap;

use super::normalization::Normalization;
use crate::data::{Example, listed};
use crate::program::{Rollout, Step};

/// Returns a sentence for each module that read a right answer in the output of an earlier step and wrote none, by module name. For
/// the module that wrote `output`, if none of its inputs from earlier steps had a right answer, the sentence says whether an earlier
/// step had found one. Expected answers that are only `yes` or `no` are ignored, because they occur everywhere.
pub fn answer_loss(
    example: &Example,
    rollout: &Rollout,
    output: &str,
    (expected, normalization): (&[String], Normalization),
) -> BTreeMap<String, String> {
    let mut wanted: Vec<(Vec<String>, &String)> = expected.iter().map(|text| (normalization.words(text), text)).collect();
    wanted.retain(|(words, _)| !words.is_empty() && words != &["yes"] && words != &["no"]);
    let mut told = BTreeMap::new();
    if wanted.is_empty() {
        return told;
    }
    let found = |value: &str| {
        let value = normalization.words(value);
        wanted.iter().find(|(words, _)| value.windows(words.len()).any(|part| part == words)).map(|(_, text)| *text)
    };
    let writes = |step: &Step| step.outputs.values().any(|value| found(value).is_some());
    let reads = |step: &Step| made_earlier(example, step).find_map(|(name, value)| Some((name.clone(), found(value)?)));
    let is_found = rollout.steps.iter().any(|step| writes(step) || reads(step).is_some());
    // A step that asks no model cannot learn, and a module that reads only the example has lost nothing.
    for step in rollout.steps.iter().filter(|step| !step.answer.is_empty() && made_earlier(example, step).next().is_some()) {
        if writes(step) {
            continue;
        }
        if let Some((name, text)) = reads(step) {
            let outputs = listed(step.outputs.keys());
            told.insert(step.module.clone(), format!("`{name}` has the right answer `{text}`, but {outputs} leaves it out."));
        } else if step.outputs.contains_key(output) {
            let names = listed(made_earlier(example, step).map(|(name, _)| name));
            let blame = if is_found { "an earlier step lost it" } else { "no step found it" };
            told.insert(step.module.clone(), format!("The right answer is nowhere in {names}: {blame}."));
        }
    }
    told
}

/// Returns the inputs of a step that an earlier step made, which are not fields of the example.
fn made_earlier<'a>(example: &'a Example, step: &'a Step) -> impl Iterator<Item = &'a (String, String)> {
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
        answer_loss(&row, &Rollout { steps, failure: None }, "answer", (&[right.to_owned()], Normalization::Text))
            .into_iter()
            .collect()
    }

    #[test]
    fn feedback_separates_losing_the_answer_from_never_having_it() {
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
    fn answers_in_the_question_and_yes_and_no_are_not_lost() {
        assert_eq!(told("The Sun or the Moon?", "", "Both shine.", "Moon", "Sun").len(), 1);
        assert!(told("Is it?", "yes it is", "It is.", "no", "yes").is_empty());
        let never = "The right answer is nowhere in `summary`: no step found it.".to_owned();
        assert_eq!(told("When?", "in 19605", "never", "1948", "1960"), [("say".to_owned(), never)], "a part of a word is none");
    }
}

//! Demonstrations: labelled training examples, and calls of the search that were right or are corrected.

use serde_json::Value;

use crate::data::{Example, to_text};
use crate::engine::Shape;
use crate::engine::schema::in_declared_order;
use crate::evaluate::Scored;
use crate::program::{Demonstration, Module, ModuleText, render};

/// An answer of at least this many words that equals an input counts as copied, not as right by chance.
const MIN_COPIED_WORDS: usize = 4;

/// Returns the demonstrations that fit `room` tokens together, in their order. One that is too long is left out, and the next is
/// tried.
#[must_use]
pub fn take_fitting(
    demonstrations: Vec<Demonstration>,
    mut room: usize,
    count_tokens: &dyn Fn(&Demonstration) -> usize,
) -> Vec<Demonstration> {
    let fits = |one: &Demonstration| {
        let left = room.checked_sub(count_tokens(one));
        room = left.unwrap_or(room);
        left.is_some()
    };
    demonstrations.into_iter().filter(fits).collect()
}

/// Returns a training example with its labels as the answer. If `text` has reasoning, the example's worked solution stands before
/// them, since labels alone would show an answer without reasoning. None if an input, a label or the needed solution is missing.
#[must_use]
pub fn labelled_demonstration(
    module: &Module,
    text: &ModuleText,
    example: &Example,
    solution: &dyn Fn(&Example) -> Option<String>,
) -> Option<Demonstration> {
    let values: Vec<(String, String)> =
        module.outputs.iter().map(|name| Some((name.clone(), label_text(module, name, example)?))).collect::<Option<_>>()?;
    let reasoning = if text.reasoning { Some(solution(example)?) } else { None };
    let answer = render::worked_answer(reasoning.as_deref(), &values);
    let input =
        |name: &String| example.fields.contains_key(name).then(|| (name.clone(), example.input(name).unwrap_or_default()));
    let inputs = module.inputs.iter().map(input).collect::<Option<_>>()?;
    Some(Demonstration { id: example.id.clone(), inputs, answer })
}

/// Returns the right value of an output as an answer has it: the properties of an object stand in the order of its schema. None if the
/// example has no such label.
fn label_text(module: &Module, output: &str, example: &Example) -> Option<String> {
    let text = example.text(module.label(output))?;
    let Some(Shape::Json(schema)) = module.shapes.get(output) else { return Some(text) };
    let value: Option<Value> = serde_json::from_str(&text).ok();
    Some(value.map_or(text, |value| to_text(&in_declared_order(&value, schema))))
}

/// Whether a module's call was right: its own score if the metric gives one, else the rollout's, is 1. None if the rollout is
/// unscored.
fn is_right(module: &Module, scored: &Scored) -> Option<bool> {
    let judgement = scored.judgement()?;
    Some(judgement.module_scores.get(&module.name).copied().unwrap_or(judgement.score) >= 1.0)
}

/// Returns the last call of a module without a problem, with the task model's answer, if it was right, as [`last_call`] does. None if
/// it was not right.
#[must_use]
pub fn correct_call(module: &Module, text: &ModuleText, example: &Example, scored: &Scored) -> Option<Demonstration> {
    if is_right(module, scored)? { last_call(module, text, example, scored) } else { None }
}

/// Returns the last call of a module without a problem, with the task model's answer, whatever its score. None if there is none, or
/// all its outputs copy an input: such an answer was found by an earlier module.
#[must_use]
pub fn last_call(module: &Module, text: &ModuleText, example: &Example, scored: &Scored) -> Option<Demonstration> {
    let step = scored.rollout.steps.iter().rfind(|step| step.module == module.name && step.problem.is_none())?;
    let is_copied = |value: &String| {
        value.split_whitespace().count() >= MIN_COPIED_WORDS && step.inputs.iter().any(|(_, input)| input.trim() == value.trim())
    };
    if !step.outputs.is_empty() && step.outputs.values().all(is_copied) {
        return None;
    }
    let answer = match text.reasoning || module.outputs.len() > 1 {
        true => render::whole_answer(module, text, step.answer.trim()),
        false => step.answer.trim().to_owned(),
    };
    Some(Demonstration { id: example.id.clone(), inputs: step.inputs.clone(), answer })
}

/// Returns a call that was not right, with the right answer: the metric's labels for the module, or the example's. A label that is
/// no value of a closed set must occur in the call's inputs; otherwise the demonstration would teach the model to invent things.
/// None if the call was right, a label is missing, the module never ran, or `text` has reasoning, for which there is no label.
#[must_use]
pub fn corrected_call(
    module: &Module,
    text: &ModuleText,
    example: &Example,
    scored: &Scored,
    is_closed_set: &dyn Fn(&str) -> bool,
) -> Option<Demonstration> {
    if text.reasoning || is_right(module, scored)? {
        return None;
    }
    let metric_labels = scored.judgement()?.module_labels.get(&module.name);
    let step = scored.rollout.most_informative_step(&module.name)?;
    let label = |name: &String| {
        let label = metric_labels.and_then(|labels| labels.get(name).cloned());
        let label = label.or_else(|| example.text(module.label(name)))?;
        (is_closed_set(name) || step.inputs_contain(&label)).then(|| (name.clone(), label))
    };
    let values: Vec<(String, String)> = module.outputs.iter().map(label).collect::<Option<_>>()?;
    let answer = render::worked_answer(None, &values);
    Some(Demonstration { id: example.id.clone(), inputs: step.inputs.clone(), answer })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::evaluate::Verdict;
    use crate::metric::Judgement;
    use crate::optimize::reflection::profile::{self, ValueKind};
    use crate::program::tests_support::module;
    use crate::program::{Rollout, Step};

    #[test]
    fn a_call_is_right_if_the_metric_s_score_of_its_module_is_1() {
        let module = module("m", &["text"], &["answer"]);
        let example = Example { id: "1".into(), fields: serde_json::Map::new() };
        let shown = |score: f64, own: Option<f64>| {
            let mut judgement = Judgement::new(score, "");
            judgement.module_scores.extend(own.map(|own| ("m".to_owned(), own)));
            let step = Step { module: "m".into(), answer: "yes".into(), ..Step::default() };
            let rollout = Rollout { steps: vec![step], failure: None };
            let scored = Scored { rollout, verdict: Verdict::Judged(judgement) };
            correct_call(&module, &ModuleText::new(""), &example, &scored).is_some()
        };
        assert!(shown(1.0, None) && shown(0.5, Some(1.0)));
        assert!(!shown(0.5, None) && !shown(1.0, Some(0.0)));
    }

    #[test]
    fn of_several_calls_the_last_without_a_problem_is_shown() {
        let module = module("m", &["text"], &["answer"]);
        let example = Example { id: "1".into(), fields: serde_json::Map::new() };
        let shown = |calls: &[(&str, Option<&str>)]| {
            let step = |&(answer, problem): &(&str, Option<&str>)| Step {
                module: "m".into(),
                answer: answer.into(),
                problem: problem.map(str::to_owned),
                ..Step::default()
            };
            let rollout = Rollout { steps: calls.iter().map(step).collect(), failure: None };
            let scored = Scored { rollout, verdict: Verdict::Judged(Judgement::new(1.0, "")) };
            correct_call(&module, &ModuleText::new(""), &example, &scored).map(|shown| shown.answer)
        };
        assert_eq!(shown(&[("1, and so on", Some("cut off")), ("2", None)]).as_deref(), Some("2"));
        assert_eq!(shown(&[("1, and so on", Some("cut off"))]), None);
    }

    #[test]
    fn a_wrong_call_is_corrected_if_its_inputs_contain_the_answer() {
        let module = module("m", &["summary"], &["answer"]);
        let row = |answer: &str| {
            let fields = serde_json::json!({ "answer": answer });
            Example { id: "1".into(), fields: fields.as_object().cloned().unwrap_or_default() }
        };
        let inputs = vec![("summary".to_owned(), "Henry County had 15,416 people.".to_owned())];
        let shown = |answer: &str, of_metric: Option<&str>, is_of_a_set: bool| {
            let mut judgement = Judgement::new(0.0, "");
            let labels = of_metric.map(|label| ("m".to_owned(), BTreeMap::from([("answer".to_owned(), label.to_owned())])));
            judgement.module_labels.extend(labels);
            let step = Step { module: "m".into(), answer: "about 15 thousand".into(), inputs: inputs.clone(), ..Step::default() };
            let scored = Scored { rollout: Rollout { steps: vec![step], failure: None }, verdict: Verdict::Judged(judgement) };
            corrected_call(&module, &ModuleText::new(""), &row(answer), &scored, &|_| is_of_a_set).map(|shown| shown.answer)
        };
        assert_eq!(shown("15,416", None, false).as_deref(), Some("15,416"));
        assert_eq!(shown("Oldham", None, false), None);
        assert_eq!(shown("county", None, true).as_deref(), Some("county"));
        assert_eq!(shown("Oldham", Some("Henry County"), false).as_deref(), Some("Henry County"));
    }

    #[test]
    fn a_label_may_have_another_name_than_the_output() {
        let labels = BTreeMap::from([("answer".to_owned(), "label".to_owned())]);
        let module = Module { labels, ..module("m", &["text"], &["answer"]) };
        let row = |n: usize| {
            let fields =
                serde_json::json!({ "text": format!("text {n}"), "label": if n.is_multiple_of(2) { "yes" } else { "no" } });
            Example { id: n.to_string(), fields: fields.as_object().cloned().unwrap_or_default() }
        };
        let train: Vec<Example> = (0..20).map(row).collect();
        let shown = labelled_demonstration(&module, &ModuleText::new(""), &train[0], &|_| None).unwrap();
        assert_eq!(shown.answer, render::worked_answer(None, &[("answer".into(), "yes".into())]));
        let profile = profile::profile_module(&module, &train);
        assert!(matches!(&profile[0].kind, ValueKind::Set(values) if values.len() == 2) && profile[0].name == "answer");
    }
}

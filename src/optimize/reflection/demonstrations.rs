//! Worked examples from the training data.

use crate::data::Example;
use crate::evaluate::Scored;
use crate::program::{Demonstration, Module, ModuleText, layout};

/// Those that fit so many tokens, in their order: one that is too long makes way for the next.
#[must_use]
pub fn fitting(shown: Vec<Demonstration>, mut room: usize, tokens: &dyn Fn(&Demonstration) -> usize) -> Vec<Demonstration> {
    let fits = |one: &Demonstration| {
        let left = room.checked_sub(tokens(one));
        room = left.unwrap_or(room);
        left.is_some()
    };
    shown.into_iter().filter(fits).collect()
}

/// The example with its labels as the answer; None where it lacks one. A student that reasons is shown the worked
/// solution before them, for a label alone would show it the wrong way.
#[must_use]
pub fn labelled(
    module: &Module,
    text: &ModuleText,
    example: &Example,
    solution: &dyn Fn(&Example) -> Option<String>,
) -> Option<Demonstration> {
    let values: Vec<(String, String)> =
        module.outputs.iter().map(|name| Some((name.clone(), example.text(module.label(name))?))).collect::<Option<_>>()?;
    let reasoning = if text.reasoning { Some(solution(example)?) } else { None };
    let answer = layout::worked_answer(reasoning.as_deref(), &values);
    let input =
        |name: &String| example.fields.contains_key(name).then(|| (name.clone(), example.input(name).unwrap_or_default()));
    let inputs = module.inputs.iter().map(input).collect::<Option<_>>()?;
    Some(Demonstration { id: example.id.clone(), inputs, answer })
}

/// So many words are copied by no accident.
const COPIED_WORDS: usize = 4;

/// Whether a module's call was right, as the metric says, or else the rollout's score; None where there is no verdict.
fn is_right(module: &Module, scored: &Scored) -> Option<bool> {
    let judgement = scored.judgement()?;
    Some(judgement.module_scores.get(&module.name).copied().unwrap_or(judgement.score) >= 1.0)
}

/// The last call of a module that was right, with the student's own words as the answer; None where it was not, or lacked something,
/// or the module never ran, or only said again what an earlier one had said: that was right by the other's merit.
#[must_use]
pub fn succeeded(module: &Module, text: &ModuleText, example: &Example, scored: &Scored) -> Option<Demonstration> {
    if !is_right(module, scored)? {
        return None;
    }
    let step = scored.rollout.steps.iter().rfind(|step| step.module == module.name && step.problem.is_none())?;
    let copied = |value: &String| {
        value.split_whitespace().count() >= COPIED_WORDS && step.inputs.iter().any(|(_, input)| input.trim() == value.trim())
    };
    if !step.outputs.is_empty() && step.outputs.values().all(copied) {
        return None;
    }
    let answer = match text.reasoning || module.outputs.len() > 1 {
        true => layout::whole_answer(module, text, step.answer.trim()),
        false => step.answer.trim().to_owned(),
    };
    Some(Demonstration { id: example.id.clone(), inputs: step.inputs.clone(), answer })
}

/// A call that was not right, with what it should have written as the answer: the metric's label for it, or the example's. Where
/// such a label is no value of a set, which a reader can know without being told, the call must have read it: else it would show
/// how to invent things.
/// None where a label is missing, where the student is to reason, for whose words there is no label, or where the module never ran.
#[must_use]
pub fn corrected(
    (module, text): (&Module, &ModuleText),
    example: &Example,
    scored: &Scored,
    is_of_a_set: &dyn Fn(&str) -> bool,
) -> Option<Demonstration> {
    if text.reasoning || is_right(module, scored)? {
        return None;
    }
    let of_metric = scored.judgement()?.module_labels.get(&module.name);
    let step = scored.rollout.telling(&module.name)?;
    let label = |name: &String| {
        let label = of_metric.and_then(|labels| labels.get(name).cloned()).or_else(|| example.text(module.label(name)))?;
        (is_of_a_set(name) || step.has_read(&label)).then(|| (name.clone(), label))
    };
    let values: Vec<(String, String)> = module.outputs.iter().map(label).collect::<Option<_>>()?;
    let answer = layout::worked_answer(None, &values);
    Some(Demonstration { id: example.id.clone(), inputs: step.inputs.clone(), answer })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::evaluate::Verdict;
    use crate::metric::Judgement;
    use crate::optimize::reflection::profile::{self, Kind};
    use crate::program::tests_support::module;
    use crate::program::{Rollout, Step};

    #[test]
    fn a_call_is_right_as_the_metric_says_of_its_module() {
        let module = module("m", &["text"], &["answer"]);
        let example = Example { id: "1".into(), fields: serde_json::Map::new() };
        let shown = |score: f64, own: Option<f64>| {
            let mut judgement = Judgement::new(score, "");
            judgement.module_scores.extend(own.map(|own| ("m".to_owned(), own)));
            let step = Step { module: "m".into(), answer: "yes".into(), ..Step::default() };
            let rollout = Rollout { steps: vec![step], failure: None };
            let scored = Scored { rollout, verdict: Verdict::Judged(judgement) };
            succeeded(&module, &ModuleText::new(""), &example, &scored).is_some()
        };
        assert!(shown(1.0, None) && shown(0.5, Some(1.0)));
        assert!(!shown(0.5, None) && !shown(1.0, Some(0.0)));
    }

    #[test]
    fn of_several_calls_the_last_that_lacked_nothing_is_shown() {
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
            succeeded(&module, &ModuleText::new(""), &example, &scored).map(|shown| shown.answer)
        };
        assert_eq!(shown(&[("1, and so on", Some("cut off")), ("2", None)]).as_deref(), Some("2"));
        assert_eq!(shown(&[("1, and so on", Some("cut off"))]), None);
    }

    #[test]
    fn a_wrong_call_is_corrected_where_it_had_read_the_answer() {
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
            corrected((&module, &ModuleText::new("")), &row(answer), &scored, &|_| is_of_a_set).map(|shown| shown.answer)
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
        let shown = labelled(&module, &ModuleText::new(""), &train[0], &|_| None).unwrap();
        assert_eq!(shown.answer, layout::worked_answer(None, &[("answer".into(), "yes".into())]));
        let profile = profile::of(&module, &train);
        assert!(matches!(&profile[0].kind, Kind::Set(values) if values.len() == 2) && profile[0].name == "answer");
    }
}

//! `retrieval`: did the program's steps fetch what was needed?

use std::collections::BTreeSet;

use super::{Judgement, Metric, MetricError, expected, shorten};
use crate::data::{Example, listed};
use crate::engine::Completion;
use crate::program::{Rollout, Step};

/// What the score is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fetched {
    /// The share of the wanted rows that were fetched.
    Recall,
    /// The harmonic mean of that and of the share of fetched rows that were wanted.
    F1,
}

/// A step that fetches, and who wrote its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// The step's name.
    pub step: String,
    /// The module that writes the field it searches with; None: the example has it.
    pub asked_by: Option<String>,
}

/// Compares what steps fetched, by the rows' key, with a list in the example.
#[derive(Debug, Clone)]
pub struct Retrieval {
    /// The example's field with the keys that are wanted: a list, or one text.
    pub field: String,
    /// The steps that count.
    pub hops: Vec<Hop>,
    /// What the score is.
    pub score: Fetched,
}

/// The most characters of a query in feedback.
const SHOWN: usize = 200;

impl Metric for Retrieval {
    fn required_fields(&self) -> Vec<String> {
        vec![self.field.clone()]
    }

    fn answer_fields(&self) -> Vec<String> {
        Vec::new()
    }

    fn check(&self, example: &Example) -> Result<(), MetricError> {
        expected(example, &self.field).map(drop)
    }

    fn judge(&self, example: &Example, rollout: &Rollout, _answers: &[Completion]) -> Result<Judgement, MetricError> {
        let wanted = expected(example, &self.field)?;
        let mut found: BTreeSet<&String> = BTreeSet::new();
        let mut fetched: BTreeSet<&String> = BTreeSet::new();
        let mut judgement = Judgement::new(0.0, String::new());
        let mut words = Vec::new();
        for hop in &self.hops {
            let steps: Vec<(usize, &Step)> =
                rollout.steps.iter().enumerate().filter(|(_, step)| step.module == hop.step).collect();
            if steps.is_empty() {
                words.push(format!("`{}` did not run.", hop.step));
            }
            for (place, step) in steps {
                let missing: Vec<&String> = wanted.iter().filter(|key| !found.contains(key)).collect();
                let new: Vec<&String> = missing.iter().copied().filter(|key| step.retrieved.contains(key)).collect();
                let said = match (missing.as_slice(), new.as_slice()) {
                    ([], _) => "had nothing left to find".to_owned(),
                    (missing, []) => format!("found nothing of {}", listed(missing)),
                    (_, new) => format!("found {}", listed(new)),
                };
                let query = step.inputs.first().map_or("", |(_, query)| query.as_str());
                let line = format!("`{}` searched for \"{}\" and {said}.", hop.step, shorten(query.trim(), SHOWN));
                if let Some(module) = &hop.asked_by {
                    let left: Vec<&String> = missing.iter().copied().filter(|key| !new.contains(key)).collect();
                    let advice = match left.as_slice() {
                        [] => String::new(),
                        left => format!(" The query must lead to {}.", listed(left)),
                    };
                    judgement.module_feedback.insert(module.clone(), format!("{line}{advice}"));
                    // Where nothing was missing, the call shows nothing either.
                    let share = new.len() as f64 / missing.len().max(1) as f64;
                    judgement.module_scores.insert(module.clone(), share);
                    // A query could have named what was missing where its writer had read of it.
                    let call = rollout.steps[..place].iter().rfind(|call| call.module == *module);
                    let read = missing.iter().filter(|key| call.is_some_and(|call| call.has_read(key)));
                    let named = read.map(|key| key.as_str()).collect::<Vec<_>>().join(", ");
                    let label =
                        step.inputs.first().map(|(field, _)| (field.clone(), named)).filter(|(_, named)| !named.is_empty());
                    judgement.module_labels.insert(module.clone(), label.into_iter().collect());
                }
                words.push(line);
                found.extend(new);
                fetched.extend(&step.retrieved);
            }
        }
        let missing: Vec<&String> = wanted.iter().filter(|key| !found.contains(key)).collect();
        words.push(match missing.as_slice() {
            [] => "All that was wanted was found.".into(),
            missing => format!("Still missing: {}.", listed(missing)),
        });
        let distinct: BTreeSet<&String> = wanted.iter().collect();
        let recall = found.len() as f64 / distinct.len() as f64;
        let precision = if fetched.is_empty() { 0.0 } else { found.len() as f64 / fetched.len() as f64 };
        let f1 = if found.is_empty() { 0.0 } else { 2.0 * precision * recall / (precision + recall) };
        judgement.score = match self.score {
            Fetched::Recall => recall,
            Fetched::F1 => f1,
        };
        judgement.feedback = words.join(" ");
        judgement.objectives = [("recall".to_owned(), recall), ("f1".to_owned(), f1)].into();
        Ok(judgement)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests_support::example;
    use serde_json::json;

    fn step(name: &str, query: &str, retrieved: &[&str]) -> Step {
        let retrieved = retrieved.iter().map(|&key| key.to_owned()).collect();
        Step { module: name.into(), inputs: vec![("query".into(), query.into())], retrieved, ..Step::default() }
    }

    #[test]
    fn each_hop_is_told_what_it_found_and_what_is_missing() {
        let hop = |step: &str, by: Option<&str>| Hop { step: step.into(), asked_by: by.map(str::to_owned) };
        let hops = vec![hop("hop1", None), hop("hop2", Some("query"))];
        let metric = Retrieval { field: "titles".into(), hops, score: Fetched::Recall };
        let row = example(&json!({ "titles": ["A", "B"] }));
        let rollout =
            Rollout { steps: vec![step("hop1", "who?", &["A", "X"]), step("hop2", "who??", &["A", "Y"])], failure: None };
        let verdict = metric.judge(&row, &rollout, &[]).unwrap();
        assert_eq!(verdict.score, 0.5);
        assert_eq!(
            verdict.feedback,
            "`hop1` searched for \"who?\" and found `A`. `hop2` searched for \"who??\" and found nothing of `B`. Still missing: `B`."
        );
        assert!(verdict.module_feedback["query"].ends_with("The query must lead to `B`."), "{verdict:?}");
        assert_eq!(verdict.module_scores["query"], 0.0);
        assert!((verdict.objectives["f1"] - 0.4).abs() < 1e-9, "{verdict:?}");
        let all = Rollout { steps: vec![step("hop1", "who?", &["B", "A"]), step("hop2", "x", &[])], failure: None };
        let verdict = metric.judge(&row, &all, &[]).unwrap();
        assert_eq!((verdict.score, verdict.objectives["f1"]), (1.0, 1.0));
        assert!(verdict.feedback.contains("`hop2` searched for \"x\" and had nothing left to find."), "{}", verdict.feedback);
        assert_eq!(verdict.module_scores["query"], 0.0);
        let late = Rollout { steps: vec![step("hop1", "who?", &["A"]), step("hop2", "who is B?", &["B"])], failure: None };
        let judged = metric.judge(&row, &late, &[]).unwrap();
        assert!(judged.module_scores["query"] == 1.0 && judged.module_labels["query"].is_empty(), "{judged:?}");
        let ask = |summary: &str| {
            let call = Step { module: "query".into(), inputs: vec![("summary".into(), summary.into())], ..Step::default() };
            let steps = vec![step("hop1", "who?", &["A"]), call, step("hop2", "who?", &["A"])];
            metric.judge(&row, &Rollout { steps, failure: None }, &[]).unwrap().module_labels.remove("query").unwrap()
        };
        assert_eq!(ask("A was a friend of B.").get("query").map(String::as_str), Some("B"));
        assert_eq!(ask("A had a friend.").get("query"), None);
        assert!(metric.check(&example(&json!({ "titles": [] }))).is_err());
    }
}

//! The metric `sum`: a weighted mean of several metrics, each of which is an objective.

use std::collections::{BTreeMap, BTreeSet};

use super::contract::{Grader, Metric};
use super::error::MetricError;
use super::judgement::Judgement;
use crate::data::Example;
use crate::engine::{Completion, Request};
use crate::program::Rollout;

/// One metric of a sum.
pub struct Part {
    /// The name of its objective.
    pub name: String,
    /// The weight of its score; at least 0.
    pub weight: f64,
    /// The metric.
    pub metric: Box<dyn Metric>,
}

/// A weighted mean of metrics.
pub struct Sum {
    parts: Vec<Part>,
}

impl Sum {
    /// Creates the sum. At least one part must have a weight above 0.
    #[must_use]
    pub fn new(parts: Vec<Part>) -> Self {
        Self { parts }
    }
}

impl Metric for Sum {
    fn required_fields(&self) -> Vec<String> {
        self.parts.iter().flat_map(|part| part.metric.required_fields()).collect()
    }

    fn answer_fields(&self) -> Vec<String> {
        self.parts.iter().flat_map(|part| part.metric.answer_fields()).collect()
    }

    fn label_fields(&self) -> Vec<String> {
        self.parts.iter().flat_map(|part| part.metric.label_fields()).collect()
    }

    fn prepare(&self) -> Result<(), MetricError> {
        self.parts.iter().try_for_each(|part| part.metric.prepare())
    }

    fn check(&self, example: &Example) -> Result<(), MetricError> {
        self.parts.iter().try_for_each(|part| part.metric.check(example))
    }

    fn requests(&self, example: &Example, rollout: &Rollout) -> Vec<Request> {
        self.parts.iter().flat_map(|part| part.metric.requests(example, rollout)).collect()
    }

    fn questions(&self, example: &Example, rollout: &Rollout) -> usize {
        self.parts.iter().map(|part| part.metric.questions(example, rollout)).sum()
    }

    fn again(&self, example: &Example, rollout: &Rollout) -> Vec<Request> {
        self.parts.iter().flat_map(|part| part.metric.again(example, rollout)).collect()
    }

    fn judges(&self) -> Vec<(String, &dyn Grader)> {
        self.parts.iter().flat_map(|part| prefix_judges(&part.name, part.metric.judges())).collect()
    }

    fn solution(&self, example: &Example) -> Option<String> {
        self.parts.iter().find_map(|part| part.metric.solution(example))
    }

    fn judge(&self, example: &Example, rollout: &Rollout, answers: &[Completion]) -> Result<Judgement, MetricError> {
        let mut sum = Judgement::new(0.0, String::new());
        let weights: f64 = self.parts.iter().map(|part| part.weight).sum();
        let (mut words, mut closeness, mut answers) = (Vec::new(), None, answers);
        let mut of_modules: Vec<(f64, BTreeMap<String, f64>)> = Vec::new();
        let mut stumbled = None;
        for Part { name, weight, metric } in &self.parts {
            // The answers have the order of the parts' requests.
            let (own, rest) = answers.split_at(metric.questions(example, rollout).min(answers.len()));
            answers = rest;
            let verdict = match metric.judge(example, rollout, own) {
                // This error is returned only if no other part has an error of another kind.
                Err(error @ MetricError::Stumbled { .. }) => {
                    stumbled.get_or_insert(error);
                    continue;
                }
                verdict => verdict?,
            };
            let share = weight / weights;
            sum.score += share * verdict.score;
            closeness = match (closeness, verdict.closeness) {
                (None, None) => None,
                (sum, of_part) => Some(sum.unwrap_or(0.0) + share * of_part.unwrap_or(verdict.score)),
            };
            words.push(format!("{name} {:.2}: {}", verdict.score, verdict.feedback));
            for (module, feedback) in verdict.module_feedback {
                sum.add_module_feedback(module, &feedback);
            }
            let writer = metric.output().and_then(|output| rollout.last_step_with(output));
            let mut named = verdict.module_scores;
            if let Some(writer) = writer.filter(|_| named.is_empty()) {
                named.insert(writer.module.clone(), verdict.score);
            }
            of_modules.push((verdict.score, named));
            for (module, labels) in verdict.module_labels {
                sum.module_labels.entry(module).or_default().extend(labels);
            }
            sum.objectives.insert(name.clone(), verdict.score);
            sum.objectives.extend(verdict.objectives.into_iter().map(|(part, score)| (format!("{name}.{part}"), score)));
        }
        if let Some(error) = stumbled {
            return Err(error);
        }
        sum.module_scores = combine_module_scores(&of_modules);
        // Rounding may have moved the sum out of [0, 1].
        sum.score = sum.score.clamp(0.0, 1.0);
        sum.closeness = closeness.map(|closeness: f64| closeness.clamp(0.0, 1.0));
        sum.feedback = words.join("\n");
        Ok(sum)
    }
}

/// Returns a score for each module that a part names: the least of the parts' scores for it. A part without module scores counts
/// with its own score for every module. A part that names only other modules does not count.
fn combine_module_scores(parts: &[(f64, BTreeMap<String, f64>)]) -> BTreeMap<String, f64> {
    let names: BTreeSet<&String> = parts.iter().flat_map(|(_, scores)| scores.keys()).collect();
    let of = |name: &String| {
        let of_parts =
            parts.iter().filter_map(|(score, scores)| if scores.is_empty() { Some(*score) } else { scores.get(name).copied() });
        of_parts.fold(1.0, f64::min)
    };
    names.into_iter().map(|name| (name.clone(), of(name))).collect()
}

/// Names the judges of a part `PART.NAME`, or `PART` for a judge that is the whole part.
pub(super) fn prefix_judges<'a>(part: &str, judges: Vec<(String, &'a dyn Grader)>) -> Vec<(String, &'a dyn Grader)> {
    let named = |name: String| if name.is_empty() { part.to_owned() } else { format!("{part}.{name}") };
    judges.into_iter().map(|(name, judge)| (named(name), judge)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::tests_support::{example, rollout};
    use crate::metric::{Comparison, Text};

    #[test]
    fn a_part_scores_the_modules_that_it_names() {
        let scores = |of: &[(&str, f64)]| of.iter().map(|(name, score)| ((*name).to_owned(), *score)).collect::<BTreeMap<_, _>>();
        let (answer, query) = (scores(&[("answer", 1.0)]), scores(&[("query", 0.0)]));
        assert_eq!(
            combine_module_scores(&[(1.0, answer.clone()), (0.5, query.clone())]),
            scores(&[("answer", 1.0), ("query", 0.0)])
        );
        // A part without module scores counts for the modules that no other part names, and bounds the rest.
        assert_eq!(
            combine_module_scores(&[(1.0, answer.clone()), (0.5, query), (0.25, BTreeMap::new())]),
            scores(&[("answer", 0.25), ("query", 0.0)])
        );
        assert_eq!(combine_module_scores(&[(1.0, BTreeMap::new())]), BTreeMap::new());
    }

    #[test]
    fn an_error_of_a_part_has_precedence_over_one_that_stumbles() {
        struct Fails(MetricError);
        impl Metric for Fails {
            fn judge(&self, _: &Example, _: &Rollout, _: &[Completion]) -> Result<Judgement, MetricError> {
                Err(self.0.clone())
            }
        }
        let part = |error| Part { name: "part".into(), weight: 1.0, metric: Box::new(Fails(error)) };
        let stumbled = MetricError::Stumbled { id: "1".into(), cause: "no note".into() };
        let broken = MetricError::Unreadable { id: "1".into(), cause: "no grade".into() };
        let told = |parts| Sum::new(parts).judge(&example(&serde_json::json!({})), &rollout(&[]), &[]).unwrap_err();
        assert_eq!(told(vec![part(stumbled.clone()), part(broken.clone())]), broken);
        assert_eq!(told(vec![part(stumbled.clone())]), stumbled);
    }

    #[test]
    fn parts_are_weighted_and_reported_separately() {
        let part =
            |name: &str, weight, how| Part { name: name.into(), weight, metric: Box::new(Text::new(how, "answer", "answer")) };
        let sum = Sum::new(vec![part("exact", 3.0, Comparison::Exact), part("overlap", 1.0, Comparison::F1)]);
        let row = example(&serde_json::json!({ "answer": "Kyle Busch" }));
        let verdict = sum.judge(&row, &rollout(&[("answer", "Kyle")]), &[]).unwrap();
        assert!((verdict.score - 0.25 * 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(verdict.objectives["exact"], 0.0);
        assert!((verdict.objectives["overlap"] - 2.0 / 3.0).abs() < 1e-9);
        assert!(verdict.feedback.starts_with("exact 0.00: Wrong."), "{}", verdict.feedback);
        assert!(verdict.feedback.contains("\noverlap 0.67: "), "{}", verdict.feedback);
        assert_eq!(sum.judge(&row, &rollout(&[("answer", "the Kyle Busch")]), &[]).unwrap().score, 1.0);
    }
}

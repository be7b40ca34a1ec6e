//! The metric `retrieval`: compares what the program's steps fetched with what was needed.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::author::author;
use super::contract::Metric;
use super::error::MetricError;
use super::judgement::Judgement;
use super::normalize::{expected, shorten};
use crate::data::{Example, listed};
use crate::engine::Completion;
use crate::program::{Rollout, Step};

/// How the score is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fetched {
    /// The share of the wanted rows that were fetched.
    Recall,
    /// The harmonic mean of the recall and of the share of fetched rows that were wanted.
    F1,
}

/// Compares the keys of fetched rows with a list of keys in the example.
#[derive(Debug, Clone)]
pub struct Retrieval {
    /// The example's field with the wanted keys: a list, or one text.
    pub field: String,
    /// The steps whose results count.
    pub steps: Vec<String>,
    /// How the score is computed.
    pub score: Fetched,
}

/// The most characters of a query that feedback quotes.
const MOST_QUOTED: usize = 200;

/// A query that a module wrote, and its result.
struct Query<'a> {
    /// The call that wrote the query.
    call: &'a Step,
    /// The share of the missing keys that the query found, in [0, 1].
    share: f64,
    /// Whether nothing was missing when it was asked.
    is_idle: bool,
    /// The feedback for the module.
    feedback: String,
    /// The output that the call could have written, by output name. Empty where it had not read of a missing key.
    label: BTreeMap<String, String>,
}

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
        let (mut words, mut queries) = (Vec::new(), Vec::new());
        // In the order in which they ran: a key that one step found is no longer wanted of the next.
        for (place, step) in rollout.steps.iter().enumerate().filter(|(_, step)| self.steps.contains(&step.module)) {
            let missing: Vec<&String> = wanted.iter().filter(|key| !found.contains(key)).collect();
            let new: Vec<&String> = missing.iter().copied().filter(|key| step.retrieved.contains(key)).collect();
            let said = match (missing.as_slice(), new.as_slice()) {
                ([], _) => "had nothing left to find".to_owned(),
                (missing, []) => format!("found nothing of {}", listed(missing)),
                (_, new) => format!("found {}", listed(new)),
            };
            let (field, query) = step.inputs.first().map_or(("", ""), |(field, query)| (field.as_str(), query.as_str()));
            let line = format!("`{}` searched for \"{}\" and {said}.", step.module, shorten(query.trim(), MOST_QUOTED));
            if let Some(call) = author(&rollout.steps[..place], field) {
                queries.push(Query::new(call, field, &line, (missing.as_slice(), new.as_slice())));
            }
            words.push(line);
            found.extend(new);
            fetched.extend(&step.retrieved);
        }
        let has_run = |name: &String| rollout.steps.iter().any(|step| step.module == *name);
        words.extend(self.steps.iter().filter(|name| !has_run(name)).map(|name| format!("`{name}` did not run.")));
        let missing: Vec<&String> = wanted.iter().filter(|key| !found.contains(key)).collect();
        words.push(match missing.as_slice() {
            [] => "All that was wanted was found.".into(),
            missing => format!("Still missing: {}.", listed(missing)),
        });
        let distinct: BTreeSet<&String> = wanted.iter().collect();
        let recall = found.len() as f64 / distinct.len() as f64;
        let precision = if fetched.is_empty() { 0.0 } else { found.len() as f64 / fetched.len() as f64 };
        let f1 = if found.is_empty() { 0.0 } else { 2.0 * precision * recall / (precision + recall) };
        let score = match self.score {
            Fetched::Recall => recall,
            Fetched::F1 => f1,
        };
        let mut judgement = Judgement::new(score, words.join(" "));
        judgement.objectives = [("recall".to_owned(), recall), ("f1".to_owned(), f1)].into();
        add_query_feedback(&mut judgement, rollout, &queries);
        Ok(judgement)
    }
}

impl<'a> Query<'a> {
    fn new(call: &'a Step, field: &str, line: &str, (missing, new): (&[&String], &[&String])) -> Self {
        let left: Vec<&String> = missing.iter().copied().filter(|key| !new.contains(key)).collect();
        let advice = match left.as_slice() {
            [] => String::new(),
            left => format!(" The query must lead to {}.", listed(left)),
        };
        // A query could have named a missing key where its module had read of it. There is no label if a step rewrote the module's text.
        let read = missing.iter().filter(|key| call.inputs_contain(key) && call.outputs.contains_key(field));
        let named = read.map(|key| key.as_str()).collect::<Vec<_>>().join(", ");
        let label = (!named.is_empty()).then(|| (field.to_owned(), named));
        Self {
            call,
            share: new.len() as f64 / missing.len().max(1) as f64,
            is_idle: missing.is_empty(),
            feedback: format!("{line}{advice}"),
            label: label.into_iter().collect(),
        }
    }
}

/// Adds feedback, a score and labels for the modules that wrote queries. If a module wrote several, the feedback is about the call that
/// a reflector is shown, else about the worst; a query for which nothing was missing comes last. The module's score is the worst of
/// its queries, since any of its calls may become a demonstration.
fn add_query_feedback(judgement: &mut Judgement, rollout: &Rollout, queries: &[Query<'_>]) {
    let modules: BTreeSet<&String> = queries.iter().map(|query| &query.call.module).collect();
    for module in modules {
        let shown = rollout.most_informative_step(module);
        let is_shown = |call: &Step| shown.is_some_and(|shown| std::ptr::eq(shown, call));
        let rank = |query: &Query<'_>| (query.is_idle, !is_shown(query.call), query.share);
        let of_module: Vec<&Query<'_>> = queries.iter().filter(|query| query.call.module == *module).collect();
        let told = of_module.iter().min_by(|a, b| rank(a).partial_cmp(&rank(b)).unwrap_or(Ordering::Equal));
        let Some(told) = told else { continue };
        let shares = of_module.iter().filter(|query| !query.is_idle).map(|query| query.share);
        // If nothing was ever missing, no call is worth showing.
        let share = if told.is_idle { 0.0 } else { shares.fold(1.0, f64::min) };
        judgement.module_feedback.insert(module.clone(), told.feedback.clone());
        judgement.module_scores.insert(module.clone(), share);
        judgement.module_labels.insert(module.clone(), told.label.clone());
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

    /// A module that reads a summary and writes a query.
    fn call(module: &str, summary: &str, query: &str) -> Step {
        let inputs = vec![("summary".into(), summary.into())];
        let outputs = [("query".to_owned(), query.to_owned())].into();
        Step { module: module.into(), inputs, answer: query.into(), outputs, ..Step::default() }
    }

    /// What is said where A and B are wanted, of `hop2` and `hop1`.
    fn judged(steps: Vec<Step>) -> Judgement {
        let metric = Retrieval { field: "titles".into(), steps: vec!["hop2".into(), "hop1".into()], score: Fetched::Recall };
        let row = example(&json!({ "titles": ["A", "B"] }));
        metric.judge(&row, &Rollout { steps, failure: None }, &[]).unwrap()
    }

    #[test]
    fn each_hop_is_told_what_it_found_and_what_is_missing() {
        let verdict =
            judged(vec![step("hop1", "who?", &["A", "X"]), call("query", "", "who??"), step("hop2", "who??", &["A", "Y"])]);
        assert_eq!(verdict.score, 0.5);
        assert_eq!(
            verdict.feedback,
            "`hop1` searched for \"who?\" and found `A`. `hop2` searched for \"who??\" and found nothing of `B`. Still missing: `B`."
        );
        assert!(verdict.module_feedback["query"].ends_with("The query must lead to `B`."), "{verdict:?}");
        assert_eq!(verdict.module_scores["query"], 0.0);
        assert!((verdict.objectives["f1"] - 0.4).abs() < 1e-9, "{verdict:?}");
        let verdict = judged(vec![step("hop1", "who?", &["B", "A"]), call("query", "", "x"), step("hop2", "x", &[])]);
        assert_eq!((verdict.score, verdict.objectives["f1"]), (1.0, 1.0));
        assert!(verdict.feedback.contains("`hop2` searched for \"x\" and had nothing left to find."), "{}", verdict.feedback);
        assert_eq!(verdict.module_scores["query"], 0.0);
        let late = judged(vec![step("hop1", "who?", &["A"]), call("query", "", "who is B?"), step("hop2", "who is B?", &["B"])]);
        assert!(late.module_scores["query"] == 1.0 && late.module_labels["query"].is_empty(), "{late:?}");
        let ask = |summary: &str| {
            let steps = vec![step("hop1", "who?", &["A"]), call("query", summary, "who?"), step("hop2", "who?", &["A"])];
            judged(steps).module_labels.remove("query").unwrap()
        };
        assert_eq!(ask("A was a friend of B.").get("query").map(String::as_str), Some("B"));
        assert_eq!(ask("A had a friend.").get("query"), None);
        let alone = judged(vec![step("hop1", "who?", &["A"])]).feedback;
        assert!(alone.ends_with("`hop2` did not run. Still missing: `B`."), "{alone}");
        let metric = Retrieval { field: "titles".into(), steps: Vec::new(), score: Fetched::Recall };
        assert!(metric.check(&example(&json!({ "titles": [] }))).is_err());
    }

    #[test]
    fn rounds_of_a_loop_are_told_in_the_order_in_which_they_ran() {
        let round = |n: usize, first: &[&str], second: &[&str]| {
            let (one, two) = (format!("one {n}"), format!("two {n}"));
            [call("ask1", "", &one), step("hop1", &one, first), call("ask2", "", &two), step("hop2", &two, second)]
        };
        let verdict = judged([round(1, &[], &["A"]), round(2, &["A", "B"], &["B"])].concat());
        assert_eq!(
            verdict.feedback,
            "`hop1` searched for \"one 1\" and found nothing of `A`, `B`. `hop2` searched for \"two 1\" and found `A`. \
             `hop1` searched for \"one 2\" and found `B`. `hop2` searched for \"two 2\" and had nothing left to find. \
             All that was wanted was found."
        );
        // The last call is the one that a reflector is shown, and one of the calls found nothing.
        assert_eq!(verdict.module_feedback["ask1"], "`hop1` searched for \"one 2\" and found `B`.");
        assert_eq!(verdict.module_scores["ask1"], 0.0);
        // A round with nothing left to find takes nothing from the one before it.
        assert_eq!(verdict.module_feedback["ask2"], "`hop2` searched for \"two 1\" and found `A`. The query must lead to `B`.");
        assert_eq!(verdict.module_scores["ask2"], 0.5);
        let all = judged([round(1, &["A"], &["B"]), round(2, &[], &[])].concat());
        assert_eq!((all.module_scores["ask1"], all.module_scores["ask2"]), (0.5, 1.0));
    }

    #[test]
    fn a_query_is_told_to_the_module_that_wrote_it_in_this_run() {
        let easy = judged(vec![call("easy_query", "", "A?"), step("hop1", "A?", &[])]);
        assert_eq!(easy.module_scores.keys().collect::<Vec<_>>(), ["easy_query"]);
        // A template makes the query of what the module wrote, which has a name of its own.
        let topic = Step { outputs: [("topic".to_owned(), "B".to_owned())].into(), ..call("name", "of B", "B") };
        let inputs = vec![("question".into(), "Who?".into()), ("topic".into(), "B".into())];
        let framed = Step { inputs, answer: String::new(), ..call("frame", "", "Who? B") };
        let verdict = judged(vec![topic, framed, step("hop1", "Who? B", &[])]);
        assert_eq!(verdict.module_scores.keys().collect::<Vec<_>>(), ["name"]);
        assert!(verdict.module_labels["name"].is_empty(), "{verdict:?}");
        assert!(judged(vec![step("hop1", "Who?", &[])]).module_scores.is_empty());
    }
}

//! Finds what stands in the way of a good run, in the data and in the seed's rollouts, before the run.

use std::collections::{BTreeMap, BTreeSet};

use super::checks::ENOUGH_TRAINING;
use super::constant::Constant;
use super::eval::EvalResult;
use super::finding::Finding;
use crate::data::Example;
use crate::data::split::Splits;
use crate::engine::{Ended, Shape};
use crate::evaluate::Verdict;
use crate::init::leak;
use crate::metric::Metric;
use crate::program::{Program, Rollout, Step};

/// The score of a seed from which on little is left to gain.
const HIGH: f64 = 0.95;

/// The fewest failures whose equal feedback is a finding.
const LEAST_FAILURES: usize = 3;

/// The fewest rows in which a field that never varies is a finding.
const LEAST_ROWS: usize = 4;

/// The half width of a 95% interval, in percentage points, from which on the validation examples are too few.
const MOST_POINTS: f64 = 20.0;

/// The share of the seed's score that a constant answer must reach to be a finding.
const CONSTANT_SHARE: f64 = 0.9;

/// Returns the findings about the data alone.
pub(super) fn of_data(program: &Program, metric: &dyn Metric, splits: &Splits) -> Vec<Finding> {
    let mut findings = Vec::new();
    let examples = splits.val.len();
    // The interval is widest at a score of one half.
    let points = 100.0 * 1.96 * 0.5 / (examples.max(1) as f64).sqrt();
    if points > MOST_POINTS {
        findings.push(Finding::SmallValidation { examples, points });
    }
    if splits.train.len() > ENOUGH_TRAINING {
        findings.push(Finding::MuchTraining { examples: splits.train.len() });
    }
    let required = metric.required_fields();
    findings.extend(never_allowed(program, metric, &required, splits));
    let read = program.reads.iter().map(|field| (field.clone(), false));
    // A metric may need further fields, such as tests; no answer is compared with these.
    let outputs = program.modules.iter().flat_map(|module| module.outputs.iter().map(move |output| module.label(output)));
    let labels: BTreeSet<&str> = outputs.collect();
    let compared = required.into_iter().filter(|field| labels.contains(field.as_str()));
    let mut fields: BTreeMap<String, bool> = compared.map(|field| (field, true)).collect();
    let rows: Vec<&Example> = splits.train.iter().chain(&splits.val).collect();
    for answer in fields.keys() {
        for field in program.reads.iter().filter(|field| *field != answer) {
            if let Some(leak) = leak::of_field(&rows, field, answer) {
                findings.push(Finding::TellsAnswer { field: field.clone(), answer: answer.clone(), leak });
            }
        }
    }
    fields.extend(read);
    for (field, expected) in fields {
        let rows = splits.train.iter().chain(&splits.val);
        let values: BTreeSet<String> = rows.filter_map(|example| example.text(&field)).collect();
        if let (1, true, Some(value)) = (values.len(), splits.train.len() + examples >= LEAST_ROWS, values.into_iter().next()) {
            findings.push(Finding::NeverVaries { field, value, expected });
        }
    }
    findings
}

/// Returns a finding for each output with declared values of which none is right for some rows.
fn never_allowed(program: &Program, metric: &dyn Metric, required: &[String], splits: &Splits) -> Vec<Finding> {
    let mut findings = Vec::new();
    for module in &program.modules {
        for (output, shape) in &module.shapes {
            let values = match shape {
                Shape::Values(values) => values.clone(),
                Shape::Flag => vec!["true".into(), "false".into()],
                _ => continue,
            };
            let label = module.label(output);
            if !required.iter().any(|field| field == label) {
                continue;
            }
            let rows = splits.train.iter().chain(&splits.val);
            let rows: Vec<(&Example, String)> = rows.filter_map(|row| Some((row, row.text(label)?))).collect();
            // A value with the same text as the row's is right; the metric is not needed for it.
            let has_no_right_value = |(row, wanted): &&(&Example, String)| {
                !values.iter().any(|value| value.eq_ignore_ascii_case(wanted))
                    && !values.iter().any(|value| may_score(metric, row, output, value))
            };
            let wrong: Vec<&(&Example, String)> = rows.iter().filter(has_no_right_value).collect();
            if let Some((_, value)) = wrong.first() {
                let (value, rows, of) = (value.clone(), wrong.len(), rows.len());
                findings.push(Finding::NeverAllowed { output: output.clone(), values, value, rows, of });
            }
        }
    }
    findings
}

/// Whether a value of an output can score above 0 on a row. True as well if the metric needs a model or fails.
fn may_score(metric: &dyn Metric, row: &Example, output: &str, value: &str) -> bool {
    let step = Step { outputs: [(output.to_owned(), value.to_owned())].into(), ..Step::default() };
    let rollout = Rollout { steps: vec![step], ..Rollout::default() };
    metric.questions(row, &rollout) > 0 || !metric.judge(row, &rollout, &[]).is_ok_and(|verdict| verdict.score <= 0.0)
}

/// Returns the findings about the seed's rollouts.
pub(super) fn of_seed(program: &Program, metric: &dyn Metric, seed: &EvalResult, constant: Option<&Constant>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let tried = seed.rollouts.len();
    let score = seed.mean();
    if let Some(score) = score.filter(|score| *score >= HIGH) {
        findings.push(Finding::SeedIsGood { score, tried });
    }
    for module in &program.modules {
        let calls = seed.rollouts.iter().flat_map(|scored| &scored.rollout.steps).filter(|step| step.module == module.name);
        let (mut cut, mut of) = (0, 0);
        for step in calls {
            of += 1;
            cut += usize::from(step.ended == Ended::Length);
        }
        if cut > 0 {
            findings.push(Finding::Cut { module: module.name.clone(), cut, of, max_tokens: module.max_tokens });
        }
    }
    findings.extend(same_feedback(program, metric, seed));
    if let (Some(constant), Some(score)) = (constant, score)
        && constant.score > 0.0
        && constant.score >= CONSTANT_SHARE * score
    {
        findings.push(Finding::ConstantAnswer { constant: constant.clone(), seed: score });
    }
    findings
}

/// Returns a finding if all failures have the same feedback although their right answers differ.
fn same_feedback(program: &Program, metric: &dyn Metric, seed: &EvalResult) -> Option<Finding> {
    let mut expected = metric.required_fields();
    expected.retain(|field| !program.reads.contains(field));
    let (mut wanted, mut feedback, mut failures) = (BTreeSet::new(), BTreeSet::new(), 0);
    for (row, scored) in seed.examples.iter().zip(&seed.rollouts) {
        if let Verdict::Judged(judgement) = &scored.verdict
            && judgement.score < 1.0
        {
            let of_modules: Vec<&str> = judgement.module_feedback.values().map(String::as_str).collect();
            feedback.insert(format!("{} {}", judgement.feedback, of_modules.join(" ")));
            wanted.insert(expected.iter().map(|field| row.text(field)).collect::<Vec<_>>());
            failures += 1;
        }
    }
    // Failures with the same right answer may have the same feedback.
    if failures < LEAST_FAILURES || feedback.len() > 1 || (!expected.is_empty() && wanted.len() == 1) {
        return None;
    }
    feedback.first().map(|feedback| Finding::SameFeedback { feedback: feedback.trim().to_owned(), failures })
}

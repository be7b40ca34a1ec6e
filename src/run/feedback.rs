//! From `[metric]` to a feedback function, and whether it can judge the data.

use std::path::Path;

use regex::Regex;

use crate::config::{MetricPlan, PartPlan, Plan};
use crate::data::split::{Split, Splits};
use crate::data::{DataError, Example};
use crate::metric::{
    Code, Comparison, Constraint, Constraints, Hop, Json, Label, Listed, Metric, Number, Part, Retrieval, Sum, Text,
};

/// The feedback function of a plan.
#[must_use]
pub fn metric(plan: &Plan) -> Box<dyn Metric> {
    build(&plan.metric, plan)
}

fn build(metric: &MetricPlan, plan: &Plan) -> Box<dyn Metric> {
    match metric {
        MetricPlan::Label { field, output } => Box::new(Label::new(field, output)),
        MetricPlan::Number { field, output, solution } => Box::new(Number::new(field, output, solution.clone())),
        MetricPlan::Json { field, weights } => Box::new(Json::new(field.clone(), weights.clone())),
        MetricPlan::Exact { field, output } => Box::new(Text::new(Comparison::Exact, field, output)),
        MetricPlan::F1 { field, output } => Box::new(Text::new(Comparison::F1, field, output)),
        MetricPlan::Contains { field, output } => Box::new(Text::new(Comparison::Contains, field, output)),
        MetricPlan::Regex { field, pattern, output } => {
            // The pattern was read once when the plan was; a plan made by hand with a bad one matches nothing.
            let fixed = pattern.as_deref().and_then(|pattern| Regex::new(pattern).ok()).map(Comparison::Pattern);
            Box::new(Text::new(fixed.unwrap_or(Comparison::Regex), field.clone().unwrap_or_default(), output))
        }
        MetricPlan::Constraints { output, fields, score, constraint } => Box::new(Constraints {
            output: output.clone(),
            listed: fields.clone().map(|[kinds, arguments]| Listed { kinds, arguments }),
            always: constraint.iter().filter_map(|plan| Constraint::read(&plan.kind, &plan.arguments).ok()).collect(),
            counting: *score,
        }),
        MetricPlan::Retrieval { field, steps, score } => {
            Box::new(Retrieval { field: field.clone(), hops: steps.iter().map(|step| hop(plan, step)).collect(), score: *score })
        }
        MetricPlan::Code(settings) => Box::new(Code::new(settings.clone())),
        MetricPlan::Sum { part: parts } => {
            let part = |part: &PartPlan| Part { name: part.name.clone(), weight: part.weight, metric: build(&part.metric, plan) };
            Box::new(Sum::new(parts.iter().map(part).collect()))
        }
    }
}

/// A step that fetches, and the module that writes what it searches with.
fn hop(plan: &Plan, name: &str) -> Hop {
    let query = plan.steps.iter().find(|step| step.name == name).and_then(|step| step.inputs().into_iter().next());
    let writer = query.and_then(|query| plan.modules.iter().rfind(|module| module.writes(&query)));
    Hop { step: name.to_owned(), asked_by: writer.map(|module| module.name.clone()) }
}

/// Asks the metric of every example whether it can judge it.
pub(super) fn check(metric: &dyn Metric, plan: &Plan, splits: &Splits) -> Result<(), DataError> {
    let mut splits_of = [Split::Train, Split::Val, Split::Test].into_iter();
    splits_of.try_for_each(|split| check_examples(metric, plan.data.file(split), splits.of(split)))
}

/// The same of some examples of a file.
pub(super) fn check_examples(metric: &dyn Metric, path: &Path, examples: &[Example]) -> Result<(), DataError> {
    let unusable = |error: crate::metric::MetricError| DataError::Unusable { path: path.to_owned(), cause: error.to_string() };
    examples.iter().try_for_each(|example| metric.check(example).map_err(unusable))
}

//! Builds the metric of a plan, and checks that it can score the examples.

use std::path::Path;

use super::program::pool;
use crate::config::{CommandPlan, JudgePlan, MetricPlan, ModulePlan, PartPlan, Plan, PrivacyPlan};
use crate::data::{DataError, Example};
use crate::error::RunError;
use crate::metric::{
    Code, CommandMetric, Comparison, Constraint, Constraints, Json, Judge, Label, Labels, Listed, Metric, MetricError, Number,
    Part, Privacy, Retrieval, Searched, Set, Sum, Text, Tolerance,
};

/// Builds the metric of a plan.
///
/// # Errors
/// [`RunError::Plan`] if it has a constraint that does not exist. A plan that was read from a task file has none.
pub fn metric(plan: &Plan) -> Result<Box<dyn Metric>, RunError> {
    build(&plan.metric, plan)
}

fn build(metric: &MetricPlan, plan: &Plan) -> Result<Box<dyn Metric>, RunError> {
    Ok(match metric {
        MetricPlan::Label { field, output } => Box::new(Label::new(field, output)),
        MetricPlan::Number { field, output, solution, relative, absolute } => {
            let tolerance = Tolerance { relative: *relative, absolute: *absolute };
            Box::new(Number::new(field, output, solution.clone()).within(tolerance))
        }
        MetricPlan::Json { field, weights } => Box::new(Json::new(field.clone(), weights.clone())),
        MetricPlan::Exact { field, output, normalize } => {
            Box::new(Text::new(Comparison::Exact, field, output).normalized(*normalize))
        }
        MetricPlan::F1 { field, output, normalize } => Box::new(Text::new(Comparison::F1, field, output).normalized(*normalize)),
        MetricPlan::Set { field, output, equal, close } => Box::new(Set::new(field, output, equal.clone(), close.clone())),
        MetricPlan::Contains { field, output } => Box::new(Text::new(Comparison::Contains, field, output)),
        MetricPlan::Regex { field, pattern, output } => {
            let how = pattern.clone().map_or(Comparison::Regex, |pattern| Comparison::Pattern(pattern.0));
            Box::new(Text::new(how, field.clone().unwrap_or_default(), output))
        }
        MetricPlan::Constraints { output, fields, score, constraint } => {
            let always = constraint.iter().map(|plan| Constraint::read(&plan.kind, &plan.arguments));
            Box::new(Constraints {
                output: output.clone(),
                listed: fields.clone().map(|[kinds, arguments]| Listed { kinds, arguments }),
                always: always.collect::<Result<_, _>>().map_err(RunError::Plan)?,
                counting: *score,
            })
        }
        MetricPlan::Retrieval { field, steps, score } => {
            Box::new(Retrieval { field: field.clone(), steps: steps.clone(), score: *score })
        }
        MetricPlan::Privacy(privacy) => Box::new(build_privacy(privacy, plan)?),
        MetricPlan::Judge(judge) => Box::new(build_judge(judge, plan)),
        MetricPlan::Command(command) => Box::new(build_command(command, plan)),
        MetricPlan::Code(settings) => Box::new(Code::new(settings.clone())),
        MetricPlan::Sum { part: parts } => {
            let part = |part: &PartPlan| -> Result<Part, RunError> {
                Ok(Part { name: part.name.clone(), weight: part.weight, metric: build(&part.metric, plan)? })
            };
            Box::new(Sum::new(parts.iter().map(part).collect::<Result<_, _>>()?))
        }
    })
}

fn build_command(command: &CommandPlan, plan: &Plan) -> CommandMetric {
    let outputs = |module: &ModulePlan| module.outputs.iter().map(|output| output.name.clone()).collect::<Vec<_>>();
    CommandMetric {
        pool: pool(command),
        modules: plan.program.order.clone(),
        outputs: plan.modules.iter().map(|module| (module.name.clone(), outputs(module))).collect(),
    }
}

fn build_judge(judge: &JudgePlan, plan: &Plan) -> Judge {
    let is_written = |name: &str| {
        plan.modules.iter().any(|module| module.writes(name))
            || plan.steps.iter().any(|step| step.outputs().iter().any(|output| output == name))
    };
    Judge {
        model: judge.model.id,
        rubric: judge.rubric.clone(),
        inputs: judge.inputs.clone(),
        required: judge.reads(is_written),
        output: judge.output.clone(),
        scale: judge.scale,
        samples: judge.samples,
        temperature: judge.temperature,
        max_tokens: judge.max_tokens,
        seed: plan.optimize.seed,
        labels: judge.labels.clone().zip(judge.labelled.clone()).map(|(grade, text)| Labels { grade, text }),
    }
}

fn build_privacy(privacy: &PrivacyPlan, plan: &Plan) -> Result<Privacy, RunError> {
    let searched = match (&privacy.output, &privacy.sent_to) {
        (None, Some(module)) => Searched::SentTo(module.clone()),
        (output, _) => Searched::Output(output.clone().unwrap_or_default()),
    };
    let build_quality = |quality: &MetricPlan| -> Result<_, RunError> {
        let outputs = quality.outputs().into_iter().map(str::to_owned).collect();
        Ok((build(quality, plan)?, outputs))
    };
    let quality = privacy.quality.as_deref().map(build_quality).transpose()?;
    Ok(Privacy {
        searched,
        listed: privacy.listed.clone(),
        fields: privacy.fields.clone(),
        detected: privacy.detect.clone(),
        quality,
    })
}

/// Checks that the metric can score each of `examples`, which were read from `path`.
///
/// # Errors
/// [`DataError::Unusable`] for the first example that it cannot score.
pub(super) fn check_examples(metric: &dyn Metric, path: &Path, examples: &[Example]) -> Result<(), DataError> {
    let unusable = |error: MetricError| DataError::Unusable { path: path.to_owned(), cause: error.to_string() };
    examples.iter().try_for_each(|example| metric.check(example).map_err(unusable))
}

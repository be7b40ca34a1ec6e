//! From `[metric]` to a feedback function, and whether it can judge the data.

use std::path::Path;

use crate::config::{CommandPlan, JudgePlan, MetricPlan, ModulePlan, PartPlan, Plan, PrivacyPlan, StepKind, StepPlan};
use crate::data::split::{Split, Splits};
use crate::data::{DataError, Example};
use crate::hash::sha256_hex;
use crate::metric::{
    Code, CommandMetric, Comparison, Constraint, Constraints, Json, Judge, Label, Labels, Listed, Metric, Number, Part, Privacy,
    Retrieval, Searched, Sum, Text,
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
            let how = pattern.clone().map_or(Comparison::Regex, |pattern| Comparison::Pattern(pattern.0));
            Box::new(Text::new(how, field.clone().unwrap_or_default(), output))
        }
        MetricPlan::Constraints { output, fields, score, constraint } => Box::new(Constraints {
            output: output.clone(),
            listed: fields.clone().map(|[kinds, arguments]| Listed { kinds, arguments }),
            always: constraint.iter().filter_map(|plan| Constraint::read(&plan.kind, &plan.arguments).ok()).collect(),
            counting: *score,
        }),
        MetricPlan::Retrieval { field, steps, score } => {
            Box::new(Retrieval { field: field.clone(), steps: steps.clone(), score: *score })
        }
        MetricPlan::Privacy(privacy) => Box::new(build_privacy(privacy, plan)),
        MetricPlan::Judge(judge) => Box::new(build_judge(judge, plan)),
        MetricPlan::Command(command) => Box::new(build_command(command, plan)),
        MetricPlan::Code(settings) => Box::new(Code::new(settings.clone())),
        MetricPlan::Sum { part: parts } => {
            let part = |part: &PartPlan| Part { name: part.name.clone(), weight: part.weight, metric: build(&part.metric, plan) };
            Box::new(Sum::new(parts.iter().map(part).collect()))
        }
    }
}

fn build_command(command: &CommandPlan, plan: &Plan) -> CommandMetric {
    let outputs = |module: &ModulePlan| module.outputs.iter().map(|output| output.name.clone()).collect::<Vec<_>>();
    CommandMetric {
        pool: super::program::pool(command),
        modules: plan.program.order.clone(),
        outputs: plan.modules.iter().map(|module| (module.name.clone(), outputs(module))).collect(),
    }
}

fn build_judge(judge: &JudgePlan, plan: &Plan) -> Judge {
    let is_written = |name: &str| {
        plan.modules.iter().any(|module| module.writes(name))
            || plan.steps.iter().any(|step| step.outputs().iter().any(|o| o == name))
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

fn build_privacy(privacy: &PrivacyPlan, plan: &Plan) -> Privacy {
    let searched = match (&privacy.output, &privacy.sent_to) {
        (None, Some(module)) => Searched::SentTo(module.clone()),
        (output, _) => Searched::Output(output.clone().unwrap_or_default()),
    };
    let quality = privacy.quality.as_deref().map(|quality| {
        let outputs = quality.outputs().into_iter().map(str::to_owned).collect();
        (build(quality, plan), outputs)
    });
    Privacy {
        searched,
        listed: privacy.listed.clone(),
        fields: privacy.fields.clone(),
        detected: privacy.detect.clone(),
        quality,
    }
}

/// What outside metrics are made of: the SHA-256 of every file that stands among a command's arguments. Verdicts of two versions of
/// a program are not to be mixed in one run.
pub(super) fn programs(metric: &MetricPlan) -> Vec<(String, String)> {
    match metric {
        MetricPlan::Command(command) => files_of("metric", command),
        MetricPlan::Privacy(privacy) => privacy.quality.as_deref().map(programs).unwrap_or_default(),
        MetricPlan::Sum { part } => part.iter().flat_map(|part| programs(&part.metric)).collect(),
        _ => Vec::new(),
    }
}

/// The same of the programs of steps.
pub(super) fn step_programs(plan: &Plan) -> Vec<(String, String)> {
    let files = |step: &StepPlan| match &step.does {
        StepKind::Command { command, .. } => files_of(&format!("step.{}", step.name), command),
        _ => Vec::new(),
    };
    plan.steps.iter().flat_map(files).collect()
}

/// The files in a command, by their name, with the hash of what they hold.
fn files_of(whose: &str, CommandPlan { command, folder, .. }: &CommandPlan) -> Vec<(String, String)> {
    // `metrics.py:name` is a name in a file. Where the program itself is a path of the system's, it is the system's.
    let own = command.iter().enumerate().filter(|(place, part)| *place > 0 || !Path::new(part).is_absolute());
    let file = |(_, part): (usize, &String)| {
        let name = part.rsplit_once(':').map_or(part.as_str(), |(file, _)| file);
        let path = Some(folder.join(name)).filter(|path| path.is_file())?;
        let bytes = std::fs::read(path).ok()?;
        Some((format!("{whose}.command.{name}.sha256"), sha256_hex(&bytes)))
    };
    own.filter_map(file).collect()
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

//! Checks that every field is written before it is read, and that it has one writer.

use super::located::Located;
use super::section::Section;
use crate::config::module::ModulePlan;
use crate::config::program::LoopPlan;
use crate::config::step::StepPlan;
use crate::program::Condition;

/// The parts of a program.
pub(super) struct Parts<'a> {
    pub(super) modules: &'a [Located<ModulePlan>],
    pub(super) steps: &'a [Located<StepPlan>],
    pub(super) loops: &'a [Located<LoopPlan>],
}

/// A module or a step, with the fields that it reads and writes.
struct Runner<'a> {
    name: &'a str,
    line: usize,
    /// `module` or `step`.
    kind: &'static str,
    inputs: Vec<String>,
    when: Option<&'a Condition>,
    outputs: Vec<String>,
    /// Whether it may run not at all, or more than once.
    varies: bool,
}

impl Parts<'_> {
    fn runner<'a>(&'a self, name: &'a str) -> Option<Runner<'a>> {
        let in_loop = self.loops.iter().any(|one| one.plan.over.iter().any(|other| other == name));
        if let Some(Located { line, plan }) = self.modules.iter().find(|module| module.plan.name == name) {
            let outputs = plan.outputs.iter().map(|output| output.name.clone()).collect();
            let when = plan.when.as_ref();
            let (inputs, varies) = (plan.inputs.clone(), in_loop || when.is_some());
            return Some(Runner { name, line: *line, kind: "module", inputs, when, outputs, varies });
        }
        let Located { line, plan } = self.steps.iter().find(|step| step.plan.name == name)?;
        let (when, inputs, outputs) = (plan.when.as_ref(), plan.inputs(), plan.outputs());
        Some(Runner { name, line: *line, kind: "step", inputs, when, outputs, varies: in_loop || when.is_some() })
    }
}

/// Reports inputs and conditions on fields that only something later writes. Such an input would always be missing. Such a condition
/// would read the row's field of the same name, which may be the right answer. Also reports fields with two writers, unless one of
/// them runs on a condition or in a loop.
pub(super) fn check(root: &Section<'_>, order: &[String], parts: &Parts<'_>) {
    let runners: Vec<Runner<'_>> = order.iter().filter_map(|name| parts.runner(name)).collect();
    for (index, runner) in runners.iter().enumerate() {
        let Runner { name, line, kind, .. } = runner;
        let inputs = runner.inputs.iter().map(|input| ("inputs", input.as_str()));
        for (key, field) in inputs.chain(runner.when.map(|when| ("when", when.field.as_str()))) {
            if let Some(later) = later_writer(&runners, index, field) {
                let message = format!("`{field}` is written by `{later}`, which does not run before `{name}`");
                root.problem_at(*line, &format!("{kind}.{key}"), message);
            }
        }
        for output in &runner.outputs {
            let is_other = |other: &&Runner<'_>| other.outputs.contains(output) && !other.varies && !runner.varies;
            if let Some(other) = runners[..index].iter().find(is_other) {
                let message = format!(
                    "`{output}` is written by `{}` already; two may write it only where one runs on a condition (`when`) or in a \
                     [[loop]]",
                    other.name
                );
                root.problem_at(*line, &format!("{kind}.outputs"), message);
            }
        }
    }
    for Located { line, plan } in parts.loops {
        let last = runners.iter().rposition(|runner| plan.over.iter().any(|name| name == runner.name));
        if let (Some(until), Some(last)) = (&plan.until, last)
            && let Some(later) = later_writer(&runners, last + 1, &until.field)
        {
            let message = format!("`{}` is written by `{later}`, which does not run before the loop ends", until.field);
            root.problem_at(*line, "loop.until", message);
        }
    }
}

/// Returns the name of the first writer of a field if it stands at `index` or later. None if the field has no writer, or an earlier
/// one.
fn later_writer<'a>(runners: &[Runner<'a>], index: usize, field: &str) -> Option<&'a str> {
    let first = runners.iter().position(|runner| runner.outputs.iter().any(|output| output == field))?;
    (first >= index).then(|| runners[first].name)
}

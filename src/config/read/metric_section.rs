//! The table of a metric, with the names that it can refer to.

use std::path::Path;

use super::section::Section;
use super::suggestion::suggestion;
use crate::config::module::ModulePlan;
use crate::config::step::StepPlan;

/// The parts of a task that a metric can refer to.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    pub(super) modules: &'s [ModulePlan],
    pub(super) steps: &'s [StepPlan],
    /// The names of all models.
    pub(super) models: &'s [&'s str],
    /// The folder of the task file.
    pub(super) folder: &'s Path,
}

/// The table of a metric.
pub(super) struct MetricSection<'s, 'a> {
    pub(super) section: &'s Section<'a>,
    pub(super) scope: Scope<'s>,
}

impl MetricSection<'_, '_> {
    /// Returns the names of all fields that modules and steps write.
    pub(super) fn written_fields(&self) -> Vec<String> {
        let by_modules = self.scope.modules.iter().flat_map(|module| &module.outputs).map(|output| output.name.clone());
        by_modules.chain(self.scope.steps.iter().flat_map(StepPlan::outputs)).collect()
    }

    /// Reports a problem with `key` if no module or step writes the field `name`.
    pub(super) fn check_output(&self, key: &str, name: &str) {
        let written = self.written_fields();
        let written: Vec<&str> = written.iter().map(String::as_str).collect();
        if !name.is_empty() && !written.contains(&name) {
            self.section.problem(key, format!("no module writes `{name}`; {}", suggestion(name, &written)));
        }
    }

    /// Reads `output`. Its default is the last output of the last module.
    pub(super) fn output(&self) -> String {
        let last = || self.scope.modules.last()?.outputs.last().map(|output| output.name.clone());
        let output = self.section.text("output").or_else(last).unwrap_or_default();
        self.check_output("output", &output);
        output
    }
}

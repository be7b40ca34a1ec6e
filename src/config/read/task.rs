//! Reads a whole task file.

use std::path::Path;

use super::located::plans;
use super::metric_section::Scope;
use super::section::{Problems, Section};
use super::tree::Table;
use super::{data, engine, field_order, layout, metric, model, module, optimize, program, step};
use crate::config::optimize::Frontier;
use crate::config::plan::Plan;

/// Reads a task file.
pub(in crate::config) struct TaskReader<'a> {
    /// The folder of the task file. Paths in the file are relative to it.
    pub(in crate::config) folder: &'a Path,
    /// Collects the problems.
    pub(in crate::config) problems: &'a Problems,
}

impl TaskReader<'_> {
    /// Reads the plan. It must not be used if a problem was found.
    pub(in crate::config) fn plan(&self, table: &Table) -> Plan {
        let root = Section::root(table, self.problems);
        let models = model::read_all(&root, self.folder);
        let model_names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
        let modules = module::read_all(&root, self.folder, &model_names);
        let steps = step::read_all(&root, self.folder);
        let program = program::read_order(&root, &modules, &steps);
        let loops = program::read_loops(&root, &program.order);
        field_order::check(&root, &program.order, &field_order::Parts { modules: &modules, steps: &steps, loops: &loops });
        let (modules, steps) = (plans(modules), plans(steps));
        let scope = Scope { modules: &modules, steps: &steps, models: &model_names, folder: self.folder };
        let first_model = modules.first().map_or(module::DEFAULT_MODEL, |module| module.model.name.as_str());
        let mut plan = Plan {
            data: data::read(&root, self.folder),
            metric: metric::read(&root, scope),
            layout: layout::read(&root),
            optimize: optimize::read(&root, &model_names, first_model, self.folder),
            engine: engine::read(&root),
            program,
            loops: plans(loops),
            modules,
            steps,
            models,
        };
        if plan.optimize.frontier != Frontier::Example && !plan.metric.names_objectives() {
            let message = "needs a metric that names objectives, like json, constraints or sum: leave it out";
            root.table_or_empty("optimize").problem("frontier", message);
        }
        root.report_unknown_keys();
        plan.remove_unused_models();
        plan
    }
}

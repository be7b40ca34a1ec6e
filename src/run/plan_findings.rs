//! Finds what in a task file is probably not meant so.

use std::collections::BTreeSet;

use super::finding::Finding;
use crate::config::{OutputPlan, Plan};
use crate::engine::Shape;
use crate::engine::schema::Enforceable;
use crate::program::placeholder::placeholders;

/// Returns the findings about the task file alone.
pub(super) fn of_plan(plan: &Plan) -> Vec<Finding> {
    let mut findings = Vec::new();
    for module in &plan.modules {
        let mut told = BTreeSet::new();
        for found in placeholders(&module.instruction, &module.inputs) {
            if !(found.is_field && plan.layout.placeholders) && told.insert(found.name) {
                findings.push(Finding::Placeholder {
                    module: module.name.clone(),
                    placeholder: module.instruction[found.range].to_owned(),
                    inputs: (!found.is_field).then(|| module.inputs.clone()),
                });
            }
        }
        for OutputPlan { name, shape } in &module.outputs {
            let Shape::Json(schema) = shape else { continue };
            let keywords = Enforceable::new(schema).left_out;
            if !keywords.is_empty() {
                findings.push(Finding::NotEnforced { module: module.name.clone(), output: name.clone(), keywords });
            }
        }
    }
    findings
}

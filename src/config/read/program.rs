//! Reads `[program]` and `[[loop]]`.

use super::condition::read_condition;
use super::located::Located;
use super::section::Section;
use super::suggestion::suggestion;
use crate::config::module::ModulePlan;
use crate::config::program::{LoopPlan, ProgramPlan};
use crate::config::step::StepPlan;
use crate::program::MOST_STEPS;

/// The most rounds of a loop.
const MOST_ROUNDS: usize = 20;

/// Reads the order in which modules and steps run. Without `[program]`, it is the order of the file.
pub(super) fn read_order(root: &Section<'_>, modules: &[Located<ModulePlan>], steps: &[Located<StepPlan>]) -> ProgramPlan {
    let steps = steps.iter().map(|step| (step.line, step.plan.name.as_str()));
    let mut named: Vec<(usize, &str)> =
        steps.chain(modules.iter().map(|module| (module.line, module.plan.name.as_str()))).collect();
    for (index, (line, name)) in named.iter().enumerate() {
        if named[..index].iter().any(|(_, other)| other == name) {
            root.problem_at(*line, "name", format!("`{name}` stands twice; modules and steps need names of their own"));
        }
    }
    named.sort_unstable();
    let in_file: Vec<&str> = named.into_iter().map(|(_, name)| name).collect();
    let owned = || in_file.iter().map(|&name| name.to_owned()).collect();
    let Some(section) = root.table("program") else {
        return ProgramPlan { order: owned() };
    };
    let order: Vec<String> = section.texts("order").unwrap_or_else(owned);
    for name in order.iter().filter(|name| !in_file.contains(&name.as_str())) {
        section.problem("order", format!("there is no module or step `{name}`; {}", suggestion(name, &in_file)));
    }
    for name in &in_file {
        match order.iter().filter(|other| other == name).count() {
            1 => {}
            0 => section.problem("order", format!("lacks `{name}`")),
            _ => section.problem("order", format!("has `{name}` twice; what runs again stands in a [[loop]]")),
        }
    }
    section.report_unknown_keys();
    ProgramPlan { order }
}

/// Reads the loops. A loop may stand inside another one, but two loops may not overlap in any other way.
pub(super) fn read_loops(root: &Section<'_>, order: &[String]) -> Vec<Located<LoopPlan>> {
    let mut loops: Vec<Located<LoopPlan>> = Vec::new();
    for section in root.list_of_tables("loop") {
        let over = section.required_names("over");
        let has_repeat = section.has("repeat");
        let plan = LoopPlan { over, repeat: 1, until: None };
        let span = plan.span(order);
        if span.is_none() && !plan.over.is_empty() {
            section.problem("over", "must be neighbours in the order in which modules and steps run");
        }
        let crosses = |other: &LoopPlan| match (span, other.span(order)) {
            (Some((a, b)), Some((c, d))) => (a < c && c <= b && b < d) || (c < a && a <= d && d < b),
            _ => false,
        };
        if loops.iter().any(|other| crosses(&other.plan)) {
            section.problem("over", "lies half in another loop; it must lie in it, or beside it");
        }
        if !has_repeat {
            section.problem("repeat", "is missing; say how often the loop runs at most");
        }
        let repeat = section.integer("repeat", 1..=MOST_ROUNDS).unwrap_or(1);
        let plan = LoopPlan { repeat, until: read_condition(&section, "until"), ..plan };
        loops.push(Located { line: section.line(), plan });
        section.report_unknown_keys();
    }
    check_length(root, order, &loops);
    loops
}

/// Checks that a rollout with every round of all loops does not have more steps than a rollout may have.
fn check_length(root: &Section<'_>, order: &[String], loops: &[Located<LoopPlan>]) {
    let rounds = |name: &String| {
        let around = loops.iter().filter(|one| one.plan.over.contains(name));
        around.fold(1, |rounds: usize, one| rounds.saturating_mul(one.plan.repeat))
    };
    let steps = order.iter().map(rounds).fold(0, usize::saturating_add);
    if steps > MOST_STEPS {
        let key = if loops.is_empty() { "module" } else { "loop" };
        let message = format!("with every round, a rollout has {steps} steps, and it is stopped after {MOST_STEPS}");
        root.problem(key, format!("{message}; lower a `repeat`, or take modules or steps out"));
    }
}

//! `[program]` and `[[loop]]`: what runs in which order, and whether everything is written before it is read.

use serde::Serialize;

use super::plan::ModulePlan;
use super::section::{Section, nearest};
use super::steps::{self, StepPlan};
use crate::program::{Condition, Flow, MOST_STEPS, Next, Op};

/// `[[loop]]`: neighbours in the order that run again and again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoopPlan {
    /// Neighbours in the order, which run again and again.
    pub over: Vec<String>,
    /// How often they run at most, 1 to 20. With every round of all loops, a rollout may have 200 steps: calls of modules, and
    /// steps between them.
    pub repeat: usize,
    /// Until this holds after a round, a condition like `when`; None: always to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Condition>,
}

/// `[program]`
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ProgramPlan {
    /// Modules and steps in the order in which they run; left out: that of the file.
    pub order: Vec<String>,
}

/// The most rounds of a loop.
const MOST_ROUNDS: usize = 20;

/// Reads the order: what `[program]` says, else that of the file. `named` has the names of modules and steps with their lines.
pub(super) fn read(root: &Section<'_>, named: &mut [(usize, String)]) -> ProgramPlan {
    for (index, (line, name)) in named.iter().enumerate() {
        if named[..index].iter().any(|(_, other)| other == name) {
            root.problem_at(*line, "name", format!("`{name}` stands twice; modules and steps need names of their own"));
        }
    }
    named.sort();
    let written: Vec<String> = named.iter().map(|(_, name)| name.clone()).collect();
    let Some(section) = root.table("program") else {
        return ProgramPlan { order: written };
    };
    let order = section.texts("order").unwrap_or(written.clone());
    for name in &order {
        if !written.contains(name) {
            let known: Vec<&str> = written.iter().map(String::as_str).collect();
            section.problem("order", format!("there is no module or step `{name}`; {}", nearest(name, &known)));
        }
    }
    for name in &written {
        match order.iter().filter(|other| *other == name).count() {
            1 => {}
            0 => section.problem("order", format!("lacks `{name}`")),
            _ => section.problem("order", format!("has `{name}` twice; what runs again stands in a [[loop]]")),
        }
    }
    section.finish();
    ProgramPlan { order }
}

/// Reads the loops, each with the line that it stands in, over neighbours in the order; one may stand in another, but none half
/// in another.
pub(super) fn read_loops(root: &Section<'_>, order: &[String]) -> Vec<(usize, LoopPlan)> {
    let mut loops: Vec<(usize, LoopPlan)> = Vec::new();
    for section in root.list_of_tables("loop") {
        let over = steps::required_texts(&section, "over");
        let span = span(&over, order);
        if span.is_none() && !over.is_empty() {
            section.problem("over", "must be neighbours in the order in which modules and steps run");
        }
        let crosses = |other: &LoopPlan| match (span, self::span(&other.over, order)) {
            (Some((a, b)), Some((c, d))) => (a < c && c <= b && b < d) || (c < a && a <= d && d < b),
            _ => false,
        };
        if loops.iter().any(|(_, other)| crosses(other)) {
            section.problem("over", "lies half in another loop; it must lie in it, or beside it");
        }
        if !section.has("repeat") {
            section.problem("repeat", "is missing; say how often the loop runs at most");
        }
        let repeat = section.integer("repeat", 1..=MOST_ROUNDS).unwrap_or(1);
        loops.push((section.line(), LoopPlan { over, repeat, until: steps::read_condition(&section, "until") }));
        section.finish();
    }
    check_length(root, order, &loops);
    loops
}

/// A rollout that goes through every round of all loops must come to its end before it is stopped.
fn check_length(root: &Section<'_>, order: &[String], loops: &[(usize, LoopPlan)]) {
    let times = |name: &String| {
        let around = loops.iter().filter(|(_, plan)| plan.over.contains(name));
        around.fold(1, |times: usize, (_, plan)| times.saturating_mul(plan.repeat))
    };
    let steps = order.iter().map(times).fold(0, usize::saturating_add);
    if steps > MOST_STEPS {
        let key = if loops.is_empty() { "module" } else { "loop" };
        let message = format!("with every round, a rollout has {steps} steps, and it is stopped after {MOST_STEPS}");
        root.problem(key, format!("{message}; lower a `repeat`, or take modules or steps out"));
    }
}

/// First and last place of neighbours in the order.
fn span(over: &[String], order: &[String]) -> Option<(usize, usize)> {
    let first = order.iter().position(|name| Some(name) == over.first())?;
    let last = first + over.len() - 1;
    (order.get(first..=last)? == over).then_some((first, last))
}

/// What a module or step reads and writes, and whether it may run not at all or more than once.
struct Fields<'a> {
    is_module: bool,
    inputs: Vec<String>,
    when: Option<&'a Condition>,
    outputs: Vec<String>,
    varies: bool,
}

/// An input that only something later writes can never be there, and a condition on one would be about the row's field of that
/// name, which may be the right answer. A field has one writer, unless another one writes it on a condition or in a loop.
pub(super) fn check_fields(
    root: &Section<'_>,
    lines: &[(usize, String)],
    order: &[String],
    (modules, steps, loops): (&[ModulePlan], &[StepPlan], &[(usize, LoopPlan)]),
) {
    let fields = |name: &String| {
        let in_loop = loops.iter().any(|(_, plan)| plan.over.contains(name));
        if let Some(module) = modules.iter().find(|module| module.name == *name) {
            let (when, inputs) = (module.when.as_ref(), module.inputs.clone());
            let outputs = module.outputs.iter().map(|output| output.name.clone()).collect();
            return Some(Fields { is_module: true, inputs, when, outputs, varies: in_loop || when.is_some() });
        }
        let step = steps.iter().find(|step| step.name == *name)?;
        let (when, inputs, outputs) = (step.when.as_ref(), step.inputs(), step.outputs());
        Some(Fields { is_module: false, inputs, when, outputs, varies: in_loop || when.is_some() })
    };
    let all: Vec<(&String, Fields<'_>)> = order.iter().filter_map(|name| Some((name, fields(name)?))).collect();
    for (place, (name, own)) in all.iter().enumerate() {
        let line = lines.iter().find(|(_, other)| other == *name).map_or(0, |(line, _)| *line);
        let kind = if own.is_module { "module" } else { "step" };
        let inputs = own.inputs.iter().map(|input| ("inputs", input.as_str()));
        for (key, field) in inputs.chain(own.when.map(|when| ("when", when.field.as_str()))) {
            if let Some(later) = first_writer(&all, place, field) {
                let message = format!("`{field}` is written by `{later}`, which does not run before `{name}`");
                root.problem_at(line, &format!("{kind}.{key}"), message);
            }
        }
        for output in &own.outputs {
            let other = all[..place].iter().find(|(_, other)| other.outputs.contains(output) && !other.varies && !own.varies);
            if let Some((other, _)) = other {
                let message = format!(
                    "`{output}` is written by `{other}` already; two may write it only where one runs on a condition (`when`) or in a \
                     [[loop]]"
                );
                root.problem_at(line, &format!("{kind}.outputs"), message);
            }
        }
    }
    for (line, plan) in loops {
        let last = all.iter().rposition(|(name, _)| plan.over.contains(name));
        if let (Some(until), Some(last)) = (&plan.until, last)
            && let Some(later) = first_writer(&all, last + 1, &until.field)
        {
            let message = format!("`{}` is written by `{later}`, which does not run before the loop ends", until.field);
            root.problem_at(*line, "loop.until", message);
        }
    }
}

/// What writes a field first, where that is at `place` or later; None where something before writes it, or nothing at all.
fn first_writer<'a>(all: &[(&'a String, Fields<'_>)], place: usize, field: &str) -> Option<&'a str> {
    let first = all.iter().position(|(_, one)| one.outputs.iter().any(|output| output == field))?;
    (first >= place).then(|| all[first].0.as_str())
}

/// The flow of a plan.
pub(super) fn flow(order: &[String], modules: &[ModulePlan], steps: &[StepPlan], loops: &[LoopPlan]) -> Flow {
    let mut ops: Vec<Op> = Vec::new();
    let mut begins: Vec<usize> = Vec::new();
    for (place, name) in order.iter().enumerate() {
        begins.push(ops.len());
        if let Some(index) = modules.iter().position(|module| module.name == *name) {
            ops.push(Op::Call { next: Next::Module(index), when: modules[index].when.clone() });
        } else if let Some(index) = steps.iter().position(|step| step.name == *name) {
            ops.push(Op::Call { next: Next::Tool(index), when: steps[index].when.clone() });
        }
        // Of loops that end here, the shortest is the innermost.
        let mut ending: Vec<&LoopPlan> =
            loops.iter().filter(|l| span(&l.over, order).is_some_and(|(_, last)| last == place)).collect();
        ending.sort_by_key(|l| l.over.len());
        for plan in ending {
            if let Some((first, _)) = span(&plan.over, order) {
                ops.push(Op::Again { to: begins[first], most: plan.repeat, until: plan.until.clone() });
            }
        }
    }
    Flow::new(ops)
}

//! Builds the program of a plan, and the outside programs of its steps and metrics.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{CommandPlan, LoopPlan, Plan};
use crate::process::{self, Pool};
use crate::program::{Flow, Next, Op, Program, Tool};

/// Returns the program of a plan. `tools` are the plan's steps, in its order.
pub(super) fn with_tools(plan: &Plan, tools: Vec<Tool>) -> Program {
    Program::of_flow(plan.program_modules().collect(), tools, flow(plan))
}

fn flow(plan: &Plan) -> Flow {
    let order = &plan.program.order;
    let mut ops: Vec<Op> = Vec::new();
    // The index of the first operation of each module and step in the order.
    let mut first_ops: Vec<usize> = Vec::new();
    for (index, name) in order.iter().enumerate() {
        first_ops.push(ops.len());
        if let Some(module) = plan.modules.iter().position(|module| module.name == *name) {
            ops.push(Op::Call { next: Next::Module(module), when: plan.modules[module].when.clone() });
        } else if let Some(step) = plan.steps.iter().position(|step| step.name == *name) {
            ops.push(Op::Call { next: Next::Tool(step), when: plan.steps[step].when.clone() });
        }
        // If several loops end here, the shortest is the innermost.
        let span = |one: &LoopPlan| one.span(order);
        let mut ending: Vec<&LoopPlan> =
            plan.loops.iter().filter(|one| span(one).is_some_and(|(_, last)| last == index)).collect();
        ending.sort_by_key(|one| one.over.len());
        for one in ending {
            if let Some((first, _)) = span(one) {
                ops.push(Op::Again { to: first_ops[first], most: one.repeat, until: one.until.clone() });
            }
        }
    }
    Flow::new(ops)
}

/// Returns the processes of an outside program. They are started when they are first asked.
pub(super) fn pool(command: &CommandPlan) -> Arc<Pool> {
    let CommandPlan { command, folder, timeout, slots } = command.clone();
    Arc::new(Pool::new(process::Command { argv: command, folder, timeout: Duration::from_secs(timeout), slots }))
}

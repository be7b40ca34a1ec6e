//! Builds the program of a plan, and the outside programs of its steps and metrics.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{CommandPlan, LoopPlan, Plan, StepKind};
use crate::data::Corpus;
use crate::error::RunError;
use crate::event::Lifecycle;
use crate::hooks::Hooks;
use crate::models;
use crate::process::{self, Pool};
use crate::program::tools::{Action, CommandTool, Retrieve, SearchCommand, Template, Tool};
use crate::program::{Flow, Next, Op, Program};

/// Builds the program of a plan and opens its corpora.
///
/// # Errors
/// [`RunError::Data`] if a corpus cannot be used.
pub fn program(plan: &Plan) -> Result<Program, RunError> {
    build_program(plan, &mut Hooks::none())
}

/// Builds the program of a plan and opens its corpora. Emits [`Lifecycle::Indexing`] for each corpus, because building the index of a
/// new one takes time.
///
/// # Errors
/// [`RunError::Data`] if a corpus cannot be used.
pub(super) fn build_program(plan: &Plan, hooks: &mut Hooks<'_>) -> Result<Program, RunError> {
    let mut tools = Vec::new();
    for step in &plan.steps {
        let action: Arc<dyn Action> = match &step.does {
            StepKind::Retrieve { corpus, output, k, indexing, show, key, .. } => {
                let folder = models::cache_dir()?.join("indexes");
                let bytes = std::fs::metadata(corpus).map_or(0, |file| file.len());
                hooks.emit(&Lifecycle::Indexing { corpus: corpus.clone(), bytes }.into());
                let corpus = Arc::new(Corpus::open(corpus, indexing, &folder)?);
                Arc::new(Retrieve { corpus, k: *k, show: show.clone(), key: key.clone(), output: output.clone() })
            }
            StepKind::Template { template, output } => Arc::new(Template::new(template, output)),
            StepKind::Command { command, outputs, .. } => {
                let tool = CommandTool { pool: pool(command), outputs: outputs.clone() };
                if plan.metric.counts(&step.name) { Arc::new(SearchCommand(tool)) } else { Arc::new(tool) }
            }
        };
        tools.push(Tool { name: step.name.clone(), inputs: step.inputs(), outputs: step.outputs(), action });
    }
    Ok(Program::from_flow(plan.program_modules().collect(), tools, flow(plan)))
}

/// Returns the control flow of a plan.
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

//! GEPA on a program and a metric of one's own:
//! `cargo run --release --example own_program -- datasets/support-tickets/gepard.toml runs/own`
#![allow(clippy::print_stdout)]

use std::path::Path;
use std::sync::{Arc, atomic::AtomicBool};

use gepard::data::Example;
use gepard::engine::Completion;
use gepard::error::RunError;
use gepard::metric::{Judgement, Metric, MetricError};
use gepard::program::{Control, Next, Program, Rollout};
use gepard::{config, run};

/// The first module; once more where its answer lacked something.
#[derive(Debug)]
struct AskTwice;

impl Control for AskTwice {
    fn next(&self, _: &Example, rollout: &Rollout) -> Next {
        let again = matches!(rollout.steps.as_slice(), [only] if only.problem.is_some());
        if rollout.steps.is_empty() || again { Next::Module(0) } else { Next::Done }
    }
}

/// Too urgent is half as bad as too late.
struct Urgency;

impl Metric for Urgency {
    fn judge(&self, example: &Example, rollout: &Rollout, _: &[Completion]) -> Result<Judgement, MetricError> {
        let wanted = example.text("priority").ok_or_else(|| MetricError::Other("the row has no `priority`".into()))?;
        let score = match rollout.output("priority") {
            Some(said) if said == wanted => 1.0,
            Some(said) if said.starts_with('p') && *said < *wanted => 0.5,
            _ => 0.0,
        };
        Ok(Judgement::new(score, format!("The priority is {wanted}, the answer said {:?}.", rollout.output("priority"))))
    }
}

/// Looks for a better prompt of the task's first module; returns its score on validation.
pub fn search(task: &Path, folder: &Path) -> Result<f64, RunError> {
    let plan = config::load(task, &[])?;
    let Program { modules, reads, .. } = run::program(&plan)?;
    let program = Program::controlled(modules, Vec::new(), Arc::new(AskTwice), reads);
    let summary = run::optimize_own(&plan, &program, &Urgency, folder, &AtomicBool::new(false), &mut |_| {})?;
    println!("{}: {:.3} → {:.3}", summary.outcome, summary.seed_score, summary.best_score);
    Ok(summary.best_score)
}

#[allow(dead_code)] // a test calls `search`
fn main() -> Result<(), RunError> {
    let mut arguments = std::env::args().skip(1);
    let mut path = |default: &str| arguments.next().unwrap_or_else(|| default.into());
    let (task, folder) = (path("datasets/support-tickets/gepard.toml"), path("runs/own"));
    search(task.as_ref(), folder.as_ref()).map(|_| ())
}

//! GEPA on a program and a metric of one's own: `cargo run --release --example own_program`
#![allow(clippy::print_stdout)]

use std::path::Path;
use std::sync::{Arc, atomic::AtomicBool};

use gepard::metric::{Judgement, Metric, MetricError};
use gepard::program::{Control, Next, Program, Rollout};
use gepard::{config, data::Example, engine::Completion, error::RunError, run};

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
        let (wanted, said) = (example.text("priority").unwrap_or_default(), rollout.output("priority").unwrap_or_default());
        let is_early = said.starts_with('p') && *said < *wanted;
        let score = if said == wanted { 1.0 } else { f64::from(u8::from(is_early)) / 2.0 };
        Ok(Judgement::new(score, format!("The priority is {wanted}, the answer said {said:?}.")))
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
    search("datasets/support-tickets/gepard.toml".as_ref(), "runs/own".as_ref()).map(|_| ())
}

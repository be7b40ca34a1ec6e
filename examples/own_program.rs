//! GEPA on a program with its own control flow and its own metric: `cargo run --release --example own_program`
#![allow(clippy::print_stdout)]

use std::path::Path;
use std::sync::Arc;

use gepard::hooks::Hooks;
use gepard::metric::{Judgement, Metric, MetricError};
use gepard::program::{Control, Next, Program, Rollout};
use gepard::{config, data::Example, engine::Completion, error::RunError, run};

/// Calls the first module, and calls it again if its answer had a problem.
#[derive(Debug)]
struct AskTwice;

impl Control for AskTwice {
    fn next(&self, _: &Example, rollout: &Rollout) -> Next {
        let again = matches!(rollout.steps.as_slice(), [only] if only.problem.is_some());
        if rollout.steps.is_empty() || again { Next::Module(0) } else { Next::Done }
    }
}

/// Compares priorities: the right one scores 1, a more urgent one 0.5, any other 0.
struct Urgency;

impl Metric for Urgency {
    fn judge(&self, example: &Example, rollout: &Rollout, _: &[Completion]) -> Result<Judgement, MetricError> {
        let (wanted, given) = (example.text("priority").unwrap_or_default(), rollout.output("priority").unwrap_or_default());
        let is_early = given.starts_with('p') && *given < *wanted;
        let score = if given == wanted { 1.0 } else { f64::from(u8::from(is_early)) / 2.0 };
        Ok(Judgement::new(score, format!("The priority is {wanted}, the answer said {given:?}.")))
    }
}

/// Searches for a better prompt of the task's first module. Returns the best candidate's score on the validation examples.
pub fn search(task: &Path, folder: &Path) -> Result<f64, RunError> {
    let plan = config::load(task, &[])?;
    let Program { modules, reads, .. } = run::program(&plan)?;
    let program = Program::with_control(modules, Vec::new(), Arc::new(AskTwice), reads);
    let summary = run::optimize_own(&plan, Box::new(program), Box::new(Urgency), folder, &mut Hooks::none())?;
    println!("{}: {:.3} → {:.3}", summary.outcome, summary.seed_score, summary.best_score);
    Ok(summary.best_score)
}

#[allow(dead_code)] // a test calls `search`
fn main() -> Result<(), RunError> {
    search("datasets/support-tickets/gepard.toml".as_ref(), "runs/own".as_ref()).map(|_| ())
}

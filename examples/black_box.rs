//! GEPA on a program that makes its own model calls: `cargo run --release --example black_box -- python3 -u model.py`
//!
//! The outside program `model.py` reads a line `{"prompt": …}` for each call and answers with a line `{"text": …}`. Only the
//! reflector runs in gepard.
#![allow(clippy::print_stdout)]

use std::path::Path;
use std::time::Duration;

use gepard::hooks::Hooks;
use gepard::process::{Command, Pool};
use gepard::program::{BlackBox, Job, Module, Rollout, Step, parse};
use gepard::{config, error::RunError, run};

/// Sorts one ticket with the texts of a candidate. An error is the feedback on a rollout that scores 0. So is `failure`, with which the
/// reflector sees the inputs and the answer as well.
fn triage(job: &Job<'_>, module: &Module, model: &Pool) -> Result<Rollout, String> {
    let message = job.example.text("message").ok_or("The ticket has no message.")?;
    let prompt = format!("{}\n\n{message}", job.candidate.0[0].instruction);
    let response = model.call(&serde_json::json!({ "prompt": prompt })).map_err(|error| error.to_string())?;
    let answer = response["text"].as_str().unwrap_or_default().to_owned();
    let failure = answer.is_empty().then(|| "The model gave no text.".to_owned());
    let (inputs, outputs) = (vec![("message".to_owned(), message)], parse::outputs(&module.outputs, &answer));
    let step = Step { module: module.name.clone(), inputs, answer, outputs, ..Step::default() };
    Ok(Rollout { steps: vec![step], failure })
}

/// Searches for a better prompt of the task's module, whose model is the outside program `argv`. Returns the best candidate's score on
/// the validation examples.
pub fn search(task: &Path, folder: &Path, argv: Vec<String>) -> Result<f64, RunError> {
    let plan = config::load(task, &[])?;
    let (program, metric) = (run::program(&plan)?, run::metric(&plan)?);
    let module = program.modules[0].clone();
    let here = task.parent().unwrap_or(Path::new(".")).to_owned();
    let model = Pool::new(Command { argv, folder: here, timeout: Duration::from_secs(60), slots: 4 });
    let program = BlackBox::new(program, |job| triage(job, &module, &model));
    let summary = run::optimize_own(&plan, Box::new(program), metric, folder, &mut Hooks::none())?;
    println!("{}: {:.3} → {:.3}", summary.outcome, summary.seed_score, summary.best_score);
    Ok(summary.best_score)
}

#[allow(dead_code)] // a test calls `search`
fn main() -> Result<(), RunError> {
    let argv = std::env::args().skip(1).collect();
    search("datasets/support-tickets/gepard.toml".as_ref(), "runs/black-box".as_ref(), argv).map(|_| ())
}

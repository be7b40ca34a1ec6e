//! Answers to new rows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gepard::config;
use gepard::error::RunError;
use gepard::journal;
use gepard::report::export::{self, Choice, ExportError};
use gepard::run::{self, PredictRequest, PredictResult, default_output};
use gepard::run_directory::files::PLAN;
use pyo3::prelude::*;
use serde_json::json;

use crate::errors::{exception, outcome};
use crate::interrupt::{Interrupt, watched};
use crate::listener::hooks;

/// Answers every row of the file `input` with a candidate and writes the rows with the outputs into `output`; None: a file beside the
/// input. `subject` is the directory of a finished run, whose candidate is the best, the one with the pool index `candidate`, or the
/// best with at most `max_prompt_tokens` prompt tokens; or a task file, whose seed is used. Returns what came of the rows, as JSON.
///
/// # Errors
/// The exception of the error's class.
#[pyfunction]
#[pyo3(signature = (subject, input, output, candidate, max_prompt_tokens, settings, interrupt, on_event=None))]
#[allow(clippy::too_many_arguments)]
pub fn predict(
    py: Python<'_>,
    subject: PathBuf,
    input: PathBuf,
    output: Option<PathBuf>,
    candidate: Option<usize>,
    max_prompt_tokens: Option<usize>,
    settings: Vec<String>,
    interrupt: Py<Interrupt>,
    on_event: Option<Py<PyAny>>,
) -> PyResult<String> {
    let shared = interrupt.clone_ref(py);
    let result = watched(py, &interrupt, move || {
        let output = output.unwrap_or_else(|| default_output(&input));
        let (plan, candidate, recorded) = read_subject(&subject, candidate, max_prompt_tokens, &settings)?;
        let request = PredictRequest { candidate, recorded, input, output };
        let result = run::predict(&plan, &request, &mut hooks(&shared, on_event.as_ref())).map_err(Failure::Run)?;
        Ok((request.output, result))
    })?;
    let result = match result {
        Err(Failure::Export(error)) => return Err(exception(py, error.exit_code(), &error.to_string())),
        Err(Failure::Run(error)) => Err(error),
        Ok(result) => Ok(result),
    };
    let (output, PredictResult { rows, known, failed, error_column, cost }) = outcome(py, result, interrupt.get())?;
    let seconds = cost.elapsed;
    let result = json!({ "rows": rows, "known": known, "failed": failed, "error_column": error_column, "seconds": seconds });
    Ok(json!({ "output": output, "tokens": cost.usage, "result": result }).to_string())
}

/// Why rows cannot be answered.
enum Failure {
    /// The run has no such candidate.
    Export(ExportError),
    /// The plan cannot be carried out.
    Run(RunError),
}

/// A plan, a candidate of it, and the fingerprint of the run that it is from; empty for a task file.
type Subject = (config::Plan, gepard::program::Candidate, BTreeMap<String, String>);

/// Reads what is to answer.
fn read_subject(
    subject: &Path,
    candidate: Option<usize>,
    max_prompt_tokens: Option<usize>,
    settings: &[String],
) -> Result<Subject, Failure> {
    let refused = |cause: &str| Failure::Run(RunError::Plan(cause.to_owned()));
    let load = |path: &Path| config::load(path, settings).map_err(|error| Failure::Run(error.into()));
    if candidate.is_some() && max_prompt_tokens.is_some() {
        return Err(refused("candidate and max_prompt_tokens both name a candidate; give one of them"));
    }
    if subject.is_dir() {
        let chosen = Choice::of_options(candidate, max_prompt_tokens);
        let candidate = export::candidate(subject, chosen).map_err(Failure::Export)?;
        return Ok((load(&subject.join(PLAN))?, candidate, journal::recorded_fingerprint(subject)));
    }
    if candidate.is_some() || max_prompt_tokens.is_some() {
        let path = subject.display();
        return Err(refused(&format!("a candidate is chosen from a run directory; the task file {path} has its seed alone")));
    }
    let plan = load(subject)?;
    let seed = plan.seed_candidate();
    Ok((plan, seed, BTreeMap::new()))
}

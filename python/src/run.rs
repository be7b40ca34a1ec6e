//! Runs of a task file: a search, and the evaluation of a candidate.

use std::path::{Path, PathBuf};

use gepard::cli::default_run_folder;
use gepard::config::{self, Plan};
use gepard::data::split::Split;
use gepard::error::RunError;
use gepard::evaluate::Verdict;
use gepard::program::{Candidate, ModuleText};
use gepard::report::best::BestFile;
use gepard::run::{self, EvalRequest, EvalResult};
use pyo3::prelude::*;
use serde_json::{Map, Value, json};

use crate::errors::outcome;
use crate::interrupt::{Interrupt, watched};
use crate::listener::hooks;

/// Returns the versions of llama.cpp in this build, or that there is none.
#[pyfunction]
pub fn build_features() -> String {
    run::build_features()
}

/// Searches for a better candidate of a task file, in the run directory `folder`; None: `runs/TASK-seedN`. Returns the path of the run
/// directory and the summary, as JSON.
///
/// # Errors
/// The exception of the error's class.
#[pyfunction]
#[pyo3(signature = (task, folder, settings, interrupt, on_event=None))]
pub fn optimize(
    py: Python<'_>,
    task: PathBuf,
    folder: Option<PathBuf>,
    settings: Vec<String>,
    interrupt: Py<Interrupt>,
    on_event: Option<Py<PyAny>>,
) -> PyResult<String> {
    let shared = interrupt.clone_ref(py);
    let result = watched(py, &interrupt, move || {
        let plan = config::load(&task, &settings)?;
        let default = || default_run_folder(&task, &format!("seed{}", plan.optimize.seed));
        let folder = folder.unwrap_or_else(default);
        let summary = run::optimize(&plan, &folder, &mut hooks(&shared, on_event.as_ref()))?;
        Ok((folder, summary))
    })?;
    let (folder, summary) = outcome(py, result, interrupt.get())?;
    Ok(json!({ "run": folder, "summary": summary }).to_string())
}

/// Scores a candidate of a task file on examples. Returns the scores as JSON. `candidate` is `seed`, a run directory or a
/// `best.json`.
///
/// # Errors
/// The exception of the error's class.
#[pyfunction]
#[pyo3(signature = (task, settings, candidate, split, limit, interrupt, on_event=None))]
#[allow(clippy::too_many_arguments)]
pub fn evaluate(
    py: Python<'_>,
    task: PathBuf,
    settings: Vec<String>,
    candidate: String,
    split: String,
    limit: Option<usize>,
    interrupt: Py<Interrupt>,
    on_event: Option<Py<PyAny>>,
) -> PyResult<String> {
    let shared = interrupt.clone_ref(py);
    let result = watched(py, &interrupt, move || {
        let plan = config::load(&task, &settings)?;
        let split: Split = serde_json::from_value(json!(split))
            .map_err(|_| RunError::Plan(format!("there is no split `{split}`; give train, val or test")))?;
        if limit == Some(0) {
            return Err(RunError::Plan("limit=0 leaves nothing to score; give 1 or more".into()));
        }
        let candidate = read_candidate(&candidate, &plan)?;
        let request = EvalRequest { candidate, split, limit };
        run::evaluate(&plan, &request, &mut hooks(&shared, on_event.as_ref()))
    })?;
    outcome(py, result, interrupt.get()).map(|result| to_json(&result).to_string())
}

/// Returns the candidate that `reference` names: the seed, the best of a run directory, or that of a `best.json`; or, as a JSON
/// object, the instruction of each module.
fn read_candidate(reference: &str, plan: &Plan) -> Result<Candidate, RunError> {
    let names: Vec<&str> = plan.modules.iter().map(|module| module.name.as_str()).collect();
    if reference == "seed" {
        return Ok(plan.seed_candidate());
    }
    if let Ok(Value::Object(texts)) = serde_json::from_str(reference) {
        return from_texts(&texts, &names);
    }
    let path = Path::new(reference);
    let path = if path.is_dir() { path.join("best.json") } else { path.to_owned() };
    let wrong = |cause: String| RunError::Plan(format!("candidate {}: {cause}", path.display()));
    let text = std::fs::read_to_string(&path)
        .map_err(|cause| wrong(format!("{cause}; give `seed`, a run directory, a best.json, or instructions by module")))?;
    BestFile::read_candidate(&text, &names).map_err(wrong)
}

/// Returns the candidate of instructions by module.
fn from_texts(texts: &Map<String, Value>, names: &[&str]) -> Result<Candidate, RunError> {
    if let Some(unknown) = texts.keys().find(|name| !names.contains(&name.as_str())) {
        return Err(RunError::Plan(format!("candidate: there is no module `{unknown}`; there are {}", names.join(", "))));
    }
    let text = |name: &&str| match texts.get(*name) {
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(ModuleText::new(text.trim())),
        _ => Err(RunError::Plan(format!("candidate: the module `{name}` needs an instruction"))),
    };
    names.iter().map(text).collect::<Result<_, _>>().map(Candidate)
}

/// Returns an evaluation as JSON, with a row for each example.
fn to_json(result: &EvalResult) -> Value {
    let row = |(example, scored): (&gepard::data::Example, &gepard::evaluate::Scored)| {
        let outputs = scored.rollout.steps.iter().flat_map(|step| &step.outputs);
        let outputs: Map<String, Value> = outputs.map(|(name, value)| (name.clone(), json!(value))).collect();
        let feedback = match &scored.verdict {
            Verdict::Judged(judgement) => &judgement.feedback,
            Verdict::Unscored(cause) => cause,
        };
        json!({ "id": example.id, "score": scored.score(), "feedback": feedback, "outputs": outputs })
    };
    json!({
        "score": result.mean(),
        "objectives": result.objectives(),
        "seconds": result.seconds,
        "tokens": result.usage,
        "rows": result.examples.iter().zip(&result.rollouts).map(row).collect::<Vec<_>>(),
    })
}

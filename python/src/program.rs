//! A program of Python, which runs itself and its metric.

use gepard::data::Example;
use gepard::engine::{Completion, EngineError};
use gepard::metric::{Judgement, Metric, MetricError};
use gepard::program::call::CachedAnswers;
use gepard::program::lockstep::Generate;
use gepard::program::{Demonstration, Job, Module, ModuleText, Program, Rollout, Runnable, parse};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::interrupt::Interrupt;

/// The name of the step of a rollout that holds the judgement. No predictor can have it.
const METRIC_STEP: &str = "(metric)";

/// The output of that step: a judgement as JSON.
const JUDGEMENT: &str = "judgement";

/// A program whose rollouts are run by a function of Python, a sub-wave in one call.
///
/// The function is given a JSON list of objects with the key of the `candidate`, its `texts` as [`shown_texts`] has them, and the `id`
/// of the example. It returns a JSON list of rollouts in the same order, each with the judgement of the metric as a last step.
pub struct PythonProgram {
    /// The modules and the fields that are read.
    pub program: Program,
    /// The function.
    pub run: Py<PyAny>,
    /// Is set by an exception of the function.
    pub interrupt: Py<Interrupt>,
}

impl PythonProgram {
    /// Calls the function, and reads what it returned.
    fn call(&self, jobs: &Value, count: usize) -> PyResult<Vec<Rollout>> {
        let answer: String = Python::attach(|py| self.run.call1(py, (jobs.to_string(),))?.extract(py))?;
        let rollouts: Vec<Rollout> = serde_json::from_str(&answer).map_err(|error| PyValueError::new_err(error.to_string()))?;
        if rollouts.len() == count {
            return Ok(rollouts);
        }
        Err(PyValueError::new_err(format!("the program gave {} rollouts for {count} jobs", rollouts.len())))
    }
}

impl Runnable for PythonProgram {
    fn program(&self) -> &Program {
        &self.program
    }

    fn run(&self, jobs: &[Job<'_>], _: &dyn CachedAnswers, _: &mut Generate<'_>) -> Result<Vec<Rollout>, EngineError> {
        let job = |job: &Job<'_>| {
            let texts = shown_texts(&self.program.modules, &job.candidate.0);
            json!({ "candidate": job.candidate.key(), "texts": texts, "id": job.example.id })
        };
        let asked = jobs.iter().map(job).collect();
        self.call(&Value::Array(asked), jobs.len()).map_err(|error| {
            self.interrupt.get().fail(error);
            EngineError::Interrupted
        })
    }
}

/// Returns the texts of modules in their order: for each the `instruction` and the `demonstrations`, which have the `id` of a training
/// example, `inputs` (pairs of name and value) and `outputs` (values by name). A demonstration whose answer lacks an output is left out.
pub fn shown_texts(modules: &[Module], texts: &[ModuleText]) -> Value {
    let shown = |(module, text): (&Module, &ModuleText)| {
        let demonstrations: Vec<Value> = text.demonstrations.iter().filter_map(|one| demonstration(module, one)).collect();
        json!({ "instruction": text.instruction, "demonstrations": demonstrations })
    };
    modules.iter().zip(texts).map(shown).collect()
}

fn demonstration(module: &Module, shown: &Demonstration) -> Option<Value> {
    let outputs = parse::outputs(&module.outputs, &shown.answer);
    let is_whole = module.outputs.iter().all(|name| outputs.contains_key(name));
    is_whole.then(|| json!({ "id": shown.id, "inputs": shown.inputs, "outputs": outputs }))
}

/// The metric of a program of Python. Its judgements come with the rollouts.
pub struct StepMetric;

impl Metric for StepMetric {
    fn judge(&self, example: &Example, rollout: &Rollout, _: &[Completion]) -> Result<Judgement, MetricError> {
        let step = rollout.steps.iter().rfind(|step| step.module == METRIC_STEP);
        let text = step.and_then(|step| step.outputs.get(JUDGEMENT));
        let text = text.ok_or_else(|| MetricError::example(example, "the metric gave no judgement"))?;
        serde_json::from_str(text).map_err(|cause| MetricError::example(example, cause.to_string()))
    }
}

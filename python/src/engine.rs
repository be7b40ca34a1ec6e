//! An engine whose answers come from a function of Python.

use std::ops::ControlFlow;

use gepard::engine::{Completion, Engine, EngineError, EngineProgress, ModelId, Request, ScoreAnswer, ScoreRequest, Usage};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde_json::json;

use crate::interrupt::Interrupt;

/// An engine over an object of Python, for all models of a plan.
///
/// The object has `generate(requests)`, from a JSON list of requests to a JSON list of completions; `count_tokens(text)`;
/// `context_length`, a number of tokens; and `identity`, a text that names the model and its settings.
pub struct PythonEngine {
    object: Py<PyAny>,
    context_length: usize,
    identity: String,
    interrupt: Py<Interrupt>,
}

impl PythonEngine {
    /// Creates an engine over `object`.
    ///
    /// # Errors
    /// If the object lacks an attribute.
    pub fn new(py: Python<'_>, object: Py<PyAny>, interrupt: Py<Interrupt>) -> PyResult<Self> {
        let context_length = object.getattr(py, "context_length")?.extract(py)?;
        let identity = object.getattr(py, "identity")?.extract(py)?;
        Ok(Self { object, context_length, identity, interrupt })
    }

    /// Calls `generate` of the object.
    fn call(&self, requests: &[Request]) -> PyResult<Vec<Completion>> {
        let asked = json!(requests).to_string();
        let answer: String = Python::attach(|py| self.object.call_method1(py, "generate", (asked,))?.extract(py))?;
        serde_json::from_str(&answer).map_err(|error| PyValueError::new_err(error.to_string()))
    }
}

impl Engine for PythonEngine {
    fn generate(
        &mut self,
        requests: &[Request],
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<Vec<Completion>, EngineError> {
        if progress(EngineProgress::default()).is_break() {
            return Err(EngineError::Interrupted);
        }
        self.call(requests).map_err(|error| {
            self.interrupt.get().fail(error);
            EngineError::Interrupted
        })
    }

    fn score(
        &mut self,
        requests: &[ScoreRequest],
        _: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<Vec<ScoreAnswer>, EngineError> {
        let refused = "a model of Python gives no log-probabilities of given answers";
        let answer = |_: &ScoreRequest| ScoreAnswer { continuations: Err(refused.into()), usage: Usage::default() };
        Ok(requests.iter().map(answer).collect())
    }

    fn count_tokens(&self, _: ModelId, text: &str) -> usize {
        let counted = Python::attach(|py| self.object.call_method1(py, "count_tokens", (text,))?.extract(py));
        counted.unwrap_or_else(|error| {
            self.interrupt.get().fail(error);
            text.len()
        })
    }

    fn weight_bytes(&self, _: ModelId) -> u64 {
        1
    }

    fn context_length(&self, _: ModelId) -> usize {
        self.context_length
    }

    fn fingerprint(&self) -> Vec<(String, String)> {
        vec![("python.model".into(), self.identity.clone())]
    }
}

//! A model that is asked from many threads of Python: a thread owns the engine, and calls that come together are one wave.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gepard::config;
use gepard::engine::{Completion, Engine, EngineError, ModelId, Request, ScoreAnswer, ScoreRequest};
use gepard::error::RunError;
use gepard::run;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::Serialize;
use serde_json::json;

use crate::errors::{exception, from_run_error};
use crate::interrupt::{Interrupt, watched};

/// The most requests of a wave.
const MOST_REQUESTS: usize = 64;

/// The time between two looks for Ctrl-C while a call waits for its answer.
const LOOK: Duration = Duration::from_millis(50);

/// What a thread of Python asks of the engine's thread. The answer comes through the sender; an error is its message.
enum Call {
    Generate(Box<Request>, Sender<Result<Completion, String>>),
    Score(Box<ScoreRequest>, Sender<Result<ScoreAnswer, String>>),
    Count(String, Sender<Result<usize, String>>),
}

/// A model in memory, on a thread of its own.
#[pyclass(frozen)]
pub struct Model {
    calls: Mutex<Sender<Call>>,
    context_length: usize,
    identity: String,
}

/// What is known of a model once it is loaded.
struct Loaded {
    context_length: usize,
    identity: String,
}

#[pymethods]
impl Model {
    /// Loads the first model of a task file. Calls that arrive within `window` seconds of each other are answered as one wave.
    ///
    /// # Errors
    /// The exception of the error's class.
    #[new]
    fn new(py: Python<'_>, task: PathBuf, window: f64) -> PyResult<Self> {
        let window = Duration::try_from_secs_f64(window).map_err(|error| PyValueError::new_err(format!("window: {error}")))?;
        let (calls, queue) = mpsc::channel();
        let (ready, loaded) = mpsc::channel();
        let thread = std::thread::Builder::new().name("gepard model".into());
        let spawned = thread.spawn(move || serve(&task, &queue, window, &ready));
        spawned.map_err(|cause| exception(py, 1, &format!("no thread for the model can be started: {cause}")))?;
        let interrupt = Py::new(py, Interrupt::default())?;
        let gone = || Err(RunError::Plan("the thread of the model ended while it loaded".into()));
        let result = watched(py, &interrupt, move || loaded.recv().unwrap_or_else(|_| gone()))?;
        let Loaded { context_length, identity } = result.map_err(|error| from_run_error(py, &error))?;
        Ok(Self { calls: Mutex::new(calls), context_length, identity })
    }

    /// Answers a request, both in JSON.
    ///
    /// # Errors
    /// `gepard.ModelError` if the engine fails; the exception of Ctrl-C.
    fn generate(&self, py: Python<'_>, request: &str) -> PyResult<String> {
        let request = serde_json::from_str(request).map_err(|error| PyValueError::new_err(error.to_string()))?;
        self.ask(py, |answer| Call::Generate(Box::new(request), answer)).map(|completion| json!(completion).to_string())
    }

    /// Scores the continuations of a chat, both in JSON.
    ///
    /// # Errors
    /// As [`Self::generate`].
    fn score(&self, py: Python<'_>, request: &str) -> PyResult<String> {
        let request = serde_json::from_str(request).map_err(|error| PyValueError::new_err(error.to_string()))?;
        self.ask(py, |answer| Call::Score(Box::new(request), answer)).map(|scores| json!(scores).to_string())
    }

    /// Returns the number of tokens of a text.
    ///
    /// # Errors
    /// As [`Self::generate`].
    fn count_tokens(&self, py: Python<'_>, text: String) -> PyResult<usize> {
        self.ask(py, |answer| Call::Count(text, answer))
    }

    /// The most tokens of prompt and answer together.
    #[getter]
    fn context_length(&self) -> usize {
        self.context_length
    }

    /// What the answers depend on: weights, build and settings.
    #[getter]
    fn identity(&self) -> &str {
        &self.identity
    }
}

impl Model {
    /// Sends a call and waits for its answer. Other threads of Python run meanwhile.
    fn ask<T: Send>(&self, py: Python<'_>, call: impl FnOnce(Sender<Result<T, String>>) -> Call) -> PyResult<T> {
        let (answer, mut answered) = mpsc::channel();
        let gone = || exception(py, 4, "the thread of the model has ended after an earlier error; load the model again");
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).send(call(answer)).map_err(|_| gone())?;
        loop {
            let received;
            (answered, received) = py.detach(move || {
                let received = answered.recv_timeout(LOOK);
                (answered, received)
            });
            match received {
                Ok(result) => return result.map_err(|message| exception(py, 4, &message)),
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
                Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            }
        }
    }
}

/// Loads the first model of a task file, reports that through `ready`, and answers calls until there is nobody to ask, or the engine
/// fails.
fn serve(task: &std::path::Path, calls: &Receiver<Call>, window: Duration, ready: &Sender<Result<Loaded, RunError>>) {
    let never = AtomicBool::new(false);
    let opened = config::load(task, &[])
        .map_err(RunError::from)
        .and_then(|plan| run::open_engine(&plan, &BTreeMap::new(), &never, &mut |_| {}));
    let mut engine = match opened {
        Ok(engine) => engine,
        Err(error) => return drop(ready.send(Err(error))),
    };
    let identity = engine.fingerprint().into_iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>();
    let loaded = Loaded { context_length: engine.context_length(ModelId(0)), identity: identity.join("\n") };
    drop(ready.send(Ok(loaded)));
    while let Ok(first) = calls.recv() {
        if answer(&mut *engine, collect(first, calls, window)).is_err() {
            return;
        }
    }
}

/// Returns the calls of one wave: the first, and those that arrive before there is a pause of `window`.
fn collect(first: Call, calls: &Receiver<Call>, window: Duration) -> Vec<Call> {
    let mut wave = vec![first];
    while wave.len() < MOST_REQUESTS
        && let Ok(next) = calls.recv_timeout(window)
    {
        wave.push(next);
    }
    wave
}

/// Answers the calls of one wave.
///
/// # Errors
/// If the engine failed, which every call was told.
fn answer(engine: &mut dyn Engine, wave: Vec<Call>) -> Result<(), ()> {
    let (mut asked, mut scored) = (Vec::new(), Vec::new());
    for call in wave {
        match call {
            Call::Generate(request, asker) => asked.push((*request, asker)),
            Call::Score(request, asker) => scored.push((*request, asker)),
            // Whoever does not wait for an answer any more does not get it.
            Call::Count(text, asker) => drop(asker.send(Ok(engine.count_tokens(ModelId(0), &text)))),
        }
    }
    let generated = answer_all(asked, |requests| engine.generate(requests, &mut |_| ControlFlow::Continue(())));
    generated.and(answer_all(scored, |requests| engine.score(requests, &mut |_| ControlFlow::Continue(()))))
}

/// Answers requests of one kind with one call of the engine, if there are any.
///
/// # Errors
/// If the engine failed, which every asker was told.
fn answer_all<Q: Serialize, A>(
    mut asked: Vec<(Q, Sender<Result<A, String>>)>,
    engine: impl FnOnce(&[Q]) -> Result<Vec<A>, EngineError>,
) -> Result<(), ()> {
    if asked.is_empty() {
        return Ok(());
    }
    // A greedy answer depends on its request alone. Drawn answers depend on the order, which their seeds fix as far as can be.
    asked.sort_by_cached_key(|(request, _)| json!(request).to_string());
    let (requests, askers): (Vec<Q>, Vec<_>) = asked.into_iter().unzip();
    match engine(&requests) {
        Ok(answers) => {
            askers.iter().zip(answers).for_each(|(asker, answer)| drop(asker.send(Ok(answer))));
            Ok(())
        }
        Err(error) => {
            askers.iter().for_each(|asker| drop(asker.send(Err(error.to_string()))));
            Err(())
        }
    }
}

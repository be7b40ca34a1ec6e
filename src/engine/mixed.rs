//! An engine of several engines: each model is run by one of them.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::completion::Completion;
use super::error::EngineError;
use super::interface::{Engine, EngineProgress};
use super::request::{ModelId, Request};
use super::scoring::{ScoreAnswer, ScoreRequest};
use super::server_changes::ServerChanges;

/// Asks an engine to answer requests.
type Ask<'a, R, A> = dyn FnMut(&mut dyn Engine, &[R]) -> Result<Vec<A>, EngineError> + 'a;

/// Where a model is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// The index of the engine.
    engine: usize,
    /// The model's id in that engine.
    model: ModelId,
}

/// An [`Engine`] that passes each request to the engine that runs its model. The engines work one after the other.
pub struct Mixed {
    engines: Vec<Box<dyn Engine>>,
    /// The place of each model, in the order of the plan.
    places: Vec<Place>,
}

impl Mixed {
    /// Creates an engine of `engines`. `engine_of` has for each model of the plan the index of its engine. The models of an engine
    /// stand in the order of the plan.
    #[must_use]
    pub fn new(engines: Vec<Box<dyn Engine>>, engine_of: &[usize]) -> Self {
        let mut counts = vec![0; engines.len()];
        let mut place = |&engine: &usize| {
            let count: &mut usize = &mut counts[engine];
            *count += 1;
            Place { engine, model: ModelId(*count - 1) }
        };
        Self { engines, places: engine_of.iter().map(&mut place).collect() }
    }

    /// Passes requests to their engines with `ask`. Returns the answers in the order of the requests.
    fn pass<R: Clone, A>(
        &mut self,
        requests: &[R],
        model_of: fn(&mut R) -> &mut ModelId,
        ask: &mut Ask<'_, R, A>,
    ) -> Result<Vec<A>, EngineError> {
        let mut answers: Vec<Option<A>> = requests.iter().map(|_| None).collect();
        for (engine, runs) in self.engines.iter_mut().enumerate() {
            let mut own = Vec::new();
            for (index, request) in requests.iter().enumerate() {
                let mut request = request.clone();
                let model = model_of(&mut request);
                let place = self.places.get(model.0).ok_or_else(|| EngineError::Server {
                    name: format!("number {}", model.0 + 1),
                    cause: "the plan has no such model; this is an error in gepard".into(),
                })?;
                if place.engine == engine {
                    *model = place.model;
                    own.push((index, request));
                }
            }
            if own.is_empty() {
                continue;
            }
            let (indices, own): (Vec<usize>, Vec<R>) = own.into_iter().unzip();
            for (index, answer) in indices.into_iter().zip(ask(&mut **runs, &own)?) {
                answers[index] = Some(answer);
            }
        }
        let count = answers.len();
        let answers: Vec<A> = answers.into_iter().flatten().collect();
        if answers.len() < count {
            return Err(EngineError::MissingAnswers { requests: count, answers: answers.len() });
        }
        Ok(answers)
    }

    /// Returns the engine of a model, and the model's id in it.
    fn at(&self, ModelId(model): ModelId) -> (&dyn Engine, ModelId) {
        let Place { engine, model } = self.places[model];
        (&*self.engines[engine], model)
    }
}

/// Calls an engine with a progress function that adds what earlier engines of the same call did.
fn with_progress<T>(
    before: &mut EngineProgress,
    progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    call: impl FnOnce(&mut dyn FnMut(EngineProgress) -> ControlFlow<()>) -> Result<T, EngineError>,
) -> Result<T, EngineError> {
    let mut last = EngineProgress::default();
    let result = call(&mut |done| {
        last = done;
        progress(*before + done)
    });
    *before = *before + last;
    result
}

impl Engine for Mixed {
    fn generate(
        &mut self,
        requests: &[Request],
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<Vec<Completion>, EngineError> {
        let mut before = EngineProgress::default();
        self.pass(requests, |request| &mut request.model, &mut |engine, own| {
            with_progress(&mut before, progress, |progress| engine.generate(own, progress))
        })
    }

    fn score(
        &mut self,
        requests: &[ScoreRequest],
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<Vec<ScoreAnswer>, EngineError> {
        let mut before = EngineProgress::default();
        self.pass(requests, |request| &mut request.model, &mut |engine, own| {
            with_progress(&mut before, progress, |progress| engine.score(own, progress))
        })
    }

    fn count_tokens(&self, model: ModelId, text: &str) -> usize {
        let (engine, model) = self.at(model);
        engine.count_tokens(model, text)
    }

    fn weight_bytes(&self, model: ModelId) -> u64 {
        let (engine, model) = self.at(model);
        engine.weight_bytes(model)
    }

    fn context_length(&self, model: ModelId) -> usize {
        let (engine, model) = self.at(model);
        engine.context_length(model)
    }

    fn fingerprint(&self) -> Vec<(String, String)> {
        self.engines.iter().flat_map(|engine| engine.fingerprint()).collect()
    }

    fn server_changes(&self) -> Option<Arc<ServerChanges>> {
        self.engines.iter().find_map(|engine| engine.server_changes())
    }
}

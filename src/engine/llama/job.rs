//! Lists of requests for the thread of a model, and how the thread answers them.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use llama_cpp_2::context::LlamaContext;

use super::adapter::Adapters;
use super::prepared::PreparedModel;
use super::prompt::ModelRequest;
use super::wave::{CarriedNode, Shape, Wave};
use super::work::WaveRequest;
use crate::engine::completion::Completion;
use crate::engine::error::EngineError;
use crate::engine::interface::EngineProgress;
use crate::engine::scoring::{ScoreAnswer, ScoreRequest};

/// A list of requests, and where its results are sent.
pub(super) struct List<Q, A> {
    pub(super) requests: Vec<Q>,
    /// The index of the adapter that answers them. None for the model as it is.
    pub(super) adapter: Option<usize>,
    pub(super) updates: Sender<JobUpdate<A>>,
}

/// A list of requests of one kind.
pub(super) enum Job {
    Answer(List<ModelRequest, Completion>),
    Score(List<ScoreRequest, ScoreAnswer>),
}

/// What the thread sends while it answers a job.
pub(super) enum JobUpdate<A> {
    /// How far the job is.
    Progress(EngineProgress),
    /// The answers, in the order of the requests.
    Finished(Result<Vec<A>, EngineError>),
}

/// What the thread keeps between the lists of requests.
pub(super) struct WaveState<'m> {
    pub(super) prepared: &'m PreparedModel,
    pub(super) shape: Shape,
    pub(super) context: LlamaContext<'m>,
    /// The first node of the last list.
    pub(super) carried: CarriedNode,
    pub(super) adapters: Adapters,
}

impl WaveState<'_> {
    /// Answers a list of requests with an adapter, some of which may be refused for a reason, and sends progress and answers.
    pub(super) fn serve<R: WaveRequest>(
        &mut self,
        requests: Vec<Result<R, String>>,
        adapter: Option<usize>,
        updates: &Sender<JobUpdate<R::Answer>>,
        cancelled: &AtomicBool,
    ) {
        let mut progress = |done: EngineProgress| {
            // If nobody receives the update, the job is cancelled as well.
            if updates.send(JobUpdate::Progress(done)).is_err() || cancelled.load(Ordering::Relaxed) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let result = self.use_adapter(adapter).and_then(|()| self.answer(requests, &mut progress));
        drop(updates.send(JobUpdate::Finished(result)));
    }

    /// Gives the context an adapter. The cache of another one is not carried on.
    fn use_adapter(&mut self, adapter: Option<usize>) -> Result<(), EngineError> {
        if self.adapters.select(&mut self.context, adapter)? {
            self.carried = CarriedNode::default();
        }
        Ok(())
    }

    /// Answers a list of requests. Those that are refused get an answer that gives the reason.
    fn answer<R: WaveRequest>(
        &mut self,
        requests: Vec<Result<R, String>>,
        progress: &mut dyn FnMut(EngineProgress) -> ControlFlow<()>,
    ) -> Result<Vec<R::Answer>, EngineError> {
        let mut accepted = Vec::new();
        let mut refusals: Vec<Option<R::Answer>> = Vec::new();
        for request in requests {
            refusals.push(match request {
                Ok(request) => {
                    accepted.push(request);
                    None
                }
                Err(reason) => Some(R::refused(reason)),
            });
        }
        let Self { prepared, shape, context, carried, .. } = self;
        let wave = Wave::new(context, carried, prepared.tokenizer(), *shape, &accepted, progress);
        let mut answers = wave.run()?.into_iter();
        let missing = || EngineError::Backend { doing: "ordering answers", cause: "a request was not answered".into() };
        refusals.into_iter().map(|refused| refused.or_else(|| answers.next()).ok_or_else(missing)).collect()
    }
}

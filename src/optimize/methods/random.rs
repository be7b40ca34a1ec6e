//! The control: the best of as many reflections on the seed as the budget holds. The prompt and the reading of the answer
//! are those of GEPA's `rewrite`; there is no selection, no gate and no population.

use std::collections::BTreeSet;

use crate::data::Example;
use crate::data::split::Split;
use crate::engine::ModelId;
use crate::error::RunError;
use crate::evaluate::Scored;
use crate::event::{Event, Purpose, StopReason};
use crate::optimize::idle::Idle;
use crate::optimize::joining::{self, Proposal, is_enough, open_modules, validated};
use crate::optimize::minibatch::Minibatches;
use crate::optimize::operators::{Begun, Operator, Place, Work};
use crate::optimize::reflection::answer::Unusable;
use crate::optimize::reflection::packing::Packed;
use crate::optimize::reflection::profile;
use crate::optimize::reflection::writing::{self, Question, Writer};
use crate::optimize::session::Halt;
use crate::optimize::{Member, Optimizer, Pool, Session};
use crate::program::{Candidate, ModuleText};

/// Iterations in a row without a rollout that end a search.
const MOST_IDLE: usize = 5;

/// The optimizer.
#[derive(Debug)]
pub struct Random {
    seed: Candidate,
    writer: Writer,
    members: Vec<Member>,
    tried: BTreeSet<Candidate>,
}

impl Random {
    /// Starts from `seed`; `reflectors` has at least one model.
    #[must_use]
    pub fn new(seed: Candidate, reflectors: Vec<(String, ModelId)>) -> Self {
        Self { seed, writer: Writer::new(reflectors), members: Vec::new(), tried: BTreeSet::new() }
    }

    fn search(&mut self, session: &mut Session<'_>) -> Result<StopReason, Halt> {
        let seed = validated(session, &[], 0, (self.seed.clone(), 0, 0))?;
        self.tried.insert(self.seed.clone());
        self.members.push(seed);
        let modules = open_modules(session);
        let mut batches = Minibatches::new(session.train().len(), session.plan().minibatch);
        let mut idle = Idle::default();
        for (iteration, &module) in (1..).zip(modules.iter().cycle()) {
            if let Some(reason) = is_enough(session, &self.members, 2) {
                return Ok(reason);
            }
            let batch = batches.deal(|epoch| session.random("minibatch", epoch));
            session.fits((batch.len() + session.validation_size()) as u64)?;
            let before = session.spent().rollouts;
            self.reflect(session, iteration, module, &batch)?;
            if idle.is_end(session, iteration, before, MOST_IDLE.max(batches.in_epoch()))? {
                return Ok(StopReason::NothingLeft);
            }
        }
        Ok(StopReason::NothingLeft)
    }

    /// One reflection on the seed, and the validation of what it brings.
    fn reflect(&mut self, session: &mut Session<'_>, iteration: u64, module: usize, batch: &[usize]) -> Result<(), Halt> {
        let train = session.train();
        let minibatch = batch.iter().map(|&place| train[place].id.clone()).collect();
        session.log(&Event::Iteration { iteration, parents: vec![0], minibatch })?;
        let rollouts = session.evaluate(Purpose::Parent, Split::Train, &self.seed, batch)?;
        if rollouts.iter().all(|scored| scored.score() >= Some(1.0)) {
            return session.log(&Event::Perfect { iteration, parent: 0 });
        }
        let examples: Vec<&Example> = batch.iter().map(|&place| &train[place]).collect();
        let rollouts: Vec<&Scored> = rollouts.iter().map(|scored| &**scored).collect();
        let prompt = self.with_work(session, iteration, module, (&examples, &rollouts), |work| {
            match Operator::Rewrite.begin(work, &mut session.random("operator", iteration))? {
                Begun::Ask(questions) => {
                    let prompt = questions.chats.first().and_then(|chat| chat.first()).map(|message| message.content.clone());
                    let (examples, left_out) = (questions.examples, questions.left_out);
                    Ok(Packed { prompt: prompt.unwrap_or_default(), examples, left_out })
                }
                Begun::Text(_) => Err(Unusable::Empty),
            }
        });
        let question = Question {
            proposal: 1,
            parent: 0,
            module,
            operator: Operator::Rewrite.name(),
            prompt,
            max_tokens: session.plan().reflection_tokens,
            temperature: session.plan().reflection_temperature,
        };
        let texts = self.writer.write(session, iteration, "reflection", &[question], &|session, _, completion| {
            let read = self.with_work(session, iteration, module, (&examples, &rollouts), |work| {
                Operator::Rewrite.finish(work, std::slice::from_ref(completion))
            });
            let is_known = |text: &ModuleText| self.tried.contains(&self.seed.with(module, text.clone()));
            read.and_then(|text| if is_known(&text) { Err(Unusable::Repeated) } else { Ok(text) })
        })?;
        for text in texts.into_iter().flatten() {
            let candidate = self.seed.with(module, text);
            let proposal = Proposal { iteration, number: 1, parent: 0 };
            joining::propose(session, proposal, &candidate, &[(module, Operator::Rewrite.name())])?;
            self.tried.insert(candidate.clone());
            let member = validated(session, &self.members, iteration, (candidate, 0, 1))?;
            self.members.push(member);
        }
        Ok(())
    }

    /// Calls `act` with what GEPA's operator has to know of a module of the seed.
    fn with_work<R>(
        &self,
        session: &Session<'_>,
        iteration: u64,
        module: usize,
        (minibatch, rollouts): (&[&Example], &[&Scored]),
        act: impl FnOnce(&Work<'_>) -> R,
    ) -> R {
        let about = &session.program().modules[module];
        act(&Work {
            module: about,
            text: &self.seed.0[module],
            place: &Place::of(session.program(), module),
            profile: &profile::of(about, session.train()),
            rollouts,
            minibatch,
            train: session.train(),
            right: &[],
            rejected: &[],
            diagnoses: &[],
            room: self.writer.room(session, iteration),
            answer_tokens: session.plan().reflection_tokens,
            most_tokens: writing::most_tokens(session, module),
            solution: &|example: &Example| session.solution(example),
            count: &|text: &str| self.writer.count(session, iteration, text),
            measure: &|text: &str| session.count_tokens(about.model, text),
        })
    }
}

impl Optimizer for Random {
    fn run(&mut self, session: &mut Session<'_>) -> Result<Pool, RunError> {
        let stopped = self.search(session);
        joining::pool(std::mem::take(&mut self.members), stopped)
    }
}

//! GEPA: reflective prompt evolution (arXiv 2507.19457).
//!
//! Select a candidate by Pareto sampling, run it on a minibatch, let a reflector read traces and
//! feedback and rewrite one module's instruction, keep the child if it wins the same minibatch,
//! and score it on all validation examples.

pub mod accept;
pub mod minibatch;
pub mod pareto;
pub mod profile;
pub mod reflect;
pub mod select;

use std::collections::BTreeSet;
use std::sync::Arc;

use rand::Rng;

use self::accept::Verdict;
use self::minibatch::Minibatches;
use self::reflect::Unusable;
use self::select::RoundRobin;
use super::session::Halt;
use super::{Member, Optimizer, Pool, Session};
use crate::config::Budget;
use crate::data::split::Split;
use crate::engine::{Ended, ModelId};
use crate::error::RunError;
use crate::event::{Event, Purpose, StopReason};
use crate::journal::Scored;
use crate::program::Candidate;

/// Idle iterations in a row that end a run, where an epoch has fewer.
const LEAST_IDLE: usize = 5;

/// The optimizer.
#[derive(Debug)]
pub struct Gepa {
    seed: Candidate,
    /// Models that write prompts, with their names; asked in turn.
    reflectors: Vec<(String, ModelId)>,
    members: Vec<Member>,
    turns: RoundRobin,
    /// Every text that was run: a proposal among them is not run again.
    tried: BTreeSet<Candidate>,
}

impl Gepa {
    /// Starts from `seed`; `reflectors` has at least one model.
    #[must_use]
    pub fn new(seed: Candidate, reflectors: Vec<(String, ModelId)>) -> Self {
        Self { seed, reflectors, members: Vec::new(), turns: RoundRobin::default(), tried: BTreeSet::new() }
    }

    /// Validates the seed, then iterates until something halts it.
    fn search(&mut self, session: &mut Session<'_>) -> Result<StopReason, Halt> {
        let validation: Vec<usize> = (0..session.validation_size()).collect();
        let seed = self.seed.clone();
        let scores = scores(&session.evaluate(Purpose::SeedValidation, Split::Val, &seed, &validation)?);
        self.tried.insert(seed.clone());
        self.add(session, 0, seed, Vec::new(), scores)?;
        if all_perfect(&self.members[0].scores) {
            return Ok(StopReason::SeedIsPerfect);
        }
        let mut batches = Minibatches::new(session.train().len(), session.plan().minibatch);
        let cap = reflection_cap(session);
        let mut idle = 0;
        for iteration in 1.. {
            let batch_size = session.plan().minibatch.min(session.train().len()) as u64;
            session.fits(2 * batch_size + validation.len() as u64)?;
            if cap.is_some_and(|cap| session.spent().reflections >= cap) {
                return Ok(StopReason::ReflectionsSpent);
            }
            let before = session.spent().rollouts;
            let batch = batches.deal(|epoch| session.random("minibatch", epoch));
            self.iterate(session, iteration, &batch, &validation)?;
            idle = if session.spent().rollouts == before { idle + 1 } else { 0 };
            if idle >= batches.in_epoch().max(LEAST_IDLE) {
                return Ok(StopReason::NothingLeft);
            }
        }
        Ok(StopReason::NothingLeft)
    }

    /// One iteration; says nothing, since whatever happens is an event.
    fn iterate(&mut self, session: &mut Session<'_>, iteration: u64, batch: &[usize], validation: &[usize]) -> Result<(), Halt> {
        let parent = select::parent(&self.members, &mut session.random("parent", iteration));
        let train = session.train();
        let minibatch = batch.iter().map(|&place| train[place].id.clone()).collect();
        session.log(&Event::Iteration { iteration, parent, minibatch })?;
        let candidate = self.members[parent].candidate.clone();
        let rollouts = session.evaluate(Purpose::Parent, Split::Train, &candidate, batch)?;
        let parent_scores = scores(&rollouts);
        if all_perfect(&parent_scores) {
            return session.log(&Event::Perfect { iteration });
        }
        let module = self.turns.take(parent, session.program().modules.len());
        let Some(child) = self.reflect(session, iteration, &candidate, module, &rollouts)? else {
            return Ok(());
        };
        self.tried.insert(child.clone());
        let child_scores = scores(&session.evaluate(Purpose::Gate, Split::Train, &child, batch)?);
        let verdict = Verdict::of(&parent_scores, &child_scores);
        if !verdict.is_better() {
            let Verdict { parent_sum, child_sum } = verdict;
            return session.log(&Event::Rejected { iteration, parent_sum, child_sum });
        }
        let scores = scores(&session.evaluate(Purpose::Validation, Split::Val, &child, validation)?);
        self.add(session, iteration, child, vec![parent], scores)
    }

    /// Asks a reflector for a new instruction of `module`; None where its answer is no proposal.
    fn reflect(
        &self,
        session: &mut Session<'_>,
        iteration: u64,
        candidate: &Candidate,
        module: usize,
        rollouts: &[Arc<Scored>],
    ) -> Result<Option<Candidate>, Halt> {
        let plan = session.plan();
        let program = session.program();
        let place = usize::try_from(iteration).unwrap_or(0) % self.reflectors.len();
        let (reflector, model) = &self.reflectors[place];
        let instruction = &candidate.0[module].instruction;
        let rollouts: Vec<&Scored> = rollouts.iter().map(|scored| &**scored).collect();
        let room = session.context_length(*model).saturating_sub(plan.reflection_tokens as usize);
        let profile = profile::describe(&program.modules[module].outputs, session.train());
        let count = |text: &str| session.count_tokens(*model, text);
        let reflection = reflect::compose(&program.modules[module], instruction, &profile, &rollouts, room, &count);
        let name = program.modules[module].name.clone();
        session.log(&Event::Reflecting {
            iteration,
            module: name.clone(),
            reflector: reflector.clone(),
            examples: reflection.examples,
        })?;
        if reflection.examples == 0 {
            let text = format!("no example fits {room} tokens beside the answer's {}", plan.reflection_tokens);
            session.log(&Event::Unusable { iteration, reason: Unusable::NoRoom.reason(), text })?;
            return Ok(None);
        }
        let seed = session.random("reflection", iteration).next_u64();
        let request = reflect::request(*model, reflection.messages, plan.reflection_tokens, plan.reflection_temperature, seed);
        let completions = session.reflect(std::slice::from_ref(&request))?;
        let Some(completion) = completions.into_iter().next() else {
            return Ok(None);
        };
        let is_tried = |text: &str| self.tried.contains(&candidate.with_instruction(module, text));
        match reflect::read(&completion, instruction, &rollouts, is_tried) {
            Ok(instruction) => {
                let child = candidate.with_instruction(module, &instruction);
                session.log(&Event::Proposed { iteration, module: name, instruction })?;
                Ok(Some(child))
            }
            Err(unusable) => {
                let text = match completion.ended {
                    Ended::Refused(reason) => reason,
                    _ => completion.text,
                };
                session.log(&Event::Unusable { iteration, reason: unusable.reason(), text })?;
                Ok(None)
            }
        }
    }

    fn add(
        &mut self,
        session: &mut Session<'_>,
        iteration: u64,
        candidate: Candidate,
        parents: Vec<usize>,
        scores: Vec<Option<f64>>,
    ) -> Result<(), Halt> {
        let spent = session.spent().rollouts;
        let member = Member { candidate, parents, scores, spent };
        let names = session.program().modules.iter().map(|m| m.name.clone());
        let event = Event::Accepted {
            iteration,
            candidate: self.members.len(),
            parents: member.parents.clone(),
            instructions: names.zip(member.candidate.0.iter().map(|m| m.instruction.clone())).collect(),
            mean: member.mean(),
            scores: member.scores.clone(),
            spent,
        };
        session.log(&event)?;
        self.turns.add(&member.parents);
        self.members.push(member);
        Ok(())
    }
}

fn scores(rollouts: &[Arc<Scored>]) -> Vec<Option<f64>> {
    rollouts.iter().map(|scored| scored.score()).collect()
}

/// Whether whatever was scored is perfect, and something was.
fn all_perfect(scores: &[Option<f64>]) -> bool {
    scores.iter().any(Option::is_some) && scores.iter().flatten().all(|score| *score >= 1.0)
}

/// The most reflections: what the plan says, else as many as the budget has minibatches.
fn reflection_cap(session: &Session<'_>) -> Option<u64> {
    let plan = session.plan();
    plan.max_reflections.or(match plan.budget {
        Budget::Rollouts(most) => Some(most.div_ceil(plan.minibatch as u64)),
        Budget::Time(_) => None,
    })
}

impl Optimizer for Gepa {
    fn run(&mut self, session: &mut Session<'_>) -> Result<Pool, RunError> {
        let stopped = match self.search(session) {
            Ok(reason) | Err(Halt::Stop(reason)) => reason,
            Err(Halt::Error(error)) => return Err(error),
        };
        if self.members.is_empty() {
            return Err(RunError::Plan("the budget ended before the seed was validated; give a larger one with --budget".into()));
        }
        Ok(Pool { members: std::mem::take(&mut self.members), stopped })
    }
}

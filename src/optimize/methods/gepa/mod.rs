//! GEPA: reflective prompt evolution (arXiv 2507.19457).
//!
//! Select a candidate by Pareto sampling, run it on a minibatch, let a reflector read traces and
//! feedback and rewrite an instruction, keep the child if it wins the same minibatch, and score it on
//! the validation examples. After an accepted child, two candidates of one family may be merged.

pub mod bandit;
mod bootstrap;
pub mod crossover;
pub mod frontier;
pub mod gate;
pub mod merge;
mod mutate;
pub mod pareto;
mod propose;
pub mod right;
pub mod select;
pub mod validate;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use self::bandit::{Bandit, Teachers};
use self::crossover::{Crossover, Merge};
use self::right::Right;
use self::select::RoundRobin;
use self::validate::Newcomer;
use crate::config::{Frontier, Keep, ModuleSelection, Parents};
use crate::data::split::Split;
use crate::engine::ModelId;
use crate::error::RunError;
use crate::evaluate::Scored;
use crate::event::{Event, Purpose, StopReason};
use crate::optimize::idle::Idle;
use crate::optimize::minibatch::Minibatches;
use crate::optimize::pool::best_mean;
use crate::optimize::reflection::profile::{self, OutputProfile};
use crate::optimize::session::Halt;
use crate::optimize::{Member, Optimizer, Session, joining};
use crate::program::Candidate;

/// Idle iterations in a row that end a run, where an epoch has fewer.
const LEAST_IDLE: usize = 5;

/// The optimizer.
#[derive(Debug)]
pub struct Gepa {
    seed: Candidate,
    /// Models that write prompts, with their names.
    reflectors: Vec<(String, ModelId)>,
    members: Vec<Member>,
    turns: RoundRobin,
    crossover: Crossover,
    /// For each module: what helps one that labels does not help one that writes a query.
    bandits: BTreeMap<usize, Bandit>,
    teachers: Teachers,
    /// What the training data says of each module's outputs.
    profiles: Arc<[Vec<OutputProfile>]>,
    /// Calls on training examples with right answers.
    right: Right,
    /// What was added to the text of a module of a candidate and did not pass, by candidate and module.
    rejected: BTreeMap<(usize, usize), Vec<String>>,
    /// Every text that was run: a proposal among them is not run again.
    tried: BTreeSet<Candidate>,
    /// Those that one minibatch has rejected, where that is not the last word.
    on_probation: BTreeSet<Candidate>,
    /// Minibatches that the seed was run on before the first iteration, for its first children.
    known: VecDeque<Vec<usize>>,
    /// Proposals that a reflector was asked for, second times among them.
    asked: u64,
}

impl Gepa {
    /// Starts from `seed`; `reflectors` has at least one model.
    #[must_use]
    pub fn new(seed: Candidate, reflectors: Vec<(String, ModelId)>) -> Self {
        Self {
            seed,
            reflectors,
            members: Vec::new(),
            turns: RoundRobin::default(),
            crossover: Crossover::default(),
            bandits: BTreeMap::new(),
            teachers: Teachers::new(&[]),
            profiles: Arc::default(),
            right: Right::default(),
            rejected: BTreeMap::new(),
            tried: BTreeSet::new(),
            on_probation: BTreeSet::new(),
            known: VecDeque::new(),
            asked: 0,
        }
    }
}

impl Optimizer for Gepa {
    fn search(&mut self, session: &mut Session<'_>) -> Result<StopReason, Halt> {
        let seed = self.seed.clone();
        self.tried.insert(seed.clone());
        self.validate(session, 0, vec![Newcomer { candidate: seed, parents: Vec::new(), proposal: 0 }])?;
        let plan = session.plan();
        self.teachers = Teachers::new(&self.reflectors.iter().map(|(_, model)| session.size(*model)).collect::<Vec<_>>());
        if self.members[0].mean() >= 1.0 {
            return Ok(StopReason::SeedIsPerfect);
        }
        self.profiles = session.program().modules.iter().map(|module| profile::profile_module(module, session.train())).collect();
        let mut batches = Minibatches::new(session.train().len(), plan.minibatch);
        let mut best = (self.members[0].mean(), 0);
        let mut idle = Idle::default();
        for iteration in 1.. {
            // A rollout that failed names none: only one that scored shows that the metric does not.
            let has_none = |member: &Member| member.mean() > 0.0 && member.objectives.is_empty();
            if plan.frontier != Frontier::Example && self.members.iter().any(has_none) {
                let words = "the metric names no objectives, which `optimize.frontier` compares candidates on; leave it out";
                return Err(RunError::Plan(words.into()).into());
            }
            if best.0 >= session.limits().score {
                return Ok(StopReason::ScoreReached);
            }
            if session.limits().patience.is_some_and(|patience| iteration > best.1 + patience) {
                return Ok(StopReason::NoImprovement);
            }
            if iteration == 1 {
                self.bootstrap(session, &mut batches)?;
            }
            let proposals = self.most_proposals(session);
            session.fits(self.worst_case(session, proposals))?;
            if self.may_ask(session) == Some(0) {
                return Ok(StopReason::ReflectionsSpent);
            }
            let before = session.spent().rollouts;
            if !(merges(session) && self.crossover.take_turn() && self.merge(session, iteration)?) {
                self.mutate(session, iteration, proposals, &mut batches)?;
            }
            let mean = best_mean(&self.members);
            if mean > best.0 {
                best = (mean, iteration);
            }
            if idle.is_end(session, iteration, before, batches.in_epoch().max(LEAST_IDLE))? {
                return Ok(StopReason::NothingLeft);
            }
        }
        Ok(StopReason::NothingLeft)
    }

    fn members(&mut self) -> &mut Vec<Member> {
        &mut self.members
    }
}

impl Gepa {
    /// Proposals that reflectors may still be asked for; None where nothing caps them.
    fn may_ask(&self, session: &Session<'_>) -> Option<u64> {
        reflection_cap(session).map(|cap| cap.saturating_sub(self.asked))
    }

    /// The proposals of the next iteration: as many as the plan says, fewer where the budget's rest holds no more.
    fn most_proposals(&self, session: &Session<'_>) -> usize {
        let holds = |proposals: &usize| session.rollouts_left().is_none_or(|left| self.worst_case(session, *proposals) <= left);
        (1..=session.plan().proposals).rev().find(holds).unwrap_or(1)
    }

    /// The most rollouts that an iteration of so many proposals can charge: parents and children on a minibatch and the
    /// validations of those that are kept, or a merge's gate and its validation.
    fn worst_case(&self, session: &Session<'_>, proposals: usize) -> u64 {
        let plan = session.plan();
        let batch = plan.minibatch.min(session.train().len());
        let validation = session.validation_size();
        let parents = if plan.parents == Some(Parents::Several) { proposals.min(self.members.len()) } else { 1 };
        let kept = if plan.keep == Some(Keep::All) { proposals } else { 1 };
        let of_known = self.known.front().map_or(0, Vec::len);
        let gate = ((parents + proposals) * batch).max(proposals * of_known);
        let mutation = gate + kept * validation;
        let merge = if merges(session) { merge::GATE_EXAMPLES + validation } else { 0 };
        mutation.max(merge) as u64
    }

    /// Merges two candidates where that is possible; says whether it was.
    fn merge(&mut self, session: &mut Session<'_>, iteration: u64) -> Result<bool, Halt> {
        let weights = select::weights(session.plan(), &self.members);
        let mut random = session.random("merge", iteration);
        let Some(merge) = self.crossover.find(&self.members, &weights, &self.tried, &mut random) else {
            session.log(&Event::NothingToMerge { iteration })?;
            return Ok(false);
        };
        let Merge { parents, ancestor, candidate, examples } = merge;
        let ids = examples.iter().map(|&place| session.validation_id(place).to_owned()).collect();
        let instructions = joining::named(session, &candidate);
        let key = candidate.key();
        session.log(&Event::Merging { iteration, parents, ancestor, instructions, examples: ids, key })?;
        self.tried.insert(candidate.clone());
        let rollouts = session.evaluate(Purpose::MergeGate, Split::Val, &candidate, &examples)?;
        let child_scores = scores(&rollouts);
        let sums = parents.map(|parent| {
            let scores: Vec<Option<f64>> = examples.iter().map(|&place| self.members[parent].scores.get(place)).collect();
            gate::Sums::of(&scores, &child_scores)
        });
        if sums.iter().any(|sum| sum.child_sum < sum.parent_sum) {
            let (parent_sums, child_sum) = (sums.map(|sum| sum.parent_sum), sums[0].child_sum);
            session.log(&Event::MergeRejected { iteration, parent_sums, child_sum })?;
            return Ok(true);
        }
        let merged = Newcomer { candidate, parents: parents.to_vec(), proposal: 0 };
        // One that was given up uses up nothing, as with mutations.
        if self.validate(session, iteration, vec![merged])? > 0 {
            self.crossover.merge_accepted();
        }
        Ok(true)
    }

    /// Adds a candidate with its rollouts on validation examples to the pool.
    fn add(
        &mut self,
        session: &mut Session<'_>,
        iteration: u64,
        Newcomer { candidate, parents, proposal }: Newcomer,
        prompt_tokens: usize,
        results: &[(usize, Arc<Scored>)],
    ) -> Result<(), Halt> {
        let member = joining::join(session, &self.members, iteration, (candidate, parents, proposal), prompt_tokens, results)?;
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

/// Whether candidates are merged: of a program with one module, there is nothing to cross.
fn merges(session: &Session<'_>) -> bool {
    session.plan().merge && session.program().modules.len() > 1
}

/// Proposals that an iteration may ask reflectors for, second times aside.
fn reflections(session: &Session<'_>) -> u64 {
    let plan = session.plan();
    let modules = if plan.module_selection == ModuleSelection::RoundRobin { 1 } else { joining::open_modules(session).len() };
    (plan.proposals * modules) as u64
}

/// The most reflections: what the plan says, else as many as the budget has minibatches, each with all of
/// its proposals.
fn reflection_cap(session: &Session<'_>) -> Option<u64> {
    let plan = session.plan();
    let batches = session.limits().rollouts.map(|most| most.div_ceil(plan.minibatch as u64));
    session.limits().reflections.or(batches.map(|batches| batches * reflections(session)))
}

//! MIPROv2: worked examples and instructions of all modules, chosen together (Opsahl-Ong et al. 2024, arXiv 2406.11695).
//!
//! First, right rollouts of the seed become demonstration sets for each module, and a model writes instructions for each,
//! grounded in summaries of the data and of the program, in demonstrations and in a tip. Then a tree-structured Parzen
//! estimator chooses an instruction and a set for every module at once; a trial is a minibatch of validation examples, and
//! every few trials the combination with the best mean is validated in full.

mod choice;
mod propose;

use std::collections::BTreeMap;

use rand::seq::SliceRandom;

use self::choice::Choices;
use crate::data::split::Split;
use crate::engine::ModelId;
use crate::error::RunError;
use crate::evaluate::Scored;
use crate::event::{Event, Purpose, StopReason};
use crate::optimize::idle::Idle;
use crate::optimize::joining::{self, Proposal, is_enough, open_modules, validated};
use crate::optimize::pool;
use crate::optimize::reflection::writing::Writer;
use crate::optimize::session::Halt;
use crate::optimize::{Member, Optimizer, Pool, Session};
use crate::program::{Candidate, Demonstration, ModuleText};

/// The most validation examples of a trial.
const MOST_MINIBATCH: usize = 35;

/// The least, as far as there are so many.
const LEAST_MINIBATCH: usize = 8;

/// Of the validation examples, a trial has one in so many.
const SHARE_OF_VALIDATION: usize = 4;

/// Trials that the budget should have room for, beside a validation.
const TRIALS: u64 = 10;

/// Trials between two validations in full.
const FULL_EVERY: u64 = 5;

/// Trials in a row that were known, after which the search is over.
const MOST_IDLE: usize = 20;

/// The optimizer.
#[derive(Debug)]
pub struct Miprov2 {
    seed: Candidate,
    writer: Writer,
    members: Vec<Member>,
    /// Means of the trials of each combination, and how many they are.
    means: BTreeMap<Vec<usize>, (f64, usize)>,
    /// Combinations that were validated in full.
    full: Vec<Vec<usize>>,
    /// Instructions of a module, the seed's among them.
    pub instructions: usize,
    /// Demonstration sets of a module, the empty one among them.
    pub sets: usize,
    /// Demonstrations of a set.
    pub shown: usize,
    /// Whether right rollouts become demonstrations.
    pub bootstraps: bool,
}

/// What can be chosen for each module.
struct Options {
    instructions: Vec<Vec<ModuleText>>,
    sets: Vec<Vec<Vec<Demonstration>>>,
}

impl Options {
    /// The candidate of a combination: an instruction and a set of each module in turn.
    fn candidate(&self, combination: &[usize]) -> Candidate {
        let text = |(module, choice): (usize, &[usize])| ModuleText {
            demonstrations: self.sets[module][choice[1]].clone(),
            ..self.instructions[module][choice[0]].clone()
        };
        Candidate(combination.chunks(2).enumerate().map(text).collect())
    }
}

impl Miprov2 {
    /// Starts from `seed`; `reflectors` has at least one model.
    #[must_use]
    pub fn new(seed: Candidate, reflectors: Vec<(String, ModelId)>) -> Self {
        Self {
            seed,
            writer: Writer::new(reflectors),
            members: Vec::new(),
            means: BTreeMap::new(),
            full: Vec::new(),
            instructions: 4,
            sets: 4,
            shown: 4,
            bootstraps: true,
        }
    }

    fn search(&mut self, session: &mut Session<'_>) -> Result<StopReason, Halt> {
        let seed = validated(session, &[], 0, (self.seed.clone(), 0, 0))?;
        self.members.push(seed);
        // Summaries and instructions, each perhaps twice.
        let questions = 2 * (2 + self.instructions.saturating_sub(1) * open_modules(session).len());
        if let Some(reason) = is_enough(session, &self.members, questions as u64) {
            return Ok(reason);
        }
        session.log(&Event::Iteration { iteration: 1, parents: vec![0], minibatch: Vec::new() })?;
        let options = self.options(session)?;
        let sizes: Vec<usize> =
            options.instructions.iter().zip(&options.sets).flat_map(|(texts, sets)| [texts.len(), sets.len()]).collect();
        let mut choices = Choices::new(sizes.clone());
        // The seed is known already.
        let seed = vec![0; sizes.len()];
        choices.tell(&seed, self.members[0].mean());
        self.full.push(seed);
        let size = session.validation_size();
        let fair = session.rollouts_left().map_or(MOST_MINIBATCH as u64, |left| left.saturating_sub(size as u64) / TRIALS);
        let fair = usize::try_from(fair).unwrap_or(MOST_MINIBATCH);
        let minibatch = (size / SHARE_OF_VALIDATION).min(fair).clamp(LEAST_MINIBATCH, MOST_MINIBATCH).min(size);
        let (mut idle, mut improved) = (Idle::default(), 1);
        for trial in 2.. {
            // Trials ask no reflector.
            if let Some(reason) = is_enough(session, &self.members, 0).filter(|reason| *reason != StopReason::ReflectionsSpent) {
                return Ok(reason);
            }
            if session.limits().patience.is_some_and(|patience| trial > improved + patience) {
                // What the trials found may be better than what was validated last.
                let best = pool::best_mean(&self.members);
                self.validate_best(session, trial, &options, &mut choices)?;
                if pool::best_mean(&self.members) <= best {
                    return Ok(StopReason::NoImprovement);
                }
                improved = trial;
            }
            let before = session.spent().rollouts;
            let best = pool::best_mean(&self.members);
            if !session.holds((minibatch + size) as u64)? {
                // What is left is for the best of the trials.
                self.validate_best(session, trial, &options, &mut choices)?;
                // A finished run goes on from here under a larger budget.
                if !session.holds((minibatch + size) as u64)? {
                    return Ok(StopReason::BudgetSpent);
                }
            }
            self.trial(session, trial, &options, &mut choices, minibatch)?;
            if (trial - 1) % FULL_EVERY == 0 {
                self.validate_best(session, trial, &options, &mut choices)?;
            }
            improved = if pool::best_mean(&self.members) > best { trial } else { improved };
            if idle.is_end(session, trial, before, MOST_IDLE)? {
                self.validate_best(session, trial, &options, &mut choices)?;
                return Ok(StopReason::NothingLeft);
            }
        }
        Ok(StopReason::NothingLeft)
    }

    /// What there is to choose from. A frozen module has its seed's text alone.
    fn options(&self, session: &mut Session<'_>) -> Result<Options, Halt> {
        let open = open_modules(session);
        let bootstrapped = self.bootstrap(session)?;
        let sets_of = |module: usize| match open.contains(&module) {
            true => self.demonstration_sets(session, module, &bootstrapped[module]),
            false => vec![self.seed.0[module].demonstrations.clone()],
        };
        let sets: Vec<Vec<Vec<Demonstration>>> = (0..self.seed.0.len()).map(sets_of).collect();
        Ok(Options { instructions: self.instructions(session, &sets)?, sets })
    }

    /// One combination on one minibatch.
    fn trial(
        &mut self,
        session: &mut Session<'_>,
        trial: u64,
        options: &Options,
        choices: &mut Choices,
        minibatch: usize,
    ) -> Result<(), Halt> {
        let mut random = session.random("trial", trial);
        let combination = choices.ask(&mut random);
        let candidate = options.candidate(&combination);
        let mut places: Vec<usize> = (0..session.validation_size()).collect();
        places.shuffle(&mut random);
        places.truncate(minibatch);
        session.log(&Event::Iteration { iteration: trial, parents: vec![0], minibatch: Vec::new() })?;
        if !self.means.contains_key(&combination) {
            let operators: Vec<(usize, &'static str)> =
                (0..candidate.0.len()).filter(|&module| candidate.0[module] != self.seed.0[module]).map(|m| (m, "tpe")).collect();
            joining::propose(session, Proposal { iteration: trial, number: 1, parent: 0 }, &candidate, &operators)?;
        }
        let rollouts = session.evaluate(Purpose::Trial, Split::Val, &candidate, &places)?;
        let scores: Vec<Option<f64>> = rollouts.iter().map(|scored| Scored::score(scored)).collect();
        let mean = pool::mean(&scores).unwrap_or(0.0);
        session.log(&Event::Tried { iteration: trial, proposal: 1, split: Split::Val, examples: places.len(), mean })?;
        choices.tell(&combination, mean);
        let (sum, count) = self.means.entry(combination).or_default();
        (*sum, *count) = (*sum + mean, *count + 1);
        Ok(())
    }

    /// Validates the combination with the best mean of those that were not, where the budget holds it.
    fn validate_best(
        &mut self,
        session: &mut Session<'_>,
        trial: u64,
        options: &Options,
        choices: &mut Choices,
    ) -> Result<(), Halt> {
        let mean = |(sum, count): &(f64, usize)| pool::rounded(sum / *count as f64);
        let open = self.means.iter().filter(|(combination, _)| !self.full.contains(combination));
        // Of equal means the first by its numbers.
        let best = open.fold(None, |best: Option<(&Vec<usize>, f64)>, (combination, of)| match best {
            Some((_, before)) if before >= mean(of) => best,
            _ => Some((combination, mean(of))),
        });
        let Some((combination, _)) = best else { return Ok(()) };
        if !session.holds(session.validation_size() as u64)? {
            return Ok(());
        }
        let combination = combination.clone();
        let candidate = options.candidate(&combination);
        self.full.push(combination.clone());
        if self.members.iter().any(|member| member.candidate == candidate) {
            return Ok(());
        }
        let member = validated(session, &self.members, trial, (candidate, 0, 1))?;
        choices.tell(&combination, member.mean());
        self.members.push(member);
        Ok(())
    }
}

impl Optimizer for Miprov2 {
    fn run(&mut self, session: &mut Session<'_>) -> Result<Pool, RunError> {
        let stopped = self.search(session);
        joining::pool(std::mem::take(&mut self.members), stopped)
    }
}

//! The search over combinations of instructions and demonstration sets.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;

use super::choices::Choices;
use super::options::{OptionMaker, Options};
use crate::config::{Miprov2Plan, Strength};
use crate::data::ExampleIndex;
use crate::data::split::Split;
use crate::engine::ModelId;
use crate::evaluate::{Scored, scores};
use crate::event::{Decision, MethodStep, Origin, Purpose, StopReason};
use crate::optimize::idle::IdleIterations;
use crate::optimize::joining::{self, NewCandidate, Proposal, early_stop, open_modules};
use crate::optimize::optimizer::Optimizer;
use crate::optimize::pool::{Member, best_mean, comparable_means};
use crate::optimize::reflection::reflectors::Reflectors;
use crate::optimize::session::{Halt, Session};
use crate::program::{Candidate, PoolIndex};

/// With the preset `small`, the fewest validation examples of a trial, unless there are fewer.
const MIN_MINIBATCH: usize = 8;

/// With the preset `small`, a trial uses one in this many of the validation examples.
const MINIBATCH_SHARE: usize = 4;

/// With the preset `small`, the trials for which the budget should have room beside one validation on all examples.
const AFFORDED_TRIALS: u64 = 10;

/// The idle trials in a row that end the search.
const MAX_IDLE: usize = 20;

/// The optimizer.
#[derive(Debug)]
pub struct Miprov2 {
    seed: Candidate,
    reflectors: Reflectors,
    members: Vec<Member>,
    plan: Miprov2Plan,
}

/// What the trials have found.
struct Trials {
    options: Options,
    choices: Choices,
    /// The validation examples of a trial.
    minibatch: usize,
    /// The combinations that were tried.
    tried: BTreeMap<Vec<usize>, Means>,
    /// The combinations that were validated on all examples.
    validated: Vec<Vec<usize>>,
}

/// The means of the trials of a combination.
#[derive(Debug, Clone, Copy, Default)]
struct Means {
    sum: f64,
    count: usize,
}

impl Means {
    fn mean(self) -> f64 {
        scores::rounded(self.sum / self.count as f64)
    }
}

impl Trials {
    /// Returns the combination with the best mean that was not validated on all examples; of equal means, the first in order.
    fn best_open(&self) -> Option<&Vec<usize>> {
        let open = self.tried.iter().filter(|(combination, _)| !self.validated.contains(combination));
        let best = open.fold(None, |best: Option<(&Vec<usize>, f64)>, (combination, means)| match best {
            Some((_, mean)) if mean >= means.mean() => best,
            _ => Some((combination, means.mean())),
        });
        best.map(|(combination, _)| combination)
    }
}

impl Miprov2 {
    /// Creates a search from `seed` with the numbers of `plan`. `reflectors` has at least one model, with its name in the task file.
    #[must_use]
    pub fn new(seed: Candidate, reflectors: Vec<(String, ModelId)>, plan: Miprov2Plan) -> Self {
        let reflectors = Reflectors::new(reflectors);
        Self { seed, reflectors, members: Vec::new(), plan }
    }

    /// Returns the number of validation examples of a trial.
    fn minibatch(&self, session: &Session<'_>) -> usize {
        let size = session.validation_size();
        match self.plan.preset {
            _ if size <= self.plan.whole => size,
            Strength::Reference => self.plan.minibatch.min(size),
            Strength::Small => {
                let left = session.rollouts_left().map(|left| left.saturating_sub(size as u64) / AFFORDED_TRIALS);
                let affordable = left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
                let least = MIN_MINIBATCH.min(self.plan.minibatch);
                (size / MINIBATCH_SHARE).min(affordable).clamp(least, self.plan.minibatch).min(size)
            }
        }
    }

    /// Makes the options and records the seed as the first combination.
    fn start_trials(&self, session: &mut Session<'_>) -> Result<Trials, Halt> {
        let maker = OptionMaker { seed: &self.seed, reflectors: &self.reflectors, plan: &self.plan };
        let options = maker.make(session)?;
        let mut choices = Choices::new(options.sizes());
        let seed = vec![0; options.sizes().len()];
        choices.record(&seed, self.members[0].mean());
        Ok(Trials { options, choices, minibatch: self.minibatch(session), tried: BTreeMap::new(), validated: vec![seed] })
    }

    /// Runs one combination on one minibatch. If that is all validation examples, the candidate joins the pool.
    fn run_trial(&mut self, session: &mut Session<'_>, iteration: u64, trials: &mut Trials) -> Result<(), Halt> {
        let mut random = session.random("trial", iteration);
        let combination = trials.choices.next(&mut random);
        let candidate = trials.options.candidate(session, &combination);
        let mut examples = ExampleIndex::all(session.validation_size());
        examples.shuffle(&mut random);
        examples.truncate(trials.minibatch);
        session.log(Decision::Iteration { iteration, parents: vec![PoolIndex::SEED], minibatch: Vec::new() })?;
        if !trials.tried.contains_key(&combination) && !trials.validated.contains(&combination) {
            let is_changed = |&module_index: &usize| candidate.0[module_index] != self.seed.0[module_index];
            let operators: Vec<(usize, Origin)> =
                (0..candidate.0.len()).filter(is_changed).map(|module_index| (module_index, MethodStep::Tpe.into())).collect();
            joining::log_proposal(session, Proposal { iteration, number: 1, parent: PoolIndex::SEED }, &candidate, &operators)?;
        }
        if examples.len() == session.validation_size() {
            return self.validate(session, iteration, trials, combination, candidate);
        }
        let rollouts = session.evaluate(Purpose::Trial, Split::Val, &candidate, &examples)?;
        let scores: Vec<Option<f64>> = rollouts.iter().map(|scored| Scored::score(scored)).collect();
        let mean = scores::mean(&scores).unwrap_or(0.0);
        session.log(Decision::Tried { iteration, proposal: 1, split: Split::Val, examples: examples.len(), mean })?;
        trials.choices.record(&combination, mean);
        let means = trials.tried.entry(combination).or_default();
        *means = Means { sum: means.sum + mean, count: means.count + 1 };
        Ok(())
    }

    /// Validates the best combination that was not validated yet on all examples, if the budget has room.
    fn validate_best(&mut self, session: &mut Session<'_>, iteration: u64, trials: &mut Trials) -> Result<(), Halt> {
        let Some(combination) = trials.best_open().cloned() else { return Ok(()) };
        if !session.has_budget_for(session.validation_size() as u64)? {
            return Ok(());
        }
        let candidate = trials.options.candidate(session, &combination);
        self.validate(session, iteration, trials, combination, candidate)
    }

    /// Validates a combination on all examples, unless its candidate is in the pool already.
    fn validate(
        &mut self,
        session: &mut Session<'_>,
        iteration: u64,
        trials: &mut Trials,
        combination: Vec<usize>,
        candidate: Candidate,
    ) -> Result<(), Halt> {
        if !trials.validated.contains(&combination) {
            trials.validated.push(combination.clone());
        }
        let known = self.members.iter().position(|member| member.candidate == candidate);
        if known.is_none() {
            let new = NewCandidate::child(candidate, PoolIndex::SEED, 1);
            self.members.push(joining::validate(session, &self.members, iteration, new)?);
        }
        // A candidate that was given up has the scores of some examples only.
        let means = comparable_means(&self.members);
        trials.choices.record(&combination, known.map_or(means.last(), |known| means.get(known)).copied().unwrap_or(0.0));
        Ok(())
    }
}

impl Optimizer for Miprov2 {
    fn search(&mut self, session: &mut Session<'_>) -> Result<StopReason, Halt> {
        let seed = joining::validate(session, &[], 0, NewCandidate::seed(self.seed.clone()))?;
        self.members.push(seed);
        // The observations with their summary, the program, the modules and the instructions, all of which may be asked for twice.
        let open = open_modules(session).len();
        let batches = session.train().len().div_ceil(self.plan.summary_rows).min(self.plan.summary_batches);
        let of_module = self.plan.instructions().saturating_sub(1) + usize::from(self.plan.module_descriptions);
        let questions = 2 * (batches + 2 + of_module * open);
        let most_trials = self.plan.trials(open);
        if let Some(reason) = early_stop(session, &self.members, questions as u64) {
            return Ok(reason);
        }
        session.log(Decision::Iteration { iteration: 1, parents: vec![PoolIndex::SEED], minibatch: Vec::new() })?;
        let mut trials = self.start_trials(session)?;
        let is_whole = trials.minibatch == session.validation_size();
        let cost = (trials.minibatch + if is_whole { 0 } else { session.validation_size() }) as u64;
        let (mut idle, mut improved) = (IdleIterations::new(MAX_IDLE), 1);
        for iteration in 2.. {
            // Trials ask no reflector, so a limit on reflections does not end them.
            let enough = early_stop(session, &self.members, 0).filter(|reason| *reason != StopReason::ReflectionsSpent);
            if let Some(reason) = enough {
                return Ok(reason);
            }
            if most_trials.is_some_and(|most| iteration as usize > most + 1) {
                self.validate_best(session, iteration, &mut trials)?;
                return Ok(StopReason::TrialsDone);
            }
            if session.limits().patience.is_some_and(|patience| iteration > improved + patience) {
                // The trials since the last validation may have found something better.
                let best = best_mean(&self.members);
                self.validate_best(session, iteration, &mut trials)?;
                if best_mean(&self.members) <= best {
                    return Ok(StopReason::NoImprovement);
                }
                improved = iteration;
            }
            let before = session.spent().rollouts;
            let best = best_mean(&self.members);
            if !session.has_budget_for(cost)? {
                // The rest of the budget is used for the best combination.
                self.validate_best(session, iteration, &mut trials)?;
                // A finished run that is resumed with a larger budget goes on from here.
                if !session.has_budget_for(cost)? {
                    return Ok(StopReason::BudgetSpent);
                }
            }
            self.run_trial(session, iteration, &mut trials)?;
            if (iteration - 1) % self.plan.validate_every as u64 == 0 {
                self.validate_best(session, iteration, &mut trials)?;
            }
            improved = if best_mean(&self.members) > best { iteration } else { improved };
            idle.record(session, iteration, before)?;
            if idle.is_limit_reached() {
                self.validate_best(session, iteration, &mut trials)?;
                return Ok(StopReason::NothingLeft);
            }
        }
        Ok(StopReason::NothingLeft)
    }

    fn members(&mut self) -> &mut Vec<Member> {
        &mut self.members
    }
}

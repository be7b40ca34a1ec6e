//! The search over combinations of instructions and demonstration sets.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;

use super::choices::Choices;
use super::options::{OptionMaker, Options};
use super::settings::Settings;
use crate::data::ExampleIndex;
use crate::data::split::Split;
use crate::engine::ModelId;
use crate::evaluate::{Scored, scores};
use crate::event::{Decision, MethodStep, Origin, Purpose, StopReason};
use crate::optimize::idle::IdleIterations;
use crate::optimize::joining::{self, NewCandidate, Proposal, early_stop, open_modules};
use crate::optimize::optimizer::Optimizer;
use crate::optimize::pool::{Member, best_mean};
use crate::optimize::reflection::reflectors::Reflectors;
use crate::optimize::session::{Halt, Session};
use crate::program::{Candidate, PoolIndex};

/// The most validation examples of a trial.
const MAX_MINIBATCH: usize = 35;

/// The fewest validation examples of a trial, unless there are fewer.
const MIN_MINIBATCH: usize = 8;

/// A trial uses one in this many of the validation examples.
const MINIBATCH_SHARE: usize = 4;

/// The trials for which the budget should have room beside one validation on all examples.
const AFFORDED_TRIALS: u64 = 10;

/// The number of trials from one validation on all examples to the next.
const TRIALS_PER_VALIDATION: u64 = 5;

/// The idle trials in a row that end the search.
const MAX_IDLE: usize = 20;

/// The optimizer.
#[derive(Debug)]
pub struct Miprov2 {
    seed: Candidate,
    reflectors: Reflectors,
    members: Vec<Member>,
    /// The settings.
    pub settings: Settings,
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
    /// Creates a search from `seed`. `reflectors` has at least one model, with its name in the task file.
    #[must_use]
    pub fn new(seed: Candidate, reflectors: Vec<(String, ModelId)>) -> Self {
        let reflectors = Reflectors::new(reflectors);
        Self { seed, reflectors, members: Vec::new(), settings: Settings::default() }
    }

    /// Makes the options and records the seed as the first combination.
    fn start_trials(&self, session: &mut Session<'_>) -> Result<Trials, Halt> {
        let maker = OptionMaker { seed: &self.seed, reflectors: &self.reflectors, settings: &self.settings };
        let options = maker.make(session)?;
        let mut choices = Choices::new(options.sizes());
        let seed = vec![0; options.sizes().len()];
        choices.record(&seed, self.members[0].mean());
        let size = session.validation_size();
        let affordable = match session.rollouts_left() {
            Some(left) => usize::try_from(left.saturating_sub(size as u64) / AFFORDED_TRIALS).unwrap_or(MAX_MINIBATCH),
            None => MAX_MINIBATCH,
        };
        let minibatch = (size / MINIBATCH_SHARE).min(affordable).clamp(MIN_MINIBATCH, MAX_MINIBATCH).min(size);
        Ok(Trials { options, choices, minibatch, tried: BTreeMap::new(), validated: vec![seed] })
    }

    /// Runs one combination on one minibatch.
    fn run_trial(&self, session: &mut Session<'_>, iteration: u64, trials: &mut Trials) -> Result<(), Halt> {
        let mut random = session.random("trial", iteration);
        let combination = trials.choices.next(&mut random);
        let candidate = trials.options.candidate(session, &combination);
        let mut examples = ExampleIndex::all(session.validation_size());
        examples.shuffle(&mut random);
        examples.truncate(trials.minibatch);
        session.log(Decision::Iteration { iteration, parents: vec![0], minibatch: Vec::new() })?;
        if !trials.tried.contains_key(&combination) {
            let is_changed = |&module_index: &usize| candidate.0[module_index] != self.seed.0[module_index];
            let operators: Vec<(usize, Origin)> =
                (0..candidate.0.len()).filter(is_changed).map(|module_index| (module_index, MethodStep::Tpe.into())).collect();
            joining::log_proposal(session, Proposal { iteration, number: 1, parent: PoolIndex::SEED }, &candidate, &operators)?;
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
        trials.validated.push(combination.clone());
        if self.members.iter().any(|member| member.candidate == candidate) {
            return Ok(());
        }
        let member = joining::validate(session, &self.members, iteration, NewCandidate::child(candidate, PoolIndex::SEED, 1))?;
        trials.choices.record(&combination, member.mean());
        self.members.push(member);
        Ok(())
    }
}

impl Optimizer for Miprov2 {
    fn search(&mut self, session: &mut Session<'_>) -> Result<StopReason, Halt> {
        let seed = joining::validate(session, &[], 0, NewCandidate::seed(self.seed.clone()))?;
        self.members.push(seed);
        // Two summaries and the instructions, all of which may be asked for twice.
        let questions = 2 * (2 + self.settings.instructions.saturating_sub(1) * open_modules(session).len());
        if let Some(reason) = early_stop(session, &self.members, questions as u64) {
            return Ok(reason);
        }
        session.log(Decision::Iteration { iteration: 1, parents: vec![0], minibatch: Vec::new() })?;
        let mut trials = self.start_trials(session)?;
        let cost = (trials.minibatch + session.validation_size()) as u64;
        let (mut idle, mut improved) = (IdleIterations::new(MAX_IDLE), 1);
        for iteration in 2.. {
            // Trials ask no reflector, so a limit on reflections does not end them.
            let enough = early_stop(session, &self.members, 0).filter(|reason| *reason != StopReason::ReflectionsSpent);
            if let Some(reason) = enough {
                return Ok(reason);
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
            if (iteration - 1) % TRIALS_PER_VALIDATION == 0 {
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

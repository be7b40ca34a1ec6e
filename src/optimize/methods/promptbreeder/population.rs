//! The units of a population.

use super::mutation::Mutation;
use crate::optimize::methods::single_prompt::{Fitness, Iteration};
use crate::program::ModuleText;

/// A task prompt with its demonstrations, and the mutation prompt that changes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) task: ModuleText,
    pub(super) mutation_prompt: String,
}

impl Unit {
    pub(super) fn fitness<'a>(&self, iteration: &'a Iteration<'_, '_>) -> Option<&'a Fitness> {
        iteration.fitness(&self.task)
    }
}

/// A copy of a tournament's winner that is to replace the loser.
pub(super) struct Birth {
    /// The index of the unit that is replaced.
    pub(super) loser: usize,
    /// The copy of the winner.
    pub(super) unit: Unit,
    /// How the copy is changed.
    pub(super) mutation: Mutation,
}

/// All units, and the task prompts that were the best.
#[derive(Debug, Clone, Default)]
pub(super) struct Population {
    pub(super) units: Vec<Unit>,
    /// The task prompts that were the best of the population, in the order of time.
    pub(super) elites: Vec<ModuleText>,
}

impl Population {
    /// Returns the indices of the units that were scored, the best first.
    pub(super) fn ranking(&self, iteration: &Iteration<'_, '_>) -> Vec<usize> {
        let scored = |(index, unit): (usize, &Unit)| Some((unit.fitness(iteration)?, index));
        let mut all: Vec<(&Fitness, usize)> = self.units.iter().enumerate().filter_map(scored).collect();
        all.sort_by(|a, b| a.0.order(b.0).then(a.1.cmp(&b.1)));
        all.into_iter().map(|(_, index)| index).collect()
    }

    /// Adds the best task prompt to the elites unless it is the latest of them.
    pub(super) fn record_best(&mut self, iteration: &Iteration<'_, '_>) {
        if let Some(&best) = self.ranking(iteration).first()
            && self.elites.last() != Some(&self.units[best].task)
        {
            self.elites.push(self.units[best].task.clone());
        }
    }
}

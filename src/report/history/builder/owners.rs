//! Connects rollouts with their candidates, and finds which modules of a candidate reason.
//!
//! The journal stores rollouts under a candidate's key. The decisions that propose or accept a candidate have the key too.

use super::HistoryBuilder;
use crate::config::Operator;
use crate::event::Origin;
use crate::program::PoolIndex;
use crate::report::history::RolloutOwner;

impl HistoryBuilder {
    /// Gives pool candidates, merges and proposals their rollouts, and gives rollouts their owner. Where a key belongs to several
    /// of them, the owner is the first in this order.
    pub(super) fn connect_rollouts(&mut self) {
        let (run_indices, history) = (&self.run_indices, &mut self.history);
        let runs = &mut history.runs;
        let mut connect = |key: &str, owner: RolloutOwner| {
            let run_index = run_indices.get(key).copied()?;
            let run = runs.get_mut(run_index)?;
            if run.owner == RolloutOwner::Unknown {
                run.owner = owner;
            }
            Some(run_index)
        };
        for (pool_index, member) in history.members.iter_mut().enumerate() {
            member.run = connect(&member.key, RolloutOwner::Candidate(pool_index));
        }
        for iteration in &mut history.iterations {
            if let Some(merge) = &mut iteration.merge {
                merge.run = connect(&merge.key, RolloutOwner::Merge(iteration.number));
            }
            for proposal in &mut iteration.proposals {
                proposal.run = connect(&proposal.key, RolloutOwner::Proposal(iteration.number, proposal.number));
            }
        }
        if history.members.is_empty()
            && let Some(seed) = history.runs.first_mut()
        {
            // The seed is run before anything else, and no decision names it before it is validated.
            seed.owner = RolloutOwner::Candidate(0);
        }
    }

    /// Returns the names of the modules that reason in a candidate that joins the pool.
    pub(super) fn reasoning_modules(
        &self,
        parents: &[PoolIndex],
        instructions: &[(String, String)],
        operators: &[(String, Origin)],
    ) -> Vec<String> {
        match parents {
            [] => self.seed_reasoning(instructions),
            [parent] => {
                let parent = self.history.members.get(parent.0).map_or(&[][..], |parent| &parent.reasoning);
                changed_reasoning(parent, operators)
            }
            several => self.merged_reasoning(several, instructions),
        }
    }

    /// Returns the names of the modules that reason in the seed, which the fingerprint has from the plan.
    fn seed_reasoning(&self, instructions: &[(String, String)]) -> Vec<String> {
        let reasons = |name: &&String| {
            let value = self.history.fingerprint.get(&format!("module.{name}.reasoning"));
            value.is_some_and(|value| value == "true")
        };
        instructions.iter().map(|(name, _)| name).filter(reasons).cloned().collect()
    }

    /// Returns the names of the modules that reason in a merged candidate, which has each module from one of its parents.
    fn merged_reasoning(&self, parents: &[PoolIndex], instructions: &[(String, String)]) -> Vec<String> {
        let reasons = |module: &&(String, String)| {
            let mut parents = parents.iter().filter_map(|&parent| self.history.members.get(parent.0));
            let origin = parents.find(|parent| parent.instructions.contains(*module));
            origin.is_some_and(|parent| parent.reasoning.contains(&module.0))
        };
        instructions.iter().filter(reasons).map(|(name, _)| name.clone()).collect()
    }
}

/// Returns the names of the modules that reason in a child. The operator `reason` turns a module's reasoning on or off.
fn changed_reasoning(parent: &[String], operators: &[(String, Origin)]) -> Vec<String> {
    let mut names = parent.to_vec();
    for (module, _) in operators.iter().filter(|(_, operator)| *operator == Origin::Operator(Operator::Reason)) {
        match names.iter().position(|name| name == module) {
            Some(index) => drop(names.remove(index)),
            None => names.push(module.clone()),
        }
    }
    names.sort();
    names
}

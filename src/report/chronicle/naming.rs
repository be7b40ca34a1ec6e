//! Who is who: rollouts stand in a journal under a key, decisions name places and proposals.

use super::Chronicle;
use crate::report::history::Who;

impl Chronicle {
    /// Gives members, merges and proposals their rollouts, and rollouts the first that they are of, in this order.
    pub(super) fn name_runs(&mut self) {
        let (keys, history) = (&self.keys, &mut self.history);
        let runs = &mut history.runs;
        let mut name = |key: &str, who: Who| {
            let run = keys.get(key).copied();
            if let Some(run) = run.and_then(|run| runs.get_mut(run)).filter(|run| run.who == Who::Unknown) {
                run.who = who;
            }
            run
        };
        for (place, member) in history.members.iter_mut().enumerate() {
            member.run = name(&member.key, Who::Candidate(place));
        }
        for iteration in &mut history.iterations {
            if let Some(merge) = &mut iteration.merge {
                merge.run = name(&merge.key, Who::Merge(iteration.number));
            }
            for proposal in &mut iteration.proposals {
                proposal.run = name(&proposal.key, Who::Proposal(iteration.number, proposal.number));
            }
        }
    }

    /// The plan says who reasons in the seed.
    pub(super) fn seed_reasoning(&self, instructions: &[(String, String)]) -> Vec<String> {
        let reasons =
            |name: &&String| self.history.fingerprint.get(&format!("module.{name}.reasoning")).is_some_and(|v| v == "true");
        instructions.iter().map(|(name, _)| name).filter(reasons).cloned().collect()
    }

    /// A merged candidate has each module from one of its parents.
    pub(super) fn merged_reasoning(&self, parents: &[usize], instructions: &[(String, String)]) -> Vec<String> {
        let reasons = |pair: &&(String, String)| {
            let from =
                parents.iter().filter_map(|&parent| self.history.members.get(parent)).find(|p| p.instructions.contains(*pair));
            from.is_some_and(|parent| parent.reasoning.contains(&pair.0))
        };
        instructions.iter().filter(reasons).map(|(name, _)| name.clone()).collect()
    }
}

/// Who reasons once the operators have been at work: `reason` turns it on or off.
pub(super) fn reasoning(parent: &[String], operators: &[(String, String)]) -> Vec<String> {
    let mut names = parent.to_vec();
    for (module, _) in operators.iter().filter(|(_, operator)| operator == "reason") {
        match names.iter().position(|name| name == module) {
            Some(at) => drop(names.remove(at)),
            None => names.push(module.clone()),
        }
    }
    names.sort();
    names
}

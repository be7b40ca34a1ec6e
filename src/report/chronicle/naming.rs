//! Who is who: rollouts stand in a journal under a key, decisions name places and proposals.

use super::Chronicle;
use crate::report::history::{Proposal, Who};

/// Whole texts of a candidate: instructions, worked examples and who reasons, by module.
pub(super) type Identity = (Vec<(String, String)>, Vec<(String, Vec<String>)>, Vec<String>);

impl Chronicle {
    /// Finds the rollouts of a proposal: those of the same text, or of the next at the gate that is nobody's.
    pub(super) fn name_proposal(&mut self, place: usize) {
        let proposal = self.iteration().proposals[place].clone();
        let identity = self.identity(&proposal);
        let nobody = |run: &&usize| self.history.runs[**run].who == Who::Unknown;
        let run = self.known.get(&identity).copied().or_else(|| self.gate.iter().find(nobody).copied());
        let number = self.iteration().number;
        self.iteration().proposals[place].run = run;
        if let Some(run) = run {
            self.known.insert(identity, run);
            if !matches!(self.history.runs[run].who, Who::Candidate(_)) {
                self.is(Some(run), Who::Proposal(number, proposal.number));
            }
        }
    }

    /// The whole texts of a proposal: its parent's, with what is new.
    fn identity(&self, proposal: &Proposal) -> Identity {
        let Some(parent) = self.history.members.get(proposal.parent) else { return Identity::default() };
        let (mut instructions, mut shown) = (parent.instructions.clone(), parent.demonstrations.clone());
        for (module, text) in &mut instructions {
            if let Some((_, new)) = proposal.instructions.iter().find(|(name, _)| name == module) {
                text.clone_from(new);
                shown.retain(|(name, _)| name != module);
            }
        }
        shown.extend(proposal.demonstrations.iter().cloned());
        shown.sort();
        (instructions, shown, reasoning(&parent.reasoning, &proposal.operators))
    }

    pub(super) fn fresh_on_validation(&self) -> Option<usize> {
        self.validation.iter().copied().find(|&run| self.history.runs[run].who == Who::Unknown)
    }

    pub(super) fn is(&mut self, run: Option<usize>, who: Who) {
        if let Some(run) = run.and_then(|run| self.history.runs.get_mut(run)) {
            run.who = who;
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

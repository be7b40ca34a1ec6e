//! Names for the proposals of an iteration.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::Decision;

/// The name of a candidate that is validated under a number that no proposal of the current iteration has.
const BEST_TRIED: &str = "the best of what was tried";

/// The names of an iteration's proposals: the names of their operators. From the second proposal with the same operators on, a
/// number follows.
#[derive(Debug, Clone, Default)]
pub struct ProposalNames {
    /// The names, by the number of the proposal.
    names: BTreeMap<usize, String>,
    /// The number of proposals with the same operators, by the operators' names.
    counts: BTreeMap<String, usize>,
}

impl ProposalNames {
    /// Updates the names by the next decision. An iteration that begins has no proposals yet.
    pub fn record(&mut self, decision: &Decision) {
        match decision {
            Decision::Iteration { .. } => *self = Self::default(),
            Decision::Proposed { proposal, operators, .. } => {
                // Modules that change together often do so by the same operator, which is named once.
                let mut seen = BTreeSet::new();
                let distinct = operators.iter().map(|(_, operator)| operator.name()).filter(|name| seen.insert(*name));
                let operators = distinct.collect::<Vec<_>>().join(" and ");
                let count = self.counts.entry(operators.clone()).or_default();
                *count += 1;
                let name = if *count == 1 { operators } else { format!("{operators} {count}") };
                self.names.insert(*proposal, name);
            }
            _ => {}
        }
    }

    /// Returns the name of the proposal with this number. If no proposal of this iteration has the number, as is so for 0, the
    /// name is "the best of what was tried".
    #[must_use]
    pub fn name(&self, proposal: usize) -> &str {
        self.names.get(&proposal).map_or(BEST_TRIED, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Operator;
    use crate::event::{MethodStep, Origin};
    use crate::program::PoolIndex;

    fn proposed(proposal: usize, operators: &[Origin]) -> Decision {
        Decision::Proposed {
            iteration: 1,
            proposal,
            parent: PoolIndex::SEED,
            operators: operators.iter().map(|&operator| ("m".into(), operator)).collect(),
            instructions: Vec::new(),
            demonstrations: Vec::new(),
            key: String::new(),
        }
    }

    #[test]
    fn an_operator_of_several_modules_is_named_once() {
        let mut names = ProposalNames::default();
        let operators = [Operator::Hint, Operator::Hint, Operator::Examples, Operator::Hint];
        names.record(&proposed(1, &operators.map(Origin::from)));
        assert_eq!(names.name(1), "hint and examples");
    }

    #[test]
    fn proposals_with_the_same_operators_are_numbered() {
        let mut names = ProposalNames::default();
        let opro = Origin::from(MethodStep::Opro);
        let changes = [vec![opro], vec![opro], vec![Operator::Rule.into(), Operator::Drop.into()], vec![opro]];
        for (index, operators) in changes.iter().enumerate() {
            names.record(&proposed(index + 1, operators));
        }
        let all = [1, 2, 3, 4, 0].map(|proposal| names.name(proposal));
        assert_eq!(all, ["opro", "opro 2", "rule and drop", "opro 3", BEST_TRIED]);
        names.record(&Decision::Iteration { iteration: 2, parents: vec![PoolIndex::SEED], minibatch: Vec::new() });
        assert_eq!(names.name(1), BEST_TRIED);
        names.record(&proposed(1, &[opro]));
        assert_eq!(names.name(1), "opro");
    }
}

//! What the proposals of an iteration are called.

use std::collections::{BTreeMap, BTreeSet};

use gepard::event::Event;

/// What is validated without a proposal of its own in the iteration.
const BEST_TRIED: &str = "the best of what was tried";

/// The names of an iteration's proposals: their operators, and from the second with the same operators on a number.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_proposal: BTreeMap<usize, String>,
    /// Proposals by their operators.
    counts: BTreeMap<String, usize>,
}

impl Names {
    /// Takes note of an event.
    pub(super) fn hear(&mut self, event: &Event) {
        match event {
            Event::Iteration { .. } => *self = Self::default(),
            Event::Proposed { proposal, operators, .. } => {
                // Modules that change together often do so by the same operator, which is said once.
                let mut seen = BTreeSet::new();
                let once = operators.iter().map(|(_, name)| *name).filter(|name| seen.insert(*name));
                let operators = once.collect::<Vec<_>>().join(" and ");
                let count = self.counts.entry(operators.clone()).or_default();
                *count += 1;
                let name = if *count == 1 { operators } else { format!("{operators} {count}") };
                self.by_proposal.insert(*proposal, name);
            }
            _ => {}
        }
    }

    /// The name of a proposal of this iteration.
    pub(super) fn of(&self, proposal: usize) -> &str {
        self.by_proposal.get(&proposal).map_or(BEST_TRIED, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposed(proposal: usize, operators: &[&'static str]) -> Event {
        Event::Proposed {
            iteration: 1,
            proposal,
            parent: 0,
            operators: operators.iter().map(|&operator| ("m".into(), operator)).collect(),
            instructions: Vec::new(),
            demonstrations: Vec::new(),
            key: String::new(),
        }
    }

    #[test]
    fn an_operator_of_several_modules_is_said_once() {
        let mut names = Names::default();
        names.hear(&proposed(1, &["advice", "advice", "examples", "advice"]));
        assert_eq!(names.of(1), "advice and examples");
    }

    #[test]
    fn proposals_with_the_same_operators_are_numbered() {
        let mut names = Names::default();
        let changed: [&[&'static str]; 4] = [&["opro"], &["opro"], &["rule", "drop"], &["opro"]];
        for (place, operators) in changed.into_iter().enumerate() {
            names.hear(&proposed(place + 1, operators));
        }
        assert_eq!([1, 2, 3, 4, 0].map(|proposal| names.of(proposal)), ["opro", "opro 2", "rule and drop", "opro 3", BEST_TRIED]);
        names.hear(&Event::Iteration { iteration: 2, parents: vec![0], minibatch: Vec::new() });
        assert_eq!(names.of(1), BEST_TRIED);
        names.hear(&proposed(1, &["opro"]));
        assert_eq!(names.of(1), "opro");
    }
}

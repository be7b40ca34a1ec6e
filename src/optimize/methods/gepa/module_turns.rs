//! Step 2: which modules of a candidate are changed next. Modules take turns, as in the paper.

use crate::config::ModuleSelection;
use crate::program::{ModuleIndex, PoolIndex};

/// Counts the turns of each candidate of the pool: a round robin over its modules.
///
/// The counter of a candidate moves on only when one of its modules is really changed. A child starts with the largest
/// counter of its parents, so that it goes on with the module after theirs.
#[derive(Debug, Default, Clone)]
pub struct ModuleTurns {
    /// The turn that is due, by pool index.
    next: Vec<usize>,
}

impl ModuleTurns {
    /// Adds the counter of a candidate that joined the pool.
    pub fn add(&mut self, parents: &[PoolIndex]) {
        let inherited = parents.iter().map(|parent| self.next[parent.0]).max().unwrap_or(0);
        self.next.push(inherited);
    }

    /// Takes a turn of `candidate`, of `turns` that it has, and moves its counter on to the one after. It is the first turn
    /// from the due one on for which `is_possible` holds; the due one where none is possible.
    fn take(&mut self, candidate: PoolIndex, turns: usize, is_possible: impl Fn(usize) -> bool) -> usize {
        let due = self.next[candidate.0] % turns;
        let taken = (0..turns).map(|step| (due + step) % turns).find(|&turn| is_possible(turn)).unwrap_or(due);
        self.next[candidate.0] = (taken + 1) % turns;
        taken
    }

    /// Returns the modules of `candidate` that an iteration changes. `open` are the modules whose texts may change;
    /// `called` are those that were called on the minibatch, for only their traces can be read. Where none was called, all
    /// count as called.
    pub fn choose(
        &mut self,
        selection: ModuleSelection,
        candidate: PoolIndex,
        open: &[ModuleIndex],
        called: Vec<ModuleIndex>,
    ) -> Vec<ModuleIndex> {
        let called = if called.is_empty() { open.to_vec() } else { called };
        match selection {
            ModuleSelection::RoundRobin => {
                vec![open[self.take(candidate, open.len(), |turn| called.contains(&open[turn]))]]
            }
            ModuleSelection::All => called,
            // An addition to the paper: one more turn, the first, in which all modules change together. What one module
            // gains, another can lose again, and only a change of both shows it. Then each changes alone, the last module
            // first: its gain shows in the score at once, and the calls of the modules before it are reused.
            ModuleSelection::Mixed if open.len() > 1 => {
                let module_of = |turn: usize| open[open.len() - turn];
                match self.take(candidate, open.len() + 1, |turn| turn == 0 || called.contains(&module_of(turn))) {
                    0 => called,
                    turn => vec![module_of(turn)],
                }
            }
            ModuleSelection::Mixed => called,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn turns_go_round_and_are_inherited() {
        let mut turns = ModuleTurns::default();
        let [seed, first, second] = [0, 1, 2].map(PoolIndex);
        turns.add(&[]);
        assert_eq!([turns.take(seed, 3, |_| true), turns.take(seed, 3, |_| true)], [0, 1]);
        turns.add(&[seed]);
        turns.add(&[seed, first]);
        assert_eq!(turns.take(first, 3, |_| true), 2);
        assert_eq!(turns.take(first, 3, |_| true), 0);
        assert_eq!(turns.take(second, 3, |_| true), 2);
        assert_eq!(turns.take(seed, 3, |_| true), 2);
    }

    #[test]
    fn an_impossible_turn_is_passed_over() {
        let (mut turns, seed) = (ModuleTurns::default(), PoolIndex::SEED);
        turns.add(&[]);
        assert_eq!([turns.take(seed, 3, |turn| turn != 0), turns.take(seed, 3, |turn| turn != 2)], [1, 0]);
        assert_eq!(turns.take(seed, 3, |_| false), 1);
    }

    proptest! {
        /// In any genealogy and any order of work, each candidate goes through its modules in turn, starting where the
        /// furthest of its parents was when it joined.
        #[test]
        fn every_candidate_keeps_its_own_turn(modules in 1..5_usize, steps in prop::collection::vec((0..100_usize, 0..100_usize, any::<bool>()), 1..60)) {
            let mut turns = ModuleTurns::default();
            turns.add(&[]);
            let mut model = vec![0_usize];
            for (a, b, birth) in steps {
                let (a, b) = (a % model.len(), b % model.len());
                if birth {
                    turns.add(&[PoolIndex(a), PoolIndex(b)]);
                    model.push(model[a].max(model[b]));
                } else {
                    prop_assert_eq!(turns.take(PoolIndex(a), modules, |_| true), model[a]);
                    model[a] = (model[a] + 1) % modules;
                }
            }
        }
    }
}

//! When candidates are merged, and which.

use std::collections::BTreeSet;

use rand::Rng;
use rand::seq::SliceRandom;

use super::merge::{self, GATE_EXAMPLES, Kin, Merged};
use super::pareto;
use crate::optimize::Member;
use crate::optimize::pool::comparable_means;
use crate::program::Candidate;

/// What is owed and what was done.
#[derive(Debug, Default)]
pub struct Crossover {
    /// Merges owed: one for each accepted mutation, until enough merges were accepted.
    due: u64,
    accepted: u64,
    /// Whether the last iteration accepted a mutation.
    is_ripe: bool,
    /// First parent, second parent and ancestor of merges that were tried.
    tried: BTreeSet<[usize; 3]>,
    /// Parents, and the side of each module, of merges that were made.
    made: BTreeSet<([usize; 2], Vec<usize>)>,
}

/// A merge to be tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Merge {
    /// The parents' places, ascending.
    pub parents: [usize; 2],
    /// Their common ancestor's place.
    pub ancestor: usize,
    /// The merged texts.
    pub candidate: Candidate,
    /// The validation examples of its gate, by their places.
    pub examples: Vec<usize>,
}

impl Crossover {
    /// Takes note of an accepted mutation; `most` is how many merges may be accepted.
    pub fn mutation_accepted(&mut self, most: u64) {
        self.is_ripe = true;
        if self.accepted < most {
            self.due += 1;
        }
    }

    /// Takes note of an accepted merge. A rejected one uses up nothing.
    pub fn merge_accepted(&mut self) {
        self.due = self.due.saturating_sub(1);
        self.accepted += 1;
    }

    /// Whether this iteration is to merge: the last one accepted a mutation, and a merge is owed.
    /// Asked once an iteration, since whatever comes of it, the next has to wait for another acceptance.
    pub fn take_turn(&mut self) -> bool {
        std::mem::take(&mut self.is_ripe) && self.due > 0
    }

    /// Looks for a merge among the members that have a weight. A combination that was made before, or
    /// is one of `known`, is passed over.
    pub fn find(
        &mut self,
        members: &[Member],
        weights: &[usize],
        known: &BTreeSet<Candidate>,
        random: &mut impl Rng,
    ) -> Option<Merge> {
        let means = comparable_means(members);
        let kin: Vec<Kin<'_>> = members
            .iter()
            .zip(means)
            .map(|(member, mean)| Kin { candidate: &member.candidate, parents: &member.parents, mean })
            .collect();
        let survivors: Vec<usize> = (0..members.len()).filter(|&place| weights[place] > 0).collect();
        let partners =
            |(at, &first): (usize, &usize)| survivors[at + 1..].iter().map(move |&second| [first, second]).collect::<Vec<_>>();
        let mut pairs: Vec<[usize; 2]> = survivors.iter().enumerate().flat_map(partners).collect();
        pairs.shuffle(random);
        for pair in pairs {
            let [first, second] = pair.map(|place| &members[place].scores);
            if first.shared(second).take(GATE_EXAMPLES).count() < GATE_EXAMPLES {
                continue;
            }
            let mut over: Vec<usize> = merge::common_ancestors(&kin, pair);
            over.retain(|&ancestor| !self.tried.contains(&[pair[0], pair[1], ancestor]));
            while let Some(at) = draw_by_mean(&over, &kin, random) {
                let ancestor = over.swap_remove(at);
                let Merged { candidate, from } = merge::combine(&kin, pair, ancestor, random);
                self.tried.insert([pair[0], pair[1], ancestor]);
                if self.made.insert((pair, from)) && !known.contains(&candidate) {
                    let examples = merge::subsample(first, second, GATE_EXAMPLES, random);
                    return Some(Merge { parents: pair, ancestor, candidate, examples });
                }
            }
        }
        None
    }
}

/// A place in `candidates`, drawn by their means; where all of them are 0, each is as likely.
fn draw_by_mean(candidates: &[usize], kin: &[Kin<'_>], random: &mut impl Rng) -> Option<usize> {
    /// Parts of the whole that a mean of 1 weighs.
    const PARTS: f64 = 1e9;
    let weights: Vec<usize> = candidates.iter().map(|&c| (kin[c].mean * PARTS) as usize).collect();
    pareto::draw(&weights, random).or_else(|| pareto::draw(&vec![1; candidates.len()], random))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::pool::tests_support::member;
    use crate::optimize::randomness::stream;

    fn family() -> Vec<Member> {
        let with = |texts: [&str; 2], parents: &[usize], scores: &[f64]| Member {
            candidate: Candidate::new(texts),
            parents: parents.to_vec(),
            ..member(scores)
        };
        vec![
            with(["a", "b"], &[], &[0.0; 6]),
            with(["a", "B"], &[0], &[1.0, 1.0, 1.0, 0.0, 0.0, 0.0]),
            with(["A", "b"], &[0], &[0.0, 0.0, 0.0, 1.0, 1.0, 0.0]),
        ]
    }

    fn find(crossover: &mut Crossover, members: &[Member], known: &BTreeSet<Candidate>) -> Option<Merge> {
        crossover.find(members, &[0, 3, 2], known, &mut stream(0, "merge", 1))
    }

    #[test]
    fn a_merge_is_found_once() {
        let (mut crossover, members) = (Crossover::default(), family());
        // The ancestor's mean is 0: a zero weight must not crash.
        let merge = find(&mut crossover, &members, &BTreeSet::new()).unwrap();
        assert_eq!((merge.parents, merge.ancestor), ([1, 2], 0));
        assert_eq!(merge.candidate, Candidate::new(["A", "B"]));
        assert_eq!(merge.examples.len(), 5);
        assert_eq!(find(&mut crossover, &members, &BTreeSet::new()), None);
    }

    #[test]
    fn what_is_known_or_shares_too_little_is_not_merged() {
        let known = BTreeSet::from([Candidate::new(["A", "B"])]);
        assert_eq!(find(&mut Crossover::default(), &family(), &known), None);
        let mut members = family();
        members[1].scores = members[1].scores.iter().take(4).collect();
        assert_eq!(find(&mut Crossover::default(), &members, &BTreeSet::new()), None);
    }

    #[test]
    fn a_turn_comes_after_an_accepted_mutation_until_enough_merges_were_accepted() {
        let mut crossover = Crossover::default();
        assert!(!crossover.take_turn());
        crossover.mutation_accepted(1);
        assert!(crossover.take_turn() && !crossover.take_turn());
        // Rejected: still due, but only after the next acceptance.
        crossover.mutation_accepted(1);
        assert!(crossover.take_turn());
        crossover.merge_accepted();
        // One more was due.
        crossover.mutation_accepted(1);
        assert!(crossover.take_turn());
        crossover.merge_accepted();
        crossover.mutation_accepted(1);
        assert!(!crossover.take_turn());
    }
}

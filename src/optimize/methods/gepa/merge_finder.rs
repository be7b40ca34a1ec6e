//! Which candidates are merged: two on Pareto fronts with a common ancestor, as the reference implementation draws them
//! (`gepa` 0.1.4, `proposer/merge.py`).
//!
//! Difference: all pairs are tried in a random order, where the reference implementation tries ten random ones.

use std::collections::BTreeSet;

use rand::Rng;
use rand::seq::SliceRandom;

use super::merge::{self, GATE_EXAMPLES, Merged};
use super::pareto;
use crate::data::ExampleIndex;
use crate::optimize::pool::{Member, comparable_means};
use crate::program::{Candidate, PoolIndex};

/// Finds candidates to merge, and remembers those that it has found.
#[derive(Debug, Default)]
pub struct MergeFinder {
    /// The merges that were tried.
    tried: BTreeSet<Tried>,
    /// The parents, and the source of each module, of the merges that were made.
    made: BTreeSet<([PoolIndex; 2], Vec<PoolIndex>)>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Tried {
    parents: [PoolIndex; 2],
    ancestor: PoolIndex,
}

/// A merge to be compared with its parents.
#[derive(Debug, Clone, PartialEq)]
pub struct Merge {
    /// The parents, ascending.
    pub parents: [PoolIndex; 2],
    /// Their common ancestor.
    pub ancestor: PoolIndex,
    /// The merged texts.
    pub candidate: Candidate,
    /// The validation examples that it is compared on.
    pub examples: Vec<ExampleIndex>,
}

impl MergeFinder {
    /// Finds two members to merge among those whose weight is not 0; None where there are none. A combination that was made
    /// before, or whose texts are in `tried_candidates`, is passed over.
    pub fn find(
        &mut self,
        members: &[Member],
        weights: &[usize],
        tried_candidates: &BTreeSet<Candidate>,
        random: &mut impl Rng,
    ) -> Option<Merge> {
        let means = comparable_means(members);
        let on_fronts: Vec<PoolIndex> = (0..members.len()).filter(|&index| weights[index] > 0).map(PoolIndex).collect();
        let partners = |(position, &first): (usize, &PoolIndex)| {
            on_fronts[position + 1..].iter().map(move |&second| [first, second]).collect::<Vec<_>>()
        };
        let mut pairs: Vec<[PoolIndex; 2]> = on_fronts.iter().enumerate().flat_map(partners).collect();
        pairs.shuffle(random);
        for parents in pairs {
            let [first, second] = parents.map(|index| &members[index].scores);
            if first.paired(second).take(GATE_EXAMPLES).count() < GATE_EXAMPLES {
                continue;
            }
            let mut ancestors = merge::common_ancestors(members, &means, parents);
            ancestors.retain(|&ancestor| !self.tried.contains(&Tried { parents, ancestor }));
            while let Some(position) = draw_by_mean(&ancestors, &means, random) {
                let ancestor = ancestors.swap_remove(position);
                let Merged { candidate, sources } = merge::combine(members, &means, parents, ancestor, random);
                self.tried.insert(Tried { parents, ancestor });
                if self.made.insert((parents, sources)) && !tried_candidates.contains(&candidate) {
                    let examples = merge::draw_gate_examples(first, second, GATE_EXAMPLES, random);
                    return Some(Merge { parents, ancestor, candidate, examples });
                }
            }
        }
        None
    }
}

/// Draws a position in `candidates` with a probability in proportion to the candidate's mean, and with equal probabilities
/// where all means are 0; None where there are no candidates.
fn draw_by_mean(candidates: &[PoolIndex], means: &[f64], random: &mut impl Rng) -> Option<usize> {
    /// The weight of a mean of 1: weights are whole numbers.
    const WEIGHT_OF_1: f64 = 1e9;
    let weights: Vec<usize> = candidates.iter().map(|candidate| (means[candidate.0] * WEIGHT_OF_1) as usize).collect();
    pareto::draw(&weights, random).or_else(|| pareto::draw(&vec![1; candidates.len()], random))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::pool::tests_support::member;
    use crate::randomness::stream;

    fn family() -> Vec<Member> {
        let with = |texts: [&str; 2], parents: &[PoolIndex], scores: &[f64]| Member {
            candidate: Candidate::new(texts),
            parents: parents.to_vec(),
            ..member(scores)
        };
        vec![
            with(["a", "b"], &[], &[0.0; 6]),
            with(["a", "B"], &[PoolIndex::SEED], &[1.0, 1.0, 1.0, 0.0, 0.0, 0.0]),
            with(["A", "b"], &[PoolIndex::SEED], &[0.0, 0.0, 0.0, 1.0, 1.0, 0.0]),
        ]
    }

    fn find(finder: &mut MergeFinder, members: &[Member], tried_candidates: &BTreeSet<Candidate>) -> Option<Merge> {
        finder.find(members, &[0, 3, 2], tried_candidates, &mut stream(0, "merge", 1))
    }

    #[test]
    fn a_merge_is_found_once() {
        let (mut finder, members) = (MergeFinder::default(), family());
        // The ancestor's mean is 0: a zero weight must not crash.
        let merge = find(&mut finder, &members, &BTreeSet::new()).unwrap();
        assert_eq!((merge.parents, merge.ancestor), ([PoolIndex(1), PoolIndex(2)], PoolIndex::SEED));
        assert_eq!(merge.candidate, Candidate::new(["A", "B"]));
        assert_eq!(merge.examples.len(), 5);
        assert_eq!(find(&mut finder, &members, &BTreeSet::new()), None);
    }

    #[test]
    fn tried_texts_and_parents_that_share_few_examples_are_not_merged() {
        let tried = BTreeSet::from([Candidate::new(["A", "B"])]);
        assert_eq!(find(&mut MergeFinder::default(), &family(), &tried), None);
        let mut members = family();
        members[1].scores = members[1].scores.iter().take(4).collect();
        assert_eq!(find(&mut MergeFinder::default(), &members, &BTreeSet::new()), None);
    }
}

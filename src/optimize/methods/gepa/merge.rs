//! How two candidates are merged: the system-aware merge of the GEPA paper (arXiv 2507.19457, appendix F), as the
//! reference implementation has it (`gepa` 0.1.4, `proposer/merge.py`).

use std::collections::BTreeSet;

use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};

use crate::data::ExampleIndex;
use crate::evaluate::Scores;
use crate::optimize::pool::Member;
use crate::program::{Candidate, ModuleText, PoolIndex};

/// The number of validation examples on which a merged candidate is compared with its parents. Both parents must have been
/// scored on at least so many examples.
pub const GATE_EXAMPLES: usize = 5;

/// A merged candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The texts of its modules.
    pub candidate: Candidate,
    /// The parent that each module's text is taken from, in the program's order.
    pub sources: Vec<PoolIndex>,
}

/// Returns all ancestors of a member.
fn ancestors(members: &[Member], descendant: PoolIndex) -> BTreeSet<PoolIndex> {
    let mut found = BTreeSet::new();
    let mut open = members[descendant].parents.clone();
    while let Some(ancestor) = open.pop() {
        if found.insert(ancestor) {
            open.extend(&members[ancestor].parents);
        }
    }
    found
}

/// Returns the common ancestors over which `pair` may be merged, ascending. Neither of the pair may be an ancestor of the
/// other, the mean of the ancestor may not exceed that of either, and for at least one module exactly one of the pair has
/// another text than the ancestor. `means` has a mean score for each member.
#[must_use]
pub fn common_ancestors(members: &[Member], means: &[f64], pair: [PoolIndex; 2]) -> Vec<PoolIndex> {
    let [first, second] = pair;
    let (of_first, of_second) = (ancestors(members, first), ancestors(members, second));
    if first == second || of_first.contains(&second) || of_second.contains(&first) {
        return Vec::new();
    }
    let is_eligible = |&ancestor: &PoolIndex| {
        let mean = means[ancestor.0];
        mean <= means[first.0] && mean <= means[second.0] && one_changed_alone(members, pair, ancestor)
    };
    of_first.intersection(&of_second).copied().filter(is_eligible).collect()
}

/// Whether for at least one module exactly one of the pair has another text than the ancestor.
fn one_changed_alone(members: &[Member], [first, second]: [PoolIndex; 2], ancestor: PoolIndex) -> bool {
    let texts = |index: PoolIndex| members[index].candidate.0.iter();
    texts(ancestor).zip(texts(first)).zip(texts(second)).any(|((a, f), s)| f != s && (a == f || a == s))
}

/// Merges the two `parents`: takes each module's text from the parent that changed it since `ancestor`; where both did,
/// from the one with the higher mean, and from a random one where the means are equal. `means` has a mean score for each
/// member.
pub fn combine(
    members: &[Member],
    means: &[f64],
    [first, second]: [PoolIndex; 2],
    ancestor: PoolIndex,
    random: &mut impl Rng,
) -> Merged {
    let mut source = |(module, text): (usize, &ModuleText)| {
        let is_changed = |index: PoolIndex| members[index].candidate.0[module] != *text;
        match (is_changed(first), is_changed(second)) {
            (false, true) => second,
            (true, true) if means[second.0] > means[first.0] => second,
            (true, true) if means[second.0] == means[first.0] => *[first, second].choose(random).unwrap_or(&first),
            _ => first,
        }
    };
    let sources: Vec<PoolIndex> = members[ancestor].candidate.0.iter().enumerate().map(&mut source).collect();
    let text = |(module, &source): (usize, &PoolIndex)| members[source].candidate.0[module].clone();
    Merged { candidate: Candidate(sources.iter().enumerate().map(text).collect()), sources }
}

/// Groups the examples on which both candidates were scored: those on which the first is better, those on which the second
/// is better, and ties.
#[must_use]
pub fn groups(first: &Scores, second: &Scores) -> [Vec<ExampleIndex>; 3] {
    let mut groups = [Vec::new(), Vec::new(), Vec::new()];
    for pair in first.paired(second) {
        let group = if pair.own > pair.other { 0 } else { 1 + usize::from(pair.own == pair.other) };
        groups[group].push(pair.example);
    }
    groups
}

/// Draws `size` examples on which a merged candidate is compared with its parents: up to a third of `size`, rounded up, of
/// each of the [`groups`] in turn, then any others. Where the parents share fewer than `size` examples, some are repeated.
pub fn draw_gate_examples(first: &Scores, second: &Scores, size: usize, random: &mut impl Rng) -> Vec<ExampleIndex> {
    let groups = groups(first, second);
    let mut drawn: Vec<ExampleIndex> = Vec::new();
    for group in &groups {
        let take = size.div_ceil(3).min(size - drawn.len());
        drawn.extend(group.sample(random, take));
    }
    let mut rest: Vec<ExampleIndex> = groups.concat().into_iter().filter(|example| !drawn.contains(example)).collect();
    rest.sort_unstable();
    rest.shuffle(random);
    let missing = size - drawn.len();
    drawn.extend(rest.into_iter().take(missing));
    let all = groups.concat();
    while drawn.len() < size
        && let Some(example) = all.choose(random)
    {
        drawn.push(*example);
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::pool::tests_support::member;
    use crate::randomness::stream;
    use proptest::prelude::*;

    /// Members with these texts and parents.
    fn family<const N: usize>(texts: [[&str; N]; 3], parents: [&[usize]; 3]) -> Vec<Member> {
        let with = |(texts, parents): ([&str; N], &[usize])| Member {
            candidate: Candidate::new(texts),
            parents: parents.iter().copied().map(PoolIndex).collect(),
            ..member(&[])
        };
        texts.into_iter().zip(parents).map(with).collect()
    }

    const SEED: PoolIndex = PoolIndex::SEED;
    const PAIR: [PoolIndex; 2] = [PoolIndex(1), PoolIndex(2)];

    #[test]
    fn each_module_comes_from_the_side_that_changed_it() {
        let members = family([["a", "b", "c"], ["a", "B", "x"], ["A", "b", "y"]], [&[], &[0], &[0]]);
        for (means, third) in [([0.1, 0.5, 0.4], 1), ([0.1, 0.4, 0.5], 2)] {
            assert_eq!(common_ancestors(&members, &means, PAIR), [SEED]);
            let merged = combine(&members, &means, PAIR, SEED, &mut stream(0, "merge", 0));
            assert_eq!(merged.sources, [2, 1, third].map(PoolIndex));
            assert_eq!(merged.candidate, Candidate::new(["A", "B", if third == 1 { "x" } else { "y" }]));
        }
    }

    #[test]
    fn a_tie_between_two_changes_falls_either_way() {
        let members = family([["a", "b"], ["x", "B"], ["y", "b"]], [&[], &[0], &[0]]);
        let source = |n| combine(&members, &[0.0; 3], PAIR, SEED, &mut stream(0, "merge", n)).sources[0];
        assert_eq!((0..20).map(source).collect::<BTreeSet<PoolIndex>>(), PAIR.into());
    }

    #[test]
    fn an_ancestor_that_scores_higher_than_a_parent_is_not_eligible() {
        let members = family([["a", "b"], ["a", "B"], ["A", "b"]], [&[], &[0], &[0]]);
        assert!(common_ancestors(&members, &[0.5, 0.6, 0.4], PAIR).is_empty());
        assert_eq!(common_ancestors(&members, &[0.4, 0.6, 0.4], PAIR), [SEED]);
    }

    #[test]
    fn a_parent_and_its_child_are_not_merged() {
        let members = family([["a", "b"], ["a", "B"], ["A", "B"]], [&[], &[0], &[1]]);
        assert!(common_ancestors(&members, &[0.0; 3], PAIR).is_empty());
    }

    proptest! {
        #[test]
        fn the_gate_examples_are_of_every_group(rows in prop::collection::vec((0..3_u8, 0..3_u8), 1..30), size in 1..9_usize, seed in 0..9_u64) {
            let scores = |pick: fn(&(u8, u8)) -> u8| Scores::from_list(rows.iter().map(|row| Some(f64::from(pick(row)))));
            let (first, second) = (scores(|r| r.0), scores(|r| r.1));
            let drawn = draw_gate_examples(&first, &second, size, &mut stream(seed, "subsample", 0));
            prop_assert_eq!(drawn.len(), size);
            let distinct: BTreeSet<&ExampleIndex> = drawn.iter().collect();
            prop_assert_eq!(distinct.len(), size.min(rows.len()), "repeated although there were others");
            let mut left = size;
            for group in groups(&first, &second) {
                let wanted = size.div_ceil(3).min(left).min(group.len());
                let taken = drawn.iter().filter(|example| group.contains(example)).count();
                prop_assert!(taken >= wanted);
                left -= wanted;
            }
        }
    }
}

//! Merging two candidates of one family (system-aware crossover, arXiv 2507.19457, appendix F), as the
//! reference implementation has it (`gepa` 0.1.4, `proposer/merge.py`).

use std::collections::BTreeSet;

use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};

use crate::optimize::Scores;
use crate::program::{Candidate, ModuleText};

/// Validation examples that a merged candidate must hold its ground on, and that its parents must share.
pub const GATE_EXAMPLES: usize = 5;

/// A candidate among its relatives.
#[derive(Debug, Clone, Copy)]
pub struct Kin<'a> {
    /// Its texts.
    pub candidate: &'a Candidate,
    /// Its parents' places.
    pub parents: &'a [usize],
    /// Its mean on validation.
    pub mean: f64,
}

/// A merged candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// Its texts.
    pub candidate: Candidate,
    /// Which parent each module's text is taken from.
    pub from: Vec<usize>,
}

/// All ancestors of the candidate at `place`.
fn ancestors(kin: &[Kin<'_>], place: usize) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut open = kin[place].parents.to_vec();
    while let Some(ancestor) = open.pop() {
        if found.insert(ancestor) {
            open.extend(kin[ancestor].parents);
        }
    }
    found
}

/// The common ancestors over which `pair` may be merged, ascending: neither parent is an ancestor of the
/// other, the ancestor scores no higher than either, and exactly one parent changed at least one module.
#[must_use]
pub fn common_ancestors(kin: &[Kin<'_>], pair: [usize; 2]) -> Vec<usize> {
    let [first, second] = pair;
    let (of_first, of_second) = (ancestors(kin, first), ancestors(kin, second));
    if first == second || of_first.contains(&second) || of_second.contains(&first) {
        return Vec::new();
    }
    let may = |&ancestor: &usize| {
        let mean = kin[ancestor].mean;
        mean <= kin[first].mean && mean <= kin[second].mean && one_changed_alone(kin, pair, ancestor)
    };
    of_first.intersection(&of_second).copied().filter(may).collect()
}

fn one_changed_alone(kin: &[Kin<'_>], [first, second]: [usize; 2], ancestor: usize) -> bool {
    let texts = |place: usize| kin[place].candidate.0.iter();
    texts(ancestor).zip(texts(first)).zip(texts(second)).any(|((a, f), s)| f != s && (a == f || a == s))
}

/// Takes each module from the parent that changed it since `ancestor`; if both did, from the one with
/// the higher mean, and of equals from either.
pub fn combine(kin: &[Kin<'_>], [first, second]: [usize; 2], ancestor: usize, random: &mut impl Rng) -> Merged {
    let mut side = |(index, text): (usize, &ModuleText)| {
        let changed = |place: usize| kin[place].candidate.0[index] != *text;
        match (changed(first), changed(second)) {
            (false, true) => second,
            (true, true) if kin[second].mean > kin[first].mean => second,
            (true, true) if kin[second].mean == kin[first].mean => *[first, second].choose(random).unwrap_or(&first),
            _ => first,
        }
    };
    let from: Vec<usize> = kin[ancestor].candidate.0.iter().enumerate().map(&mut side).collect();
    let text = |(index, &place): (usize, &usize)| kin[place].candidate.0[index].clone();
    Merged { candidate: Candidate(from.iter().enumerate().map(text).collect()), from }
}

/// Examples that both were scored on, in three groups: those on which the first is better, those on
/// which the second is, and ties.
#[must_use]
pub fn groups(first: &Scores, second: &Scores) -> [Vec<usize>; 3] {
    let mut groups = [Vec::new(), Vec::new(), Vec::new()];
    for (example, a, b) in first.shared(second) {
        let group = if a > b { 0 } else { 1 + usize::from(a == b) };
        groups[group].push(example);
    }
    groups
}

/// Draws the examples of a merge's gate: up to a third of `size`, rounded up, of each group in turn,
/// then any others; where the parents share fewer than `size`, some are repeated.
pub fn subsample(first: &Scores, second: &Scores, size: usize, random: &mut impl Rng) -> Vec<usize> {
    let groups = groups(first, second);
    let mut drawn: Vec<usize> = Vec::new();
    for group in &groups {
        let take = size.div_ceil(3).min(size - drawn.len());
        drawn.extend(group.sample(random, take));
    }
    let mut rest: Vec<usize> = groups.concat().into_iter().filter(|example| !drawn.contains(example)).collect();
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
    use crate::optimize::randomness::stream;
    use proptest::prelude::*;

    fn kin<'a>(texts: &'a [Candidate], parents: &'a [Vec<usize>], means: &[f64]) -> Vec<Kin<'a>> {
        let one = |((candidate, parents), mean): ((&'a Candidate, &'a Vec<usize>), &f64)| Kin { candidate, parents, mean: *mean };
        texts.iter().zip(parents).zip(means).map(one).collect()
    }

    #[test]
    fn each_module_comes_from_the_side_that_changed_it() {
        let texts = [["a", "b", "c"], ["a", "B", "x"], ["A", "b", "y"]].map(Candidate::new);
        let parents = [vec![], vec![0], vec![0]];
        for (means, third) in [([0.1, 0.5, 0.4], 1), ([0.1, 0.4, 0.5], 2)] {
            let kin = kin(&texts, &parents, &means);
            assert_eq!(common_ancestors(&kin, [1, 2]), [0]);
            let merged = combine(&kin, [1, 2], 0, &mut stream(0, "merge", 0));
            assert_eq!(merged.from, [2, 1, third]);
            assert_eq!(merged.candidate, Candidate::new(["A", "B", if third == 1 { "x" } else { "y" }]));
        }
    }

    #[test]
    fn a_tie_between_two_changes_falls_either_way() {
        let texts = [["a", "b"], ["x", "B"], ["y", "b"]].map(Candidate::new);
        let parents = [vec![], vec![0], vec![0]];
        let kin = kin(&texts, &parents, &[0.0; 3]);
        let sides: BTreeSet<usize> = (0..20).map(|n| combine(&kin, [1, 2], 0, &mut stream(0, "merge", n)).from[0]).collect();
        assert_eq!(sides, [1, 2].into());
    }

    #[test]
    fn an_ancestor_that_scores_higher_than_a_parent_is_none() {
        let texts = [["a", "b"], ["a", "B"], ["A", "b"]].map(Candidate::new);
        let parents = [vec![], vec![0], vec![0]];
        assert!(common_ancestors(&kin(&texts, &parents, &[0.5, 0.6, 0.4]), [1, 2]).is_empty());
        assert_eq!(common_ancestors(&kin(&texts, &parents, &[0.4, 0.6, 0.4]), [1, 2]), [0]);
    }

    #[test]
    fn a_parent_and_its_child_are_not_merged() {
        let texts = [["a", "b"], ["a", "B"], ["A", "B"]].map(Candidate::new);
        let parents = [vec![], vec![0], vec![1]];
        assert!(common_ancestors(&kin(&texts, &parents, &[0.0; 3]), [1, 2]).is_empty());
    }

    proptest! {
        #[test]
        fn a_gate_takes_from_every_group(rows in prop::collection::vec((0..3_u8, 0..3_u8), 1..30), size in 1..9_usize, seed in 0..9_u64) {
            let scores = |pick: fn(&(u8, u8)) -> u8| rows.iter().enumerate().map(|(e, r)| (e, f64::from(pick(r)))).collect::<Scores>();
            let (first, second) = (scores(|r| r.0), scores(|r| r.1));
            let drawn = subsample(&first, &second, size, &mut stream(seed, "subsample", 0));
            prop_assert_eq!(drawn.len(), size);
            let distinct: BTreeSet<&usize> = drawn.iter().collect();
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

//! Which candidates are worth improving: Pareto fronts without the dominated.
//!
//! Algorithm 2 of the GEPA paper (arXiv 2507.19457), dominance taken as set cover.

use std::cmp::Ordering;

use rand::{Rng, RngExt};

/// One front: the candidates tied for the best score on one thing, ascending.
pub type Front = Vec<usize>;

/// The fronts of `count` things. `rows` has the scores of each candidate: the place of a thing, and
/// the score on it. A thing that a candidate was not scored on says nothing about it; one that nobody
/// was scored on has an empty front.
#[must_use]
pub fn fronts<Row: IntoIterator<Item = (usize, f64)>>(count: usize, rows: impl IntoIterator<Item = Row>) -> Vec<Front> {
    let mut best = vec![f64::NEG_INFINITY; count];
    let mut fronts = vec![Front::new(); count];
    for (candidate, row) in rows.into_iter().enumerate() {
        for (thing, score) in row {
            if score > best[thing] {
                best[thing] = score;
                fronts[thing].clear();
            }
            if score == best[thing] {
                fronts[thing].push(candidate);
            }
        }
    }
    fronts
}

/// Removes dominated candidates from `fronts`: one whose every front holds another candidate that
/// has not been removed. The worst mean goes first, of equal means the older.
///
/// A removal only shrinks fronts, so a candidate that could not go before it cannot go after it
/// either: one pass from the worst to the best does what starting over after each removal does.
pub fn remove_dominated(fronts: &mut [Front], means: &[f64]) {
    let mut held_by: Vec<Vec<usize>> = vec![Vec::new(); means.len()];
    for (example, front) in fronts.iter().enumerate() {
        for &candidate in front {
            held_by[candidate].push(example);
        }
    }
    let mut left: Vec<usize> = fronts.iter().map(Vec::len).collect();
    let mut removed = vec![false; means.len()];
    let mut order: Vec<usize> = (0..means.len()).filter(|&c| !held_by[c].is_empty()).collect();
    order.sort_by(|&a, &b| means[a].partial_cmp(&means[b]).unwrap_or(Ordering::Equal).then(a.cmp(&b)));
    for candidate in order {
        if held_by[candidate].iter().all(|&example| left[example] > 1) {
            removed[candidate] = true;
            held_by[candidate].iter().for_each(|&example| left[example] -= 1);
        }
    }
    for front in fronts {
        front.retain(|&candidate| !removed[candidate]);
    }
}

/// How many fronts hold each candidate: the weight with which it is drawn.
#[must_use]
pub fn weights(fronts: &[Front], candidates: usize) -> Vec<usize> {
    let mut weights = vec![0; candidates];
    fronts.iter().flatten().for_each(|&candidate| weights[candidate] += 1);
    weights
}

/// Draws a candidate with a chance in proportion to its weight; None where all weights are 0.
pub fn draw(weights: &[usize], random: &mut impl Rng) -> Option<usize> {
    let total: usize = weights.iter().sum();
    if total == 0 {
        return None;
    }
    let mut ticket = random.random_range(0..total);
    weights.iter().position(|&weight| {
        let found = ticket < weight;
        ticket = ticket.saturating_sub(weight);
        found
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The rule as the paper's code has it: try the worst first, start over after each removal.
    fn remove_by_starting_over(fronts: &mut [Front], means: &[f64]) {
        let mut order: Vec<usize> = (0..means.len()).filter(|c| fronts.iter().any(|f| f.contains(c))).collect();
        order.sort_by(|&a, &b| means[a].partial_cmp(&means[b]).unwrap().then(a.cmp(&b)));
        while let Some(at) = order.iter().position(|c| fronts.iter().all(|f| !f.contains(c) || f.len() > 1)) {
            let gone = order.remove(at);
            fronts.iter_mut().for_each(|f| f.retain(|&c| c != gone));
        }
    }

    fn fronts_of(rows: &[Vec<Option<f64>>]) -> Vec<Front> {
        let row = |row: &Vec<Option<f64>>| row.iter().enumerate().filter_map(|(e, s)| Some((e, (*s)?))).collect::<Vec<_>>();
        fronts(rows.first().map_or(0, Vec::len), rows.iter().map(row))
    }

    fn scores() -> impl Strategy<Value = Vec<Vec<Option<f64>>>> {
        let score = prop_oneof![9 => (0..4_u8).prop_map(|s| Some(f64::from(s) / 3.0)), 1 => Just(None)];
        (1..9_usize, 1..7_usize).prop_flat_map(move |(c, e)| prop::collection::vec(prop::collection::vec(score.clone(), e), c))
    }

    proptest! {
        #[test]
        fn one_pass_equals_starting_over(rows in scores()) {
            let means: Vec<f64> = rows.iter().map(|r| crate::optimize::pool::mean(r).unwrap_or(0.0)).collect();
            let before = fronts_of(&rows);
            let (mut once, mut over) = (before.clone(), before.clone());
            remove_dominated(&mut once, &means);
            remove_by_starting_over(&mut over, &means);
            prop_assert_eq!(&once, &over);
            for (after, before) in once.iter().zip(&before) {
                prop_assert_eq!(after.is_empty(), before.is_empty(), "a removal emptied a front");
            }
            let drawn = weights(&once, rows.len());
            prop_assert_eq!(drawn.iter().sum::<usize>(), once.iter().map(Vec::len).sum::<usize>());
        }
    }

    #[test]
    fn a_candidate_that_is_nowhere_best_has_no_weight() {
        assert_eq!(weights(&fronts_of(&[vec![Some(0.0), Some(0.0)], vec![Some(1.0), Some(0.5)]]), 2), [0, 2]);
    }

    #[test]
    fn candidates_are_drawn_as_often_as_they_weigh() {
        let mut random = crate::optimize::randomness::stream(0, "test", 0);
        let mut drawn = [0; 4];
        (0..4000).for_each(|_| drawn[draw(&[1, 0, 3, 0], &mut random).unwrap()] += 1);
        assert_eq!((drawn[1], drawn[3]), (0, 0));
        assert!((900..1100).contains(&drawn[0]), "{drawn:?}");
        assert_eq!(draw(&[0, 0], &mut random), None);
    }
}

//! Which candidates are worth improving: Pareto fronts without the dominated.
//!
//! Algorithm 2 of the GEPA paper (arXiv 2507.19457), dominance taken as set cover.

use std::cmp::Ordering;

use rand::{Rng, RngExt};

/// The fronts over some things, examples for one: of each thing, the candidates tied for the best score
/// on it. Kept by candidate, since it is candidates that are removed and drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fronts {
    /// The things that the candidates hold, one candidate after the other.
    held: Vec<u32>,
    /// Where each candidate's things end.
    ends: Vec<usize>,
    /// Whether a candidate still is on its fronts.
    is_left: Vec<bool>,
    /// How many candidates are left on the front of each thing.
    left: Vec<u32>,
}

impl Fronts {
    /// The fronts of `candidates` candidates. `row` has the scores of each: the place of a thing, and
    /// the score on it. A thing that a candidate was not scored on says nothing about it; one that
    /// nobody was scored on has an empty front.
    #[must_use]
    pub fn new<Row: Iterator<Item = (usize, f64)>>(candidates: usize, row: impl Fn(usize) -> Row) -> Self {
        let mut best: Vec<f64> = Vec::new();
        for (thing, score) in (0..candidates).flat_map(&row) {
            if thing >= best.len() {
                best.resize(thing + 1, f64::NEG_INFINITY);
            }
            let before = best[thing];
            best[thing] = if score > before { score } else { before };
        }
        let mut fronts = Self { held: Vec::new(), ends: Vec::new(), is_left: vec![true; candidates], left: vec![0; best.len()] };
        // Every thing is written, and the end moves on only past those that are held: half of all scores can
        // be best ones, and a branch on each would be guessed wrong half of the time.
        let mut end = 0;
        for candidate in 0..candidates {
            for (thing, score) in row(candidate) {
                if end == fronts.held.len() {
                    fronts.held.resize(2 * end + 64, 0);
                }
                // Things are counted in memory: there are fewer than 2^32.
                fronts.held[end] = thing as u32;
                let is_best = score >= best[thing];
                fronts.left[thing] += u32::from(is_best);
                end += usize::from(is_best);
            }
            fronts.ends.push(end);
        }
        fronts.held.truncate(end);
        fronts
    }

    /// The things on whose fronts `candidate` was before any removal.
    fn held_by(&self, candidate: usize) -> &[u32] {
        let start = candidate.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.held[start..self.ends[candidate]]
    }

    fn remove(&mut self, candidate: usize) {
        self.is_left[candidate] = false;
        let start = candidate.checked_sub(1).map_or(0, |before| self.ends[before]);
        for &thing in &self.held[start..self.ends[candidate]] {
            self.left[thing as usize] -= 1;
        }
    }

    /// Leaves only candidates that `may` stay; fronts can be empty after it.
    pub fn retain(&mut self, may: impl Fn(usize) -> bool) {
        (0..self.ends.len()).filter(|&candidate| !may(candidate)).for_each(|candidate| self.remove(candidate));
    }

    /// Removes dominated candidates: one whose every front holds another candidate that has not been
    /// removed. The worst of `means` goes first, of equal ones the older.
    ///
    /// A removal only shrinks fronts, so a candidate that could not go before it cannot go after it
    /// either: one pass from the worst to the best does what starting over after each removal does.
    pub fn remove_dominated(&mut self, means: &[f64]) {
        let mut order: Vec<usize> = (0..means.len()).filter(|&candidate| self.is_left[candidate]).collect();
        order.sort_by(|&a, &b| means[a].partial_cmp(&means[b]).unwrap_or(Ordering::Equal).then(a.cmp(&b)));
        for candidate in order {
            let held = self.held_by(candidate);
            if !held.is_empty() && held.iter().all(|&thing| self.left[thing as usize] > 1) {
                self.remove(candidate);
            }
        }
    }

    /// How many fronts hold each candidate: the weight with which it is drawn.
    #[must_use]
    pub fn weights(&self) -> Vec<usize> {
        let weight = |candidate: usize| if self.is_left[candidate] { self.held_by(candidate).len() } else { 0 };
        (0..self.ends.len()).map(weight).collect()
    }

    /// The candidates on the front of each thing, ascending.
    #[must_use]
    pub fn by_thing(&self) -> Vec<Vec<usize>> {
        let mut fronts = vec![Vec::new(); self.left.len()];
        for candidate in (0..self.ends.len()).filter(|&candidate| self.is_left[candidate]) {
            self.held_by(candidate).iter().for_each(|&thing| fronts[thing as usize].push(candidate));
        }
        fronts
    }
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
    fn remove_by_starting_over(fronts: &mut [Vec<usize>], means: &[f64]) {
        let mut order: Vec<usize> = (0..means.len()).filter(|c| fronts.iter().any(|f| f.contains(c))).collect();
        order.sort_by(|&a, &b| means[a].partial_cmp(&means[b]).unwrap().then(a.cmp(&b)));
        while let Some(at) = order.iter().position(|c| fronts.iter().all(|f| !f.contains(c) || f.len() > 1)) {
            let gone = order.remove(at);
            fronts.iter_mut().for_each(|f| f.retain(|&c| c != gone));
        }
    }

    fn fronts_of(rows: &[Vec<Option<f64>>]) -> Fronts {
        Fronts::new(rows.len(), |c| rows[c].iter().enumerate().filter_map(|(e, s)| Some((e, (*s)?))))
    }

    fn scores() -> impl Strategy<Value = Vec<Vec<Option<f64>>>> {
        let score = prop_oneof![9 => (0..4_u8).prop_map(|s| Some(f64::from(s) / 3.0)), 1 => Just(None)];
        (1..9_usize, 1..7_usize).prop_flat_map(move |(c, e)| prop::collection::vec(prop::collection::vec(score.clone(), e), c))
    }

    proptest! {
        #[test]
        fn one_pass_equals_starting_over(rows in scores()) {
            let means: Vec<f64> = rows.iter().map(|r| crate::optimize::pool::mean(r).unwrap_or(0.0)).collect();
            let mut fronts = fronts_of(&rows);
            let before = fronts.by_thing();
            let mut over = before.clone();
            fronts.remove_dominated(&means);
            remove_by_starting_over(&mut over, &means);
            let once = fronts.by_thing();
            prop_assert_eq!(&once, &over);
            for (after, before) in once.iter().zip(&before) {
                prop_assert_eq!(after.is_empty(), before.is_empty(), "a removal emptied a front");
            }
            let counted: Vec<usize> = (0..rows.len()).map(|c| once.iter().filter(|front| front.contains(&c)).count()).collect();
            prop_assert_eq!(fronts.weights(), counted);
        }
    }

    #[test]
    fn a_candidate_that_is_nowhere_best_has_no_weight() {
        assert_eq!(fronts_of(&[vec![Some(0.0), Some(0.0)], vec![Some(1.0), Some(0.5)]]).weights(), [0, 2]);
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

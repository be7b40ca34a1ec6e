//! Pareto-based candidate selection: Algorithm 2 of the GEPA paper (arXiv 2507.19457). A candidate is drawn in proportion
//! to the number of Pareto fronts that it is on, after dominated candidates were removed.
//!
//! A candidate counts as dominated when every front that it is on has another candidate that was not removed, as in the
//! reference implementation (`gepa` 0.1.4, `gepa_utils.py`).

use std::cmp::Ordering;

use rand::{Rng, RngExt};

use crate::program::PoolIndex;

/// Pareto fronts. There is one for each thing that candidates are compared on, for example a validation example, and it
/// has the candidates with the best score on it. The fronts are stored by candidate, since candidates are removed and drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fronts {
    /// The indices of the fronts that each candidate is on, one candidate after the other.
    held: Vec<u32>,
    /// Where the part of `held` of each candidate ends, by pool index.
    ends: Vec<usize>,
    /// Whether each candidate was not removed, by pool index.
    is_left: Vec<bool>,
    /// How many candidates that were not removed each front has, by front index.
    left: Vec<u32>,
}

impl Fronts {
    /// Computes the fronts of a pool of `candidates` candidates. `scores` returns the scores of a candidate as pairs of a
    /// front index and a score. A candidate that has no score for a front is not on it; a front for which no candidate has
    /// a score is empty.
    #[must_use]
    pub fn new<Row: Iterator<Item = (usize, f64)>>(candidates: usize, scores: impl Fn(PoolIndex) -> Row) -> Self {
        let mut best: Vec<f64> = Vec::new();
        for (front, score) in (0..candidates).map(PoolIndex).flat_map(&scores) {
            if front >= best.len() {
                best.resize(front + 1, f64::NEG_INFINITY);
            }
            let before = best[front];
            best[front] = if score > before { score } else { before };
        }
        let mut fronts = Self { held: Vec::new(), ends: Vec::new(), is_left: vec![true; candidates], left: vec![0; best.len()] };
        // Every front index is written, and the end advances only past those that the candidate is on. Up to half of all
        // scores are best ones, so a branch on each would often be mispredicted.
        let mut end = 0;
        for candidate in (0..candidates).map(PoolIndex) {
            for (front, score) in scores(candidate) {
                if end == fronts.held.len() {
                    fronts.held.resize(2 * end + 64, 0);
                }
                // A pool that fits in memory has fewer than 2^32 fronts.
                fronts.held[end] = front as u32;
                let is_best = score >= best[front];
                fronts.left[front] += u32::from(is_best);
                end += usize::from(is_best);
            }
            fronts.ends.push(end);
        }
        fronts.held.truncate(end);
        fronts
    }

    /// Returns the indices of the fronts that `candidate` was on before any removal.
    fn held_by(&self, candidate: usize) -> &[u32] {
        let start = candidate.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.held[start..self.ends[candidate]]
    }

    fn remove(&mut self, candidate: usize) {
        self.is_left[candidate] = false;
        let start = candidate.checked_sub(1).map_or(0, |before| self.ends[before]);
        for &front in &self.held[start..self.ends[candidate]] {
            self.left[front as usize] -= 1;
        }
    }

    /// Removes the candidates for which `keep` does not hold. Fronts can be empty afterwards.
    pub fn retain(&mut self, keep: impl Fn(PoolIndex) -> bool) {
        (0..self.ends.len()).filter(|&candidate| !keep(PoolIndex(candidate))).for_each(|candidate| self.remove(candidate));
    }

    /// Removes dominated candidates: one whose every front has another candidate that was not removed. Candidates are
    /// tried in ascending order of `means`, which are by pool index; of equal means the older first.
    ///
    /// The reference implementation starts again from the worst after each removal. One pass has the same result: a removal
    /// only shrinks fronts, so a candidate that was not dominated before it is not dominated after it.
    pub fn remove_dominated(&mut self, means: &[f64]) {
        let mut order: Vec<usize> = (0..means.len()).filter(|&candidate| self.is_left[candidate]).collect();
        order.sort_by(|&a, &b| means[a].partial_cmp(&means[b]).unwrap_or(Ordering::Equal).then(a.cmp(&b)));
        for candidate in order {
            let held = self.held_by(candidate);
            if !held.is_empty() && held.iter().all(|&front| self.left[front as usize] > 1) {
                self.remove(candidate);
            }
        }
    }

    /// Returns the number of fronts that each candidate is on, by pool index: the weight with which it is drawn.
    #[must_use]
    pub fn weights(&self) -> Vec<usize> {
        let weight = |candidate: usize| if self.is_left[candidate] { self.held_by(candidate).len() } else { 0 };
        (0..self.ends.len()).map(weight).collect()
    }

    /// Returns the candidates on each front, ascending, by front index.
    #[must_use]
    pub fn by_front(&self) -> Vec<Vec<PoolIndex>> {
        let mut fronts = vec![Vec::new(); self.left.len()];
        for candidate in (0..self.ends.len()).filter(|&candidate| self.is_left[candidate]) {
            self.held_by(candidate).iter().for_each(|&front| fronts[front as usize].push(PoolIndex(candidate)));
        }
        fronts
    }
}

/// Draws an index of `weights` with a probability in proportion to its weight; None where all weights are 0.
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
    use crate::evaluate::scores::mean;
    use crate::randomness::stream;
    use proptest::prelude::*;

    /// The removal as the paper's code has it: try the worst candidate first, and start again after each removal.
    fn remove_by_starting_over(fronts: &mut [Vec<PoolIndex>], means: &[f64]) {
        let mut order: Vec<PoolIndex> =
            (0..means.len()).map(PoolIndex).filter(|c| fronts.iter().any(|f| f.contains(c))).collect();
        order.sort_by(|&a, &b| means[a.0].partial_cmp(&means[b.0]).unwrap().then(a.cmp(&b)));
        while let Some(at) = order.iter().position(|c| fronts.iter().all(|f| !f.contains(c) || f.len() > 1)) {
            let gone = order.remove(at);
            fronts.iter_mut().for_each(|f| f.retain(|&c| c != gone));
        }
    }

    fn fronts_of(rows: &[Vec<Option<f64>>]) -> Fronts {
        Fronts::new(rows.len(), |c| rows[c.0].iter().enumerate().filter_map(|(e, s)| Some((e, (*s)?))))
    }

    fn scores() -> impl Strategy<Value = Vec<Vec<Option<f64>>>> {
        let score = prop_oneof![9 => (0..4_u8).prop_map(|s| Some(f64::from(s) / 3.0)), 1 => Just(None)];
        (1..9_usize, 1..7_usize).prop_flat_map(move |(c, e)| prop::collection::vec(prop::collection::vec(score.clone(), e), c))
    }

    proptest! {
        #[test]
        fn one_pass_equals_starting_over(rows in scores()) {
            let means: Vec<f64> = rows.iter().map(|r| mean(r).unwrap_or(0.0)).collect();
            let mut fronts = fronts_of(&rows);
            let before = fronts.by_front();
            let mut over = before.clone();
            fronts.remove_dominated(&means);
            remove_by_starting_over(&mut over, &means);
            let once = fronts.by_front();
            prop_assert_eq!(&once, &over);
            for (after, before) in once.iter().zip(&before) {
                prop_assert_eq!(after.is_empty(), before.is_empty(), "a removal emptied a front");
            }
            let count = |candidate| once.iter().filter(|front| front.contains(&PoolIndex(candidate))).count();
            let counted: Vec<usize> = (0..rows.len()).map(count).collect();
            prop_assert_eq!(fronts.weights(), counted);
        }
    }

    #[test]
    fn a_candidate_that_is_nowhere_best_has_no_weight() {
        assert_eq!(fronts_of(&[vec![Some(0.0), Some(0.0)], vec![Some(1.0), Some(0.5)]]).weights(), [0, 2]);
    }

    #[test]
    fn candidates_are_drawn_in_proportion_to_their_weights() {
        let mut random = stream(0, "test", 0);
        let mut drawn = [0; 4];
        (0..4000).for_each(|_| drawn[draw(&[1, 0, 3, 0], &mut random).unwrap()] += 1);
        assert_eq!((drawn[1], drawn[3]), (0, 0));
        assert!((900..1100).contains(&drawn[0]), "{drawn:?}");
        assert_eq!(draw(&[0, 0], &mut random), None);
    }
}

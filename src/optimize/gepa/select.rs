//! Which candidate is improved next, and which of its modules.

use rand::{Rng, RngExt};

use super::pareto;
use crate::optimize::Member;

/// Draws a candidate: Pareto fronts by example, the dominated removed, with a chance in proportion
/// to the fronts that hold it.
pub fn parent(members: &[Member], random: &mut impl Rng) -> usize {
    let scores: Vec<&[Option<f64>]> = members.iter().map(|m| m.scores.as_slice()).collect();
    let means: Vec<f64> = members.iter().map(Member::mean).collect();
    let mut fronts = pareto::fronts(&scores);
    pareto::remove_dominated(&mut fronts, &means);
    let weights = pareto::weights(&fronts, members.len());
    let total: usize = weights.iter().sum();
    if total == 0 {
        // Nobody was scored on anything: the newest is as good as any.
        return members.len().saturating_sub(1);
    }
    let mut ticket = random.random_range(0..total);
    for (candidate, weight) in weights.into_iter().enumerate() {
        if ticket < weight {
            return candidate;
        }
        ticket -= weight;
    }
    0
}

/// Round robin over modules, with a pointer for every candidate.
///
/// The pointer moves only when a module is really worked on. A child inherits the largest of its
/// parents' pointers, so that it goes on where they are.
#[derive(Debug, Default, Clone)]
pub struct RoundRobin {
    next: Vec<usize>,
}

impl RoundRobin {
    /// Adds the pointer of a new candidate.
    pub fn add(&mut self, parents: &[usize]) {
        let inherited = parents.iter().map(|&p| self.next[p]).max().unwrap_or(0);
        self.next.push(inherited);
    }

    /// The module of `candidate` that is due, of so many; moves its pointer on.
    pub fn take(&mut self, candidate: usize, modules: usize) -> usize {
        let due = self.next[candidate] % modules;
        self.next[candidate] = (due + 1) % modules;
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::randomness::stream;
    use crate::program::Candidate;

    fn member(scores: &[f64]) -> Member {
        let scores = scores.iter().map(|&s| Some(s)).collect();
        Member { candidate: Candidate::new(["x"]), parents: Vec::new(), scores, spent: 0 }
    }

    #[test]
    fn candidates_are_drawn_as_often_as_fronts_hold_them() {
        let members = [member(&[1.0, 0.0, 0.0, 0.0]), member(&[0.0, 1.0, 1.0, 1.0]), member(&[0.0; 4])];
        let mut drawn = [0; 3];
        for iteration in 0..4000 {
            drawn[parent(&members, &mut stream(0, "parent", iteration))] += 1;
        }
        assert_eq!(drawn[2], 0);
        assert!((900..1100).contains(&drawn[0]), "{drawn:?}");
    }

    #[test]
    fn pointers_go_round_and_are_inherited() {
        let mut turns = RoundRobin::default();
        turns.add(&[]);
        assert_eq!([turns.take(0, 3), turns.take(0, 3)], [0, 1]);
        turns.add(&[0]);
        turns.add(&[0, 1]);
        assert_eq!(turns.take(1, 3), 2);
        assert_eq!(turns.take(1, 3), 0);
        assert_eq!(turns.take(2, 3), 2);
        assert_eq!(turns.take(0, 3), 2);
    }
}

//! Which candidate is improved next, and which of its modules.

use rand::{Rng, RngExt};

use super::{frontier, gate, pareto};
use crate::config::{CandidateSelection, OptimizePlan, Preset};
use crate::optimize::Member;
use crate::optimize::pool::{comparable_means, ranking};

/// How many fronts hold each member once the dominated are removed: 0 for those.
#[must_use]
pub fn weights(plan: &OptimizePlan, members: &[Member]) -> Vec<usize> {
    surviving(plan, members, |_| true)
}

/// The same among those that `may` be drawn.
fn surviving(plan: &OptimizePlan, members: &[Member], may: impl Fn(usize) -> bool) -> Vec<usize> {
    let means = comparable_means(members);
    let mut fronts = frontier::fronts(plan.frontier, plan.preset, members);
    let best = ranking(members).first().map(|&best| &members[best]).filter(|_| plan.preset != Preset::Paper);
    fronts.retain(|candidate| may(candidate) && !best.is_some_and(|best| is_surely_worse(&members[candidate], best)));
    fronts.remove_dominated(&means);
    fronts.weights()
}

/// Standard errors of the mean difference beyond which a candidate is surely worse.
const SURE: f64 = 2.0;

/// Whether a candidate is worse than the best beyond what noise explains, on the examples that both were scored
/// on: who is right by luck on an example or two, like most seeds, is not worth improving.
fn is_surely_worse(candidate: &Member, best: &Member) -> bool {
    let leads: Vec<f64> = candidate.scores.shared(&best.scores).map(|(_, own, best)| best - own).collect();
    gate::is_beyond_noise(&leads, SURE)
}

/// Draws the candidate to be improved, as the plan says.
pub fn parent(plan: &OptimizePlan, members: &[Member], random: &mut impl Rng) -> usize {
    let ranking = ranking(members);
    let best = ranking.first().copied().unwrap_or(0);
    match plan.candidate_selection {
        CandidateSelection::Pareto => pareto::draw(&weights(plan, members), random).unwrap_or(best),
        CandidateSelection::TopKPareto => {
            let top = &ranking[..plan.top_k.unwrap_or(ranking.len()).min(ranking.len())];
            // Fronts that hold none of the best few are left out.
            let weights = surviving(plan, members, |candidate| top.contains(&candidate));
            pareto::draw(&weights, random).unwrap_or(best)
        }
        CandidateSelection::CurrentBest => best,
        CandidateSelection::EpsilonGreedy => {
            if random.random::<f64>() < plan.epsilon.unwrap_or(0.0) {
                random.random_range(0..members.len())
            } else {
                best
            }
        }
    }
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

    /// The first turn of `candidate` from the one that is due on, of so many, that can be taken; moves its pointer on. Where none
    /// can, it is the one that is due.
    pub fn take(&mut self, candidate: usize, turns: usize, can: impl Fn(usize) -> bool) -> usize {
        let due = self.next[candidate] % turns;
        let taken = (0..turns).map(|step| (due + step) % turns).find(|&turn| can(turn)).unwrap_or(due);
        self.next[candidate] = (taken + 1) % turns;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::pool::tests_support::member;
    use crate::optimize::randomness::stream;
    use proptest::prelude::*;

    fn plan(candidate_selection: CandidateSelection) -> OptimizePlan {
        OptimizePlan { candidate_selection, epsilon: Some(0.2), top_k: Some(2), ..OptimizePlan::of(Preset::Paper) }
    }

    fn drawn(selection: CandidateSelection, members: &[Member]) -> Vec<usize> {
        let mut drawn = vec![0; members.len()];
        for iteration in 0..4000 {
            drawn[parent(&plan(selection), members, &mut stream(0, "parent", iteration))] += 1;
        }
        drawn
    }

    fn members() -> Vec<Member> {
        // The third is best in the mean, the first two each on one example; the last is dominated.
        vec![member(&[1.0, 0.0, 0.2, 0.2]), member(&[0.1, 0.9, 0.0, 0.0]), member(&[0.5, 0.5, 0.9, 0.9]), member(&[0.0; 4])]
    }

    #[test]
    fn pareto_draws_by_fronts() {
        let drawn = drawn(CandidateSelection::Pareto, &members());
        assert_eq!(drawn[3], 0);
        assert!((900..1100).contains(&drawn[0]) && (900..1100).contains(&drawn[1]), "{drawn:?}");
    }

    #[test]
    fn top_k_draws_by_fronts_among_the_best() {
        // The best two are the third and the first; of the second's front, the third is not a holder.
        let drawn = drawn(CandidateSelection::TopKPareto, &members());
        assert_eq!((drawn[1], drawn[3]), (0, 0));
        assert!((1200..1470).contains(&drawn[0]), "{drawn:?}");
    }

    #[test]
    fn the_current_best_is_always_the_same_and_epsilon_greedy_leaves_it_now_and_then() {
        assert_eq!(drawn(CandidateSelection::CurrentBest, &members()), [0, 0, 4000, 0]);
        let drawn = drawn(CandidateSelection::EpsilonGreedy, &members());
        // A fifth of the draws goes to any of the four.
        assert!((3280..3520).contains(&drawn[2]) && drawn.iter().all(|&n| n > 140), "{drawn:?}");
    }

    #[test]
    fn who_was_never_scored_is_drawn_only_where_nobody_was() {
        let members = vec![member(&[]), member(&[])];
        assert_eq!(drawn(CandidateSelection::Pareto, &members)[0], 4000);
    }

    #[test]
    fn who_is_surely_worse_is_not_improved_but_on_paper() {
        let scores = |right: &[usize]| (0..40).map(|e| f64::from(right.contains(&e))).collect::<Vec<f64>>();
        let best: Vec<usize> = (2..16).collect();
        let members = [member(&scores(&[0])), member(&scores(&best)), member(&scores(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]))];
        assert_eq!(weights(&OptimizePlan::of(Preset::Default), &members), [0, 14, 11]);
        assert!(weights(&OptimizePlan::of(Preset::Paper), &members)[1] > 14);
        // One example more or less is no proof.
        assert!(!is_surely_worse(&member(&[1.0, 0.0, 0.0]), &member(&[1.0, 1.0, 0.0])));
        assert!(!is_surely_worse(&member(&[0.0]), &member(&[1.0])));
    }

    #[test]
    fn pointers_go_round_and_are_inherited() {
        let mut turns = RoundRobin::default();
        turns.add(&[]);
        assert_eq!([turns.take(0, 3, |_| true), turns.take(0, 3, |_| true)], [0, 1]);
        turns.add(&[0]);
        turns.add(&[0, 1]);
        assert_eq!(turns.take(1, 3, |_| true), 2);
        assert_eq!(turns.take(1, 3, |_| true), 0);
        assert_eq!(turns.take(2, 3, |_| true), 2);
        assert_eq!(turns.take(0, 3, |_| true), 2);
    }

    #[test]
    fn a_turn_that_cannot_be_taken_is_passed_over() {
        let mut turns = RoundRobin::default();
        turns.add(&[]);
        assert_eq!([turns.take(0, 3, |turn| turn != 0), turns.take(0, 3, |turn| turn != 2)], [1, 0]);
        assert_eq!(turns.take(0, 3, |_| false), 1);
    }

    proptest! {
        /// Any genealogy, any order of work: each candidate goes through its modules in turn, from
        /// where the furthest of its parents stood at its birth.
        #[test]
        fn every_candidate_keeps_its_own_turn(modules in 1..5_usize, steps in prop::collection::vec((0..100_usize, 0..100_usize, any::<bool>()), 1..60)) {
            let mut turns = RoundRobin::default();
            turns.add(&[]);
            let mut model = vec![0_usize];
            for (a, b, birth) in steps {
                let (a, b) = (a % model.len(), b % model.len());
                if birth {
                    turns.add(&[a, b]);
                    model.push(model[a].max(model[b]));
                } else {
                    prop_assert_eq!(turns.take(a, modules, |_| true), model[a]);
                    model[a] = (model[a] + 1) % modules;
                }
            }
        }
    }
}

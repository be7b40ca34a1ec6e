//! Step 1: which candidate is improved next.

use rand::{Rng, RngExt};

use super::{frontier, gate, pareto};
use crate::config::{CandidateSelection, OptimizePlan, Preset};
use crate::optimize::pool::{Member, comparable_means, ranking};
use crate::program::PoolIndex;

/// Returns the number of Pareto fronts that each member is on after dominated members were removed, by pool index; 0 for
/// removed members.
#[must_use]
pub fn weights(plan: &OptimizePlan, members: &[Member]) -> Vec<usize> {
    weights_among(plan, members, |_| true)
}

/// Computes weights as [`weights`] does, over those members only for which `is_eligible` holds.
fn weights_among(plan: &OptimizePlan, members: &[Member], is_eligible: impl Fn(PoolIndex) -> bool) -> Vec<usize> {
    let means = comparable_means(members);
    let mut fronts = frontier::fronts(plan.frontier, plan.preset, members);
    let best = ranking(members).first().map(|&best| &members[best]).filter(|_| plan.preset != Preset::Paper);
    fronts.retain(|index| is_eligible(index) && !best.is_some_and(|best| is_surely_worse(&members[index], best)));
    fronts.remove_dominated(&means);
    fronts.weights()
}

/// The number of standard errors of the mean difference beyond which a candidate is surely worse than the best.
const SURELY_WORSE_ERRORS: f64 = 2.0;

/// Whether a member is worse than the best one by more than noise explains, on the examples that both were scored on.
///
/// Difference from the paper, unless the preset is `paper`: such a member is never a parent. A candidate that is right
/// by luck on an example or two, as most seeds are, is on a front and yet not worth improving.
fn is_surely_worse(member: &Member, best: &Member) -> bool {
    gate::is_worse(&member.scores, &best.scores, SURELY_WORSE_ERRORS)
}

/// Draws the candidate to be improved, in the way that the plan selects candidates.
pub fn parent(plan: &OptimizePlan, members: &[Member], random: &mut impl Rng) -> PoolIndex {
    let ranking = ranking(members);
    let best = ranking.first().copied().unwrap_or(PoolIndex::SEED);
    match plan.candidate_selection {
        CandidateSelection::Pareto => pareto::draw(&weights(plan, members), random).map_or(best, PoolIndex),
        CandidateSelection::TopKPareto => {
            let top = &ranking[..plan.top_k.unwrap_or(ranking.len()).min(ranking.len())];
            // A front that has none of the top candidates counts for nobody.
            let weights = weights_among(plan, members, |index| top.contains(&index));
            pareto::draw(&weights, random).map_or(best, PoolIndex)
        }
        CandidateSelection::CurrentBest => best,
        CandidateSelection::EpsilonGreedy => {
            if random.random::<f64>() < plan.epsilon.unwrap_or(0.0) {
                PoolIndex(random.random_range(0..members.len()))
            } else {
                best
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::pool::tests_support::member;
    use crate::randomness::stream;

    fn plan(candidate_selection: CandidateSelection) -> OptimizePlan {
        OptimizePlan { candidate_selection, epsilon: Some(0.2), top_k: Some(2), ..OptimizePlan::from_preset(Preset::Paper) }
    }

    fn drawn(selection: CandidateSelection, members: &[Member]) -> Vec<usize> {
        let mut drawn = vec![0; members.len()];
        for iteration in 0..4000 {
            drawn[parent(&plan(selection), members, &mut stream(0, "parent", iteration)).0] += 1;
        }
        drawn
    }

    fn members() -> Vec<Member> {
        // The third has the best mean, the first two are best on one example each; the last is dominated.
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
        // The best two are the third and the first. The third is not on the front of the second.
        let drawn = drawn(CandidateSelection::TopKPareto, &members());
        assert_eq!((drawn[1], drawn[3]), (0, 0));
        assert!((1200..1470).contains(&drawn[0]), "{drawn:?}");
    }

    #[test]
    fn the_current_best_is_always_the_same_and_epsilon_greedy_sometimes_draws_another() {
        assert_eq!(drawn(CandidateSelection::CurrentBest, &members()), [0, 0, 4000, 0]);
        let drawn = drawn(CandidateSelection::EpsilonGreedy, &members());
        // A fifth of the draws goes to any of the four.
        assert!((3280..3520).contains(&drawn[2]) && drawn.iter().all(|&n| n > 140), "{drawn:?}");
    }

    #[test]
    fn a_member_without_scores_is_drawn_only_where_no_member_has_any() {
        let members = vec![member(&[]), member(&[])];
        assert_eq!(drawn(CandidateSelection::Pareto, &members)[0], 4000);
    }

    #[test]
    fn a_surely_worse_member_is_not_improved_unless_the_preset_is_paper() {
        let scores = |right: &[usize]| (0..40).map(|e| f64::from(right.contains(&e))).collect::<Vec<f64>>();
        let best: Vec<usize> = (2..16).collect();
        let members = [member(&scores(&[0])), member(&scores(&best)), member(&scores(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]))];
        assert_eq!(weights(&OptimizePlan::from_preset(Preset::Default), &members), [0, 14, 11]);
        assert!(weights(&OptimizePlan::from_preset(Preset::Paper), &members)[1] > 14);
        // A difference of one example is within the noise.
        assert!(!is_surely_worse(&member(&[1.0, 0.0, 0.0]), &member(&[1.0, 1.0, 0.0])));
        assert!(!is_surely_worse(&member(&[0.0]), &member(&[1.0])));
    }
}

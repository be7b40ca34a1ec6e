//! What candidates are compared on: examples, objectives that the metric names, or both.

use std::collections::BTreeSet;

use super::pareto::{self, Front};
use crate::config::Frontier;
use crate::optimize::{Member, Scores};

/// The fronts of `kind` over all members. Candidates are compared only where they were scored: on
/// the mean of an objective, only those that were validated in full.
#[must_use]
pub fn fronts(kind: Frontier, members: &[Member]) -> Vec<Front> {
    match kind {
        Frontier::Example => by_example(members),
        Frontier::Objective => by_objective(members),
        Frontier::Hybrid => [by_example(members), by_objective(members)].concat(),
        Frontier::Cartesian => by_both(members),
    }
}

/// Validation examples that anybody was scored on: one more than the last place.
fn examples(members: &[Member]) -> usize {
    members.iter().filter_map(|m| m.scores.iter().next_back()).map(|(example, _)| example + 1).max().unwrap_or(0)
}

/// The objectives that the metric named for any member, in order.
fn objectives(members: &[Member]) -> BTreeSet<&str> {
    members.iter().flat_map(|m| m.objectives.keys()).map(String::as_str).collect()
}

fn by_example(members: &[Member]) -> Vec<Front> {
    pareto::fronts(examples(members), members.iter().map(|m| m.scores.iter()))
}

fn by_objective(members: &[Member]) -> Vec<Front> {
    let names = objectives(members);
    let row = |member: &Member| -> Vec<(usize, f64)> {
        let mean = |(place, name): (usize, &&str)| Some((place, of(member, name).mean()?));
        names.iter().enumerate().filter(|_| member.complete).filter_map(mean).collect()
    };
    pareto::fronts(names.len(), members.iter().map(row))
}

fn by_both(members: &[Member]) -> Vec<Front> {
    let names = objectives(members);
    let row = |member: &Member| -> Vec<(usize, f64)> {
        let scores = |(place, name): (usize, &&str)| {
            let at = |(example, score)| (example * names.len() + place, score);
            of(member, name).iter().map(at).collect::<Vec<_>>()
        };
        names.iter().enumerate().flat_map(scores).collect()
    };
    pareto::fronts(examples(members) * names.len(), members.iter().map(row))
}

/// A member's scores on an objective. A verdict that names no objective, like that on a rollout which
/// failed, stands for each of them.
fn of(member: &Member, objective: &str) -> Scores {
    let named: BTreeSet<usize> = member.objectives.values().flat_map(Scores::iter).map(|(example, _)| example).collect();
    let plain = member.scores.iter().filter(|(example, _)| !named.contains(example));
    let own = member.objectives.get(objective).into_iter().flat_map(Scores::iter);
    own.chain(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::pool::tests_support::member;

    /// Two examples, two objectives; the second rollout of the second candidate failed.
    fn members() -> [Member; 2] {
        let with = |mut m: Member, objectives: &[(&str, &[(usize, f64)])]| {
            let scores = |(name, scores): &(&str, &[(usize, f64)])| ((*name).to_owned(), scores.iter().copied().collect());
            m.objectives = objectives.iter().map(scores).collect();
            m
        };
        [
            with(member(&[0.5, 0.25]), &[("form", &[(0, 1.0), (1, 0.5)]), ("sense", &[(0, 0.0), (1, 0.0)])]),
            with(member(&[0.5, 0.0]), &[("form", &[(0, 0.0)]), ("sense", &[(0, 1.0)])]),
        ]
    }

    #[test]
    fn every_kind_has_its_fronts() {
        let of = |kind| fronts(kind, &members());
        assert_eq!(of(Frontier::Example), [vec![0, 1], vec![0]]);
        assert_eq!(of(Frontier::Objective), [[0], [1]]);
        assert_eq!(of(Frontier::Hybrid), [vec![0, 1], vec![0], vec![0], vec![1]]);
        assert_eq!(of(Frontier::Cartesian), [vec![0], vec![1], vec![0], vec![0, 1]]);
    }

    #[test]
    fn the_mean_of_an_objective_compares_only_full_validations() {
        let [first, second] = members();
        let part = Member { complete: false, ..second };
        assert_eq!(fronts(Frontier::Objective, &[first, part]), [[0], [0]]);
    }
}

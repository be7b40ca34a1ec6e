//! What candidates are compared on: examples, objectives that the metric names, or both.

use std::collections::BTreeSet;

use super::pareto::Fronts;
use crate::config::{Frontier, Preset};
use crate::optimize::{Member, Scores};

/// The fronts of `kind` over all members. Candidates are compared only where they were scored: on
/// the mean of an objective, only those that were validated in full. Where the preset is not the paper's,
/// who scores 0 holds nothing: while most of a task is out of reach, fronts that are shared by all would
/// give the seed nearly the weight of who is far better.
#[must_use]
pub fn fronts(kind: Frontier, preset: Preset, members: &[Member]) -> Fronts {
    let counts = move |(_, score): &(usize, f64)| *score > 0.0 || preset == Preset::Paper;
    if kind == Frontier::Example {
        return Fronts::new(members.len(), |place| members[place].scores.iter().filter(counts));
    }
    let names: BTreeSet<&str> = members.iter().flat_map(|m| m.objectives.keys()).map(String::as_str).collect();
    let examples = members.iter().filter_map(|m| m.scores.iter().next_back()).map(|(e, _)| e + 1).max().unwrap_or(0);
    let rows: Vec<Vec<(usize, f64)>> = members.iter().map(|member| row(kind, member, &names, examples)).collect();
    Fronts::new(members.len(), |place| rows[place].iter().copied().filter(counts))
}

/// What a member is compared on beside plain examples. Of a hybrid, the examples come first.
fn row(kind: Frontier, member: &Member, names: &BTreeSet<&str>, examples: usize) -> Vec<(usize, f64)> {
    let mut row = Vec::new();
    if kind == Frontier::Hybrid {
        row.extend(member.scores.iter());
    }
    for (place, name) in names.iter().enumerate() {
        let scores = of(member, name);
        match kind {
            Frontier::Cartesian => row.extend(scores.iter().map(|(e, score)| (e * names.len() + place, score))),
            Frontier::Hybrid => row.extend(scores.mean().filter(|_| member.complete).map(|mean| (examples + place, mean))),
            _ => row.extend(scores.mean().filter(|_| member.complete).map(|mean| (place, mean))),
        }
    }
    row
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
        let of = |kind| fronts(kind, Preset::Paper, &members()).by_thing();
        assert_eq!(of(Frontier::Example), [vec![0, 1], vec![0]]);
        assert_eq!(of(Frontier::Objective), [[0], [1]]);
        assert_eq!(of(Frontier::Hybrid), [vec![0, 1], vec![0], vec![0], vec![1]]);
        assert_eq!(of(Frontier::Cartesian), [vec![0], vec![1], vec![0], vec![0, 1]]);
    }

    #[test]
    fn who_scores_nothing_holds_nothing_but_on_paper() {
        let members = [member(&[0.0, 0.0, 1.0]), member(&[0.0, 1.0, 0.0])];
        let weights = |preset| fronts(Frontier::Example, preset, &members).weights();
        assert_eq!((weights(Preset::Paper), weights(Preset::Default)), (vec![2, 2], vec![1, 1]));
    }

    #[test]
    fn the_mean_of_an_objective_compares_only_full_validations() {
        let [first, second] = members();
        let part = Member { complete: false, ..second };
        assert_eq!(fronts(Frontier::Objective, Preset::Paper, &[first, part]).by_thing(), [[0], [0]]);
    }
}

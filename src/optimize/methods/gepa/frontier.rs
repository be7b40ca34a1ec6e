//! Which Pareto fronts there are: one for each validation example, as in the paper, for each objective that the metric
//! names, or for both.

use std::collections::BTreeSet;

use super::pareto::Fronts;
use crate::config::{Frontier, Preset};
use crate::data::ExampleIndex;
use crate::evaluate::Scores;
use crate::optimize::pool::Member;

/// Computes the fronts of `kind` over all members. The fronts of the means of objectives have only fully validated
/// members.
///
/// Difference from the paper, unless the preset is `paper`: a member that scores 0 is not on the front. As long as most of
/// a task is out of reach, fronts that all members share would give the seed nearly the weight of much better members.
#[must_use]
pub fn fronts(kind: Frontier, preset: Preset, members: &[Member]) -> Fronts {
    let counts = move |score: f64| score > 0.0 || preset == Preset::Paper;
    if kind == Frontier::Example {
        return Fronts::new(members.len(), |index| {
            members[index].scores.iter().filter(move |(_, score)| counts(*score)).map(|(example, score)| (example.0, score))
        });
    }
    let names: BTreeSet<&str> = members.iter().flat_map(|m| m.objectives.keys()).map(String::as_str).collect();
    let last_examples = members.iter().filter_map(|member| member.scores.iter().next_back());
    let examples = last_examples.map(|(example, _)| example.0 + 1).max().unwrap_or(0);
    let rows: Vec<Vec<(usize, f64)>> = members.iter().map(|member| row(kind, member, &names, examples)).collect();
    Fronts::new(members.len(), |index| rows[index.0].iter().copied().filter(move |(_, score)| counts(*score)))
}

/// Returns the scores of a member as pairs of a front index and a score, for the kinds of fronts that objectives have part
/// in. `names` are the objectives, `examples` the number of validation examples. In a hybrid, the fronts of the examples
/// come first.
fn row(kind: Frontier, member: &Member, names: &BTreeSet<&str>, examples: usize) -> Vec<(usize, f64)> {
    let mut row: Vec<(usize, f64)> = Vec::new();
    if kind == Frontier::Hybrid {
        row.extend(member.scores.iter().map(|(example, score)| (example.0, score)));
    }
    for (objective, name) in names.iter().enumerate() {
        let scores = objective_scores(member, name);
        let mean = scores.mean().filter(|_| member.complete);
        match kind {
            Frontier::Cartesian => {
                row.extend(scores.iter().map(|(example, score)| (example.0 * names.len() + objective, score)));
            }
            Frontier::Hybrid => row.extend(mean.map(|mean| (examples + objective, mean))),
            Frontier::Example | Frontier::Objective => row.extend(mean.map(|mean| (objective, mean))),
        }
    }
    row
}

/// Returns a member's scores on an objective. On an example whose judgement names no objective, as that on a rollout that
/// failed, the plain score counts for each objective.
fn objective_scores(member: &Member, objective: &str) -> Scores {
    let with_objectives: BTreeSet<ExampleIndex> =
        member.objectives.values().flat_map(Scores::iter).map(|(example, _)| example).collect();
    let plain = member.scores.iter().filter(|(example, _)| !with_objectives.contains(example));
    let named = member.objectives.get(objective).into_iter().flat_map(Scores::iter);
    named.chain(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::pool::tests_support::member;
    use crate::program::PoolIndex;

    /// Two examples, two objectives; the second rollout of the second candidate failed.
    fn members() -> [Member; 2] {
        let with = |mut m: Member, objectives: &[(&str, &[f64])]| {
            let scores =
                |(name, scores): &(&str, &[f64])| ((*name).to_owned(), Scores::from_list(scores.iter().copied().map(Some)));
            m.objectives = objectives.iter().map(scores).collect();
            m
        };
        [
            with(member(&[0.5, 0.25]), &[("form", &[1.0, 0.5]), ("sense", &[0.0, 0.0])]),
            with(member(&[0.5, 0.0]), &[("form", &[0.0]), ("sense", &[1.0])]),
        ]
    }

    #[test]
    fn every_kind_has_its_fronts() {
        let by_front = |kind| -> Vec<Vec<usize>> {
            let fronts = fronts(kind, Preset::Paper, &members()).by_front();
            fronts.into_iter().map(|front| front.into_iter().map(|PoolIndex(index)| index).collect()).collect()
        };
        assert_eq!(by_front(Frontier::Example), [vec![0, 1], vec![0]]);
        assert_eq!(by_front(Frontier::Objective), [[0], [1]]);
        assert_eq!(by_front(Frontier::Hybrid), [vec![0, 1], vec![0], vec![0], vec![1]]);
        assert_eq!(by_front(Frontier::Cartesian), [vec![0], vec![1], vec![0], vec![0, 1]]);
    }

    #[test]
    fn a_member_that_scores_0_is_on_no_front_unless_the_preset_is_paper() {
        let members = [member(&[0.0, 0.0, 1.0]), member(&[0.0, 1.0, 0.0])];
        let weights = |preset| fronts(Frontier::Example, preset, &members).weights();
        assert_eq!((weights(Preset::Paper), weights(Preset::Default)), (vec![2, 2], vec![1, 1]));
    }

    #[test]
    fn the_mean_of_an_objective_compares_only_full_validations() {
        let [first, second] = members();
        let part = Member { complete: false, ..second };
        let fronts = fronts(Frontier::Objective, Preset::Paper, &[first, part]).by_front();
        assert_eq!(fronts, [[PoolIndex(0)], [PoolIndex(0)]]);
    }
}

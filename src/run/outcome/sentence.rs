//! What a run found, in one sentence.

use crate::event::StopReason;
use crate::optimize::Pool;
use crate::report::tally::Tally;

/// Returns what the run found, in one sentence; for a run that found nothing, the reason. `best` is the pool index of the best
/// candidate.
pub(super) fn outcome(pool: &Pool, best: usize, tally: &Tally) -> String {
    if best != 0 {
        let gain = pool.members[best].mean() - pool.members[0].mean();
        if gain <= 0.0 {
            return format!("nothing was gained: candidate {best} scores the same as the seed on validation, with fewer tokens");
        }
        return format!("candidate {best} is the best, {gain:+.3} over the seed on validation");
    }
    if pool.stopped == StopReason::SeedIsPerfect {
        return "nothing was learned: the seed scores 1 on every validation example already".into();
    }
    if let (Some(first), Some(last)) = (tally.trials.first(), tally.trials.last()) {
        let trials = tally.trials.len();
        return format!(
            "the prompt stays the same: single answers were attempted again, from {first:.3} to {last:.3} on the training \
             examples in {trials} trials"
        );
    }
    let unusable: u64 = tally.unusable.values().sum();
    let attempts = tally.proposed + unusable;
    if attempts == 0 && tally.perfect_minibatches > 0 {
        return "nothing was learned: the seed was perfect on every minibatch that was drawn".into();
    }
    if attempts == 0 {
        return format!("nothing was learned: nothing was tried, since {}", pool.stopped);
    }
    format!("nothing was learned: of {attempts} attempts, {}", fates(tally, unusable).join(", "))
}

/// Returns what became of the attempts of a run without a better candidate, a clause each.
fn fates(tally: &Tally, unusable: u64) -> Vec<String> {
    let reasons: Vec<String> = tally.unusable.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    let mut clauses = Vec::new();
    if unusable > 0 {
        clauses.push(format!("{unusable} brought nothing to try ({})", reasons.join(", ")));
    }
    if tally.rejected > 0 {
        clauses.push(format!("{} did not pass their minibatch", tally.rejected));
    }
    let passed = tally.accepted + tally.passed_over;
    if tally.tried > 0 {
        let tried = tally.proposed;
        clauses.push(format!("{tried} were scored on a part of the data and {passed} on validation, without a gain"));
    } else if passed > 0 {
        // Only GEPA has a gate.
        let gate = if tally.operators.values().any(|counts| counts.passed > 0) { "passed their minibatch, but " } else { "" };
        clauses.push(format!("{passed} {gate}were no better on validation"));
    }
    clauses
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::optimize::pool::tests_support::member;

    fn seed_only(stopped: StopReason) -> Pool {
        Pool { members: vec![member(&[0.5])], stopped }
    }

    #[test]
    fn a_run_that_learned_nothing_gives_the_reason() {
        let tally =
            Tally { proposed: 2, unusable: BTreeMap::from([("empty", 2), ("repeated", 1)]), rejected: 2, ..Tally::default() };
        assert_eq!(
            outcome(&seed_only(StopReason::BudgetSpent), 0, &tally),
            "nothing was learned: of 5 attempts, 3 brought nothing to try (2 empty, 1 repeated), 2 did not pass their minibatch"
        );
        assert_eq!(
            outcome(&seed_only(StopReason::BudgetSpent), 0, &Tally::default()),
            "nothing was learned: nothing was tried, since the budget does not hold another iteration"
        );
    }
}

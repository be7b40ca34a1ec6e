//! Builds the summary of a run.

use super::sentence::outcome;
use super::tested::TestScores;
use crate::evaluate::scores::mean;
use crate::optimize::session::Spent;
use crate::optimize::{Member, Pool};
use crate::program::PoolIndex;
use crate::report::frontier::{FrontierPoint, frontier};
use crate::report::interval::Interval;
use crate::report::summary::{CurvePoint, EngineSummary, PoolEntry, RoleSeconds, RunnerUp, SearchTokens, Seconds, Summary};
use crate::report::tally::Tally;

/// The note of a run in which no rollout of any candidate scored more than 0.
const NOTHING_SCORED: &str = "no rollout of any candidate scored more than 0: if no answer comes near the right one, no prompt \
    will help; fine-tuning or a larger model can. If the metric may be too strict, read its feedback with `gepard eval --json`";

/// Builds the summary of a run. `elapsed` is the run's clock at the end of the search, in seconds.
pub(crate) fn summarize(pool: &Pool, spent: Spent, tally: Tally, elapsed: f64, test: Option<&TestScores>) -> Summary {
    let best = pool.best();
    let differences = test.map(TestScores::differences);
    let mut usage = spent.task;
    usage += spent.reflection;
    let mut test_seconds = 0.0;
    let mut test_engine = 0.0;
    if let Some(test) = test {
        for tested in [&test.seed, &test.best] {
            usage += tested.usage;
            test_seconds += tested.seconds;
            test_engine += tested.engine;
        }
    }
    let engine = spent.task_seconds + spent.reflection_seconds + spent.judge_seconds;
    Summary {
        seed_score: pool.members[0].mean(),
        best_score: pool.members[best].mean(),
        best_candidate: best,
        test_seed_score: test.and_then(|test| mean(&test.seed.scores)),
        test_best_score: test.and_then(|test| mean(&test.best.scores)),
        test_difference: differences.as_ref().and_then(|differences| {
            let scores: Vec<Option<f64>> = differences.iter().copied().map(Some).collect();
            mean(&scores)
        }),
        test_difference_95: differences.as_deref().and_then(Interval::of_mean),
        outcome: outcome(pool, best.0, &tally),
        notes: (!tally.has_scored).then(|| NOTHING_SCORED.to_owned()).into_iter().collect(),
        iterations: tally.iterations,
        rollouts: spent.rollouts,
        tokens: SearchTokens { task: spent.task.counted(), reflection: spent.reflection.counted() },
        test_rollouts: test.map_or(0, TestScores::rollouts),
        rollouts_reused: spent.reused,
        rollouts_scored: spent.scored,
        rollouts_unscored: spent.metric.unscored + test.map_or(0, TestScores::unscored),
        candidates: pool.members.len(),
        validated_in_part: pool.members.iter().filter(|member| !member.complete).count(),
        reflector_calls: spent.reflections,
        merges: tally.merges,
        merges_rejected: tally.merges_rejected,
        runner_up: runner_up(pool),
        reflections: tally,
        engine: EngineSummary {
            prefill_tokens: usage.prefilled,
            unique_prefill_tokens: usage.unique,
            reused_tokens: usage.reused,
            decode_tokens: usage.decoded,
            reasoning_tokens: usage.reasoned,
            seconds: RoleSeconds {
                task: spent.task_seconds,
                reflection: spent.reflection_seconds,
                judge: spent.judge_seconds,
                test: test_engine,
            },
        },
        servers: Vec::new(),
        seconds: Seconds {
            total: elapsed,
            engine,
            metric: spent.metric_seconds,
            optimizer: (elapsed - engine - spent.metric_seconds).max(0.0),
            test: test_seconds,
        },
        memory: None,
        stopped_because: pool.stopped,
        frontier: frontier(&validated(pool)),
        curve: curve(pool),
        pool: pool.members.iter().enumerate().map(|(index, member)| pool_entry(PoolIndex(index), member)).collect(),
    }
}

fn pool_entry(pool_index: PoolIndex, member: &Member) -> PoolEntry {
    PoolEntry {
        candidate: pool_index,
        parents: member.parents.clone(),
        score: member.mean(),
        validated: member.validated,
        prompt_tokens: member.prompt_tokens,
        worked_examples: member.candidate.0.iter().map(|text| text.shown_demonstrations()).sum(),
        own_layouts: member.candidate.0.iter().filter(|text| text.layout.is_some()).count(),
        rollouts: member.spent,
    }
}

/// Returns score and length of the candidates that were validated in full.
fn validated(pool: &Pool) -> Vec<FrontierPoint> {
    let point = |(index, member): (usize, &Member)| {
        let candidate = PoolIndex(index);
        member.complete.then(|| FrontierPoint { prompt_tokens: member.prompt_tokens, score: member.mean(), candidate })
    };
    pool.members.iter().enumerate().filter_map(point).collect()
}

/// Returns the rises of the best score of the candidates that were validated in full.
fn curve(pool: &Pool) -> Vec<CurvePoint> {
    let mut curve: Vec<CurvePoint> = Vec::new();
    for member in pool.members.iter().filter(|member| member.complete) {
        if curve.last().is_none_or(|best| member.mean() > best.score) {
            curve.push(CurvePoint { rollouts: member.spent, score: member.mean() });
        }
    }
    curve
}

fn runner_up(pool: &Pool) -> Option<RunnerUp> {
    let candidate = pool.runner_up()?;
    let (best, second) = (&pool.members[pool.best()], &pool.members[candidate]);
    let differences: Vec<f64> = best.scores.paired(&second.scores).map(|pair| pair.own - pair.other).collect();
    Some(RunnerUp { candidate, score: second.mean(), difference_95: Interval::of_mean(&differences) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::StopReason;
    use crate::optimize::pool::tests_support::member;

    #[test]
    fn curve_and_frontier_are_of_the_fully_validated_candidates() {
        let candidate = |prompt_tokens, spent, score: f64| Member { prompt_tokens, spent, ..member(&[score, score]) };
        let part = Member { complete: false, ..candidate(1, 20, 1.0) };
        let members = vec![
            candidate(5, 2, 0.25),
            part,
            candidate(9, 30, 0.5),
            candidate(30, 40, 0.5),
            candidate(40, 50, 0.75),
            candidate(4, 60, 0.0),
        ];
        let pool = Pool { members, stopped: StopReason::BudgetSpent };
        let summary = summarize(&pool, Spent::default(), Tally::default(), 0.0, None);
        let rises: Vec<(u64, f64)> = summary.curve.iter().map(|point| (point.rollouts, point.score)).collect();
        assert_eq!(rises, [(2, 0.25), (30, 0.5), (50, 0.75)]);
        assert_eq!(summary.frontier.iter().map(|point| point.candidate.0).collect::<Vec<_>>(), [5, 0, 2, 4]);
    }
}

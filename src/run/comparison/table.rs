//! The result of each optimizer over its runs.

use std::collections::BTreeMap;

use serde::Serialize;

use super::compared_run::ComparedRun;
use crate::config::Method;
use crate::evaluate::scores::mean;
use crate::event::StopReason;
use crate::report::interval::Interval;

/// A mean with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// The 95% interval, over the examples and, if there are several runs, over the runs; None if there are fewer than two examples.
    pub interval: Option<Interval>,
}

/// How far a search had come after a part of its rollouts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurveShare {
    /// The part of the rollouts, in (0, 1].
    pub share: f64,
    /// The best score on the validation examples by then, as a mean over the runs that had validated the seed.
    pub score: f64,
}

/// What a search asked one model: means over the runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct MeanCalls {
    /// The answers of the model.
    pub calls: f64,
    /// Tokens that it read and wrote. A shared beginning of prompts is counted once.
    pub tokens: f64,
}

/// The parts of the rollouts at which a table shows the curve.
const CURVE_SHARES: [f64; 4] = [0.25, 0.5, 0.75, 1.0];

/// A search with fewer iterations than this was ended by its budget before it could show what it does.
const FEW_ITERATIONS: f64 = 3.0;

/// The result of one optimizer: means over its runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MethodResult {
    /// The name of the optimizer, or of the variant of GEPA.
    pub optimizer: &'static str,
    /// The number of runs.
    pub seeds: usize,
    /// The score of the best candidates on the validation examples. Each example counts once, with its mean over the runs.
    pub validation: Option<Estimate>,
    /// The score of the best candidates on the test examples. Each example counts once, with its mean over the runs.
    pub test: Option<Estimate>,
    /// The difference to the first optimizer on the same validation examples; None for the first optimizer.
    pub validation_difference: Option<Estimate>,
    /// The difference to the first optimizer on the same test examples; None for the first optimizer.
    pub test_difference: Option<Estimate>,
    /// The difference to the control `fewshot` on the same test examples, or validation examples if the task has no others; None for
    /// the controls, and if `fewshot` is not compared.
    pub fewshot_difference: Option<Estimate>,
    /// Rollouts of a search.
    pub rollouts: f64,
    /// Requests of a search to reflectors.
    pub calls: f64,
    /// Tokens that a search read and wrote.
    pub tokens: f64,
    /// What a search asked each model, by the model's name in the task file.
    pub models: BTreeMap<String, MeanCalls>,
    /// Minutes of a search.
    pub minutes: f64,
    /// Iterations that a search began.
    pub iterations: f64,
    /// Candidates that a search tried on any examples, the seed not included.
    pub tried: f64,
    /// Tokens of the instructions and demonstrations of the best candidate.
    pub prompt_tokens: f64,
    /// How far the searches had come after parts of their rollouts.
    pub curve: Vec<CurveShare>,
    /// Whether the budget ended a run before its third iteration.
    pub ended_early: bool,
    /// The mean score after each trial, for an optimizer that improves single answers instead of the prompt; otherwise empty.
    pub trials: Vec<f64>,
}

impl MethodResult {
    /// Whether it was compared with `fewshot`, and the interval of the difference is not above 0 or is None.
    #[must_use]
    pub fn does_not_beat_fewshot(&self) -> bool {
        self.fewshot_difference.is_some_and(|difference| difference.interval.is_none_or(|interval| interval.low <= 0.0))
    }
}

/// Scores by example, one list for each run.
type Scores<'r> = Vec<&'r [Option<f64>]>;

/// Returns the result of each optimizer, in the order of their first runs.
#[must_use]
pub fn table(runs: &[ComparedRun]) -> Vec<MethodResult> {
    let mut names: Vec<&'static str> = Vec::new();
    for run in runs {
        if !names.contains(&run.optimizer) {
            names.push(run.optimizer);
        }
    }
    names.iter().map(|name| result(runs, name, &names)).collect()
}

/// Returns the result of one optimizer. `names` are those of all, in order.
fn result(runs: &[ComparedRun], name: &'static str, names: &[&'static str]) -> MethodResult {
    let runs_of = |name: &'static str| runs.iter().filter(move |run| run.optimizer == name);
    let difference_to = |other: Option<&'static str>, part: fn(&ComparedRun) -> &[Option<f64>]| {
        let other = other.filter(|other| *other != name)?;
        let (own, others): (Scores<'_>, Scores<'_>) = (runs_of(name).map(part).collect(), runs_of(other).map(part).collect());
        let differences = own.iter().zip(&others).map(|(own, other)| {
            let pairs = own.iter().zip(*other);
            pairs.map(|(own, other)| Some((*own)? - (*other)?)).collect::<Vec<_>>()
        });
        let differences: Vec<Vec<Option<f64>>> = differences.collect();
        estimate(&differences.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    let (fewshot, label_list) = (Method::Fewshot.name(), Method::LabelList.name());
    let with_control = Some(fewshot).filter(|control| names.contains(control) && name != label_list);
    let seeds = runs_of(name).count();
    let per_run = |value: fn(&ComparedRun) -> f64| runs_of(name).map(value).sum::<f64>() / seeds.max(1) as f64;
    let trials: Vec<&[f64]> = runs_of(name).map(|run| run.summary.reflections.trials.as_slice()).collect();
    let first = names.first().copied();
    MethodResult {
        optimizer: name,
        seeds,
        validation: estimate(&runs_of(name).map(|run| run.validation.as_slice()).collect::<Vec<_>>()),
        test: estimate(&runs_of(name).map(|run| run.test.as_slice()).collect::<Vec<_>>()),
        validation_difference: difference_to(first, |run| &run.validation),
        test_difference: difference_to(first, |run| &run.test),
        fewshot_difference: with_control.and_then(|control| {
            let on_test = difference_to(Some(control), |run| &run.test);
            on_test.or_else(|| difference_to(Some(control), |run| &run.validation))
        }),
        rollouts: per_run(|run| run.summary.rollouts as f64),
        calls: per_run(|run| run.summary.reflector_calls as f64),
        tokens: per_run(|run| run.tokens as f64),
        models: mean_calls(&runs_of(name).collect::<Vec<_>>()),
        minutes: per_run(|run| run.summary.seconds.total / 60.0),
        iterations: per_run(|run| run.summary.iterations as f64),
        tried: per_run(|run| run.summary.reflections.proposed as f64),
        prompt_tokens: per_run(|run| {
            let best = run.summary.pool.get(run.summary.best_candidate.0);
            best.map_or(0.0, |best| best.prompt_tokens as f64)
        }),
        curve: CURVE_SHARES.into_iter().filter_map(|share| curve_at(&runs_of(name).collect::<Vec<_>>(), share)).collect(),
        // The label list has a single iteration by its nature.
        ended_early: name != label_list && runs_of(name).any(is_ended_early),
        trials: mean_trials(&trials),
    }
}

/// Returns what the searches of runs asked each model, as means over the runs.
fn mean_calls(runs: &[&ComparedRun]) -> BTreeMap<String, MeanCalls> {
    let mut means: BTreeMap<String, MeanCalls> = BTreeMap::new();
    let share = 1.0 / runs.len().max(1) as f64;
    for (model, asked) in runs.iter().flat_map(|run| &run.models) {
        let mean = means.entry(model.clone()).or_default();
        mean.calls += asked.calls as f64 * share;
        mean.tokens += asked.tokens as f64 * share;
    }
    means
}

/// Whether the budget ended a run before its third iteration.
fn is_ended_early(run: &ComparedRun) -> bool {
    let by_budget = matches!(run.summary.stopped_because, StopReason::BudgetSpent | StopReason::TimeUp | StopReason::TokensSpent);
    by_budget && (run.summary.iterations as f64) < FEW_ITERATIONS
}

/// Returns how far runs had come after a share of their rollouts; None if no run had validated anything.
fn curve_at(runs: &[&ComparedRun], share: f64) -> Option<CurveShare> {
    let reached = |run: &&ComparedRun| {
        let until = (share * run.summary.rollouts as f64).ceil() as u64;
        run.curve.iter().rev().find(|(rollouts, _)| *rollouts <= until).map(|(_, score)| *score)
    };
    let score = mean(&runs.iter().map(reached).collect::<Vec<_>>())?;
    Some(CurveShare { share, score })
}

/// Returns the mean score after each trial over the runs that had any. A run with fewer trials counts with its last score.
fn mean_trials(runs: &[&[f64]]) -> Vec<f64> {
    let most = runs.iter().map(|trials| trials.len()).max().unwrap_or(0);
    let mean_after = |n: usize| {
        let scores: Vec<Option<f64>> =
            runs.iter().filter_map(|trials| trials.get(n).or(trials.last())).map(|&score| Some(score)).collect();
        mean(&scores)
    };
    (0..most).filter_map(mean_after).collect()
}

/// Returns the mean of each example over the runs that scored it.
fn over_seeds(runs: &[&[Option<f64>]]) -> Vec<Option<f64>> {
    let examples = runs.iter().map(|scores| scores.len()).max().unwrap_or(0);
    let mean_of = |example: usize| mean(&runs.iter().map(|scores| scores.get(example).copied().flatten()).collect::<Vec<_>>());
    (0..examples).map(mean_of).collect()
}

/// Returns the mean of scores with its interval; None if there are none. Each example counts once, with its mean over the runs.
fn estimate(runs: &[&[Option<f64>]]) -> Option<Estimate> {
    let by_example = over_seeds(runs);
    Some(Estimate { mean: mean(&by_example)?, interval: Interval::over_runs(runs) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_counts_once_however_many_seeds_scored_it() {
        let (one, two) = (vec![Some(1.0), Some(0.0), None], vec![Some(0.0), Some(0.0), Some(1.0)]);
        assert_eq!(over_seeds(&[&one, &two]), [Some(0.5), Some(0.0), Some(1.0)]);
        assert_eq!(estimate(&[&[Some(0.5), None]]), Some(Estimate { mean: 0.5, interval: None }));
        assert_eq!(estimate(&[&[None]]), None);
    }

    #[test]
    fn a_run_with_fewer_trials_counts_with_its_last_score() {
        assert_eq!(mean_trials(&[&[0.5, 1.0], &[0.0, 0.25, 0.5], &[]]), [0.25, 0.625, 0.75]);
        assert_eq!(mean_trials(&[&[]]), [0.0; 0]);
    }
}

//! Compares optimizers: runs several on one task, and estimates the differences of their results.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;

use super::optimize::{FinishedRun, optimize_task};
use super::task::Task;
use crate::config::{Method, Plan};
use crate::error::RunError;
use crate::evaluate::scores::mean;
use crate::hooks::Hooks;
use crate::report::Summary;
use crate::report::interval::Interval;
use crate::report::page::comparison::{ComparisonFile, FILE};
use crate::report::page::name_of;
use crate::run_directory::files::{REPORT, write_bytes, write_json};

/// One run of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparedRun {
    /// The optimizer.
    pub optimizer: Method,
    /// The run's seed.
    pub seed: u64,
    /// The run directory.
    pub run: PathBuf,
    /// The best candidate's score on each validation example; None if the metric failed on it.
    pub validation: Vec<Option<f64>>,
    /// The best candidate's score on each test example; None if the metric failed on it. Empty if the task has no test examples.
    pub test: Vec<Option<f64>>,
    /// The best mean on the validation examples so far, each time it rose: the rollouts charged until then, and the mean.
    pub curve: Vec<(u64, f64)>,
    /// Tokens that the search read and wrote, without those of the test evaluations.
    pub tokens: u64,
    /// The figures of the run.
    pub summary: Summary,
}

/// A mean with its interval over the examples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// The 95% interval; None if there are fewer than two examples.
    pub interval: Option<Interval>,
}

/// The result of one optimizer: means over its runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MethodResult {
    /// The optimizer.
    pub optimizer: Method,
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
    /// Minutes of a search.
    pub minutes: f64,
    /// The mean score after each trial, for an optimizer that improves single answers instead of the prompt; otherwise empty.
    pub trials: Vec<f64>,
}

impl MethodResult {
    /// Whether it was compared with `fewshot` and is not better, or not by more than chance explains.
    #[must_use]
    pub fn does_not_beat_fewshot(&self) -> bool {
        self.fewshot_difference.is_some_and(|difference| difference.interval.is_none_or(|interval| interval.low <= 0.0))
    }
}

/// Runs each of `methods` with `seeds` seeds, counted from the plan's, each run in a directory of its own below `folder`. A run that is
/// there already is resumed, or read if it is finished. `on_run` is called with the method and the seed of each run before it begins.
///
/// # Errors
/// [`RunError`] of the first run that fails. The runs before it stay.
pub fn compare_optimizers(
    plan: &Plan,
    methods: &[Method],
    seeds: u64,
    folder: &Path,
    on_run: &mut dyn FnMut(Method, u64),
    hooks: &mut Hooks<'_>,
) -> Result<Vec<ComparedRun>, RunError> {
    let mut runs = Vec::new();
    for seed in (0..seeds).map(|n| plan.optimize.seed + n) {
        for &optimizer in methods {
            on_run(optimizer, seed);
            let mut own = plan.clone();
            (own.optimize.optimizer, own.optimize.seed) = (optimizer, seed);
            let run = folder.join(format!("{}-seed{seed}", optimizer.name()));
            let task = Task::from_plan(&own, hooks)?;
            let FinishedRun { summary, validation, test } = optimize_task(&task, None, &run, hooks)?;
            let tested = test.iter().flat_map(|test| [&test.seed.usage, &test.best.usage]);
            let tested: u64 = tested.map(|usage| usage.prefilled + usage.decoded).sum();
            let tokens = (summary.engine.prefill_tokens + summary.engine.decode_tokens).saturating_sub(tested);
            let curve = summary.curve.iter().map(|point| (point.rollouts, point.score)).collect();
            let test = test.map(|test| test.best.scores).unwrap_or_default();
            runs.push(ComparedRun { optimizer, seed, run, validation, test, curve, tokens, summary });
            // Written after each run, so that a page can be made while others go on.
            write_json(&folder.join(FILE), &comparison_file(&runs))?;
        }
    }
    write_bytes(&folder.join(REPORT), comparison_file(&runs).page(&name_of(folder)).as_bytes())?;
    Ok(runs)
}

/// Returns the content of the file in which the folder of a comparison keeps its result.
fn comparison_file(runs: &[ComparedRun]) -> ComparisonFile {
    ComparisonFile {
        table: table(runs).iter().map(|result| json!(result)).collect(),
        runs: runs.iter().map(|run| json!(run)).collect(),
    }
}

/// Returns the result of each optimizer, in the order of their first runs.
#[must_use]
pub fn table(runs: &[ComparedRun]) -> Vec<MethodResult> {
    let mut methods: Vec<Method> = Vec::new();
    for run in runs {
        if !methods.contains(&run.optimizer) {
            methods.push(run.optimizer);
        }
    }
    let runs_of = |method: Method| runs.iter().filter(move |run| run.optimizer == method);
    let scores =
        |method: Method, part: fn(&ComparedRun) -> &[Option<f64>]| over_seeds(&runs_of(method).map(part).collect::<Vec<_>>());
    let difference_to = |method: Method, other: Option<Method>, part: fn(&ComparedRun) -> &[Option<f64>]| {
        let other = other.filter(|other| *other != method)?;
        let (own, others) = (scores(method, part), scores(other, part));
        let pairs = own.iter().zip(&others).map(|(own, other)| Some((*own)? - (*other)?));
        estimate(&pairs.collect::<Vec<_>>())
    };
    let first = methods.first().copied();
    let fewshot = Some(Method::Fewshot).filter(|method| methods.contains(method));
    let result = |&method: &Method| {
        let seeds = runs_of(method).count();
        let per_run = |value: fn(&ComparedRun) -> f64| runs_of(method).map(value).sum::<f64>() / seeds as f64;
        let trials: Vec<&[f64]> = runs_of(method).map(|run| run.summary.reflections.trials.as_slice()).collect();
        MethodResult {
            optimizer: method,
            seeds,
            validation: estimate(&scores(method, |run| &run.validation)),
            test: estimate(&scores(method, |run| &run.test)),
            validation_difference: difference_to(method, first, |run| &run.validation),
            test_difference: difference_to(method, first, |run| &run.test),
            fewshot_difference: fewshot.filter(|_| method != Method::LabelList).and_then(|_| {
                let on_test = difference_to(method, fewshot, |run| &run.test);
                on_test.or_else(|| difference_to(method, fewshot, |run| &run.validation))
            }),
            rollouts: per_run(|run| run.summary.rollouts as f64),
            calls: per_run(|run| run.summary.reflector_calls as f64),
            tokens: per_run(|run| run.tokens as f64),
            minutes: per_run(|run| run.summary.seconds.total / 60.0),
            trials: mean_trials(&trials),
        }
    };
    methods.iter().map(result).collect()
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

/// Returns the mean of scores with its interval; None if there are none.
fn estimate(scores: &[Option<f64>]) -> Option<Estimate> {
    let known: Vec<f64> = scores.iter().copied().flatten().collect();
    Some(Estimate { mean: mean(scores)?, interval: Interval::of_mean(&known) })
}

/// Returns the optimizers with these names, each once, in the order of `names`.
///
/// # Errors
/// [`RunError::Plan`] for a name that no optimizer has, with the names that there are.
pub fn methods(names: &[String]) -> Result<Vec<Method>, RunError> {
    let by_name: BTreeMap<&str, Method> = Method::ALL.iter().map(|method| (method.name(), *method)).collect();
    let mut methods = Vec::new();
    for name in names {
        let Some(&method) = by_name.get(name.trim()) else {
            let all: Vec<&str> = Method::ALL.iter().map(|method| method.name()).collect();
            return Err(RunError::Plan(format!("there is no optimizer `{}`; there are {}", name.trim(), all.join(", "))));
        };
        if !methods.contains(&method) {
            methods.push(method);
        }
    }
    Ok(methods)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_counts_once_however_many_seeds_scored_it() {
        let (one, two) = (vec![Some(1.0), Some(0.0), None], vec![Some(0.0), Some(0.0), Some(1.0)]);
        assert_eq!(over_seeds(&[&one, &two]), [Some(0.5), Some(0.0), Some(1.0)]);
        assert_eq!(estimate(&[Some(0.5), None]), Some(Estimate { mean: 0.5, interval: None }));
        assert_eq!(estimate(&[None]), None);
    }

    #[test]
    fn a_run_with_fewer_trials_counts_with_its_last_score() {
        assert_eq!(mean_trials(&[&[0.5, 1.0], &[0.0, 0.25, 0.5], &[]]), [0.25, 0.625, 0.75]);
        assert_eq!(mean_trials(&[&[]]), [0.0; 0]);
    }

    #[test]
    fn methods_are_found_by_their_names() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(methods(&names(&["gepa", " opro", "gepa"])).unwrap(), [Method::Gepa, Method::Opro]);
        let error = methods(&names(&["mipro"])).unwrap_err().to_string();
        assert!(error.contains("no optimizer `mipro`") && error.contains("miprov2"), "{error}");
    }
}

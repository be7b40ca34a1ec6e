//! Several optimizers on one task, one after the other, and how they compare.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use serde::Serialize;
use serde_json::json;

use super::{Finished, finish};
use crate::config::{Method, Plan};
use crate::error::RunError;
use crate::evaluate::scores::mean;
use crate::event::Event;
use crate::report::Summary;
use crate::report::interval::Interval;
use crate::report::page::comparison::{ComparisonFile, FILE};
use crate::report::page::name_of;
use crate::run_directory::files::{REPORT, write_bytes, write_json};

/// One run of a contest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Its method.
    pub optimizer: Method,
    /// Its seed.
    pub seed: u64,
    /// Its run directory.
    pub run: PathBuf,
    /// Its answer's score on each validation example; None where the metric failed.
    pub validation: Vec<Option<f64>>,
    /// The same on the test examples; empty where there are none.
    pub test: Vec<Option<f64>>,
    /// The best mean on validation so far, and the rollouts that it took: each time it rose.
    pub curve: Vec<(u64, f64)>,
    /// Tokens that the search read and wrote; those of the test evaluations stand outside, as their rollouts do.
    pub tokens: u64,
    /// Its numbers.
    pub summary: Summary,
}

/// A mean with its 95% interval over the examples, where there are two or more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// Its interval.
    pub interval: Option<Interval>,
}

/// A method's line of the table: means over its seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// The method.
    pub optimizer: Method,
    /// Runs.
    pub seeds: usize,
    /// Its answers on the validation examples, each example's score being the mean over the seeds.
    pub validation: Option<Estimate>,
    /// The same on the test examples.
    pub test: Option<Estimate>,
    /// Its scores less those of the first method on the same validation examples; None for the first itself.
    pub validation_difference: Option<Estimate>,
    /// The same on the test examples.
    pub test_difference: Option<Estimate>,
    /// Rollouts of the search, a run.
    pub rollouts: f64,
    /// Calls of models that write, a run.
    pub calls: f64,
    /// Tokens read and written in the search, a run.
    pub tokens: f64,
    /// Minutes of the search, a run.
    pub minutes: f64,
    /// Scores after each trial, of a method that improves single answers and not the prompt: the mean over its runs.
    pub trials: Vec<f64>,
}

/// Runs each method with each of `seeds` seeds, counted from the plan's, in a directory of its own below `folder`. A run that
/// is there goes on; one that is finished is read. `begun` hears which one is next.
///
/// # Errors
/// [`RunError`] of the first that fails; what is done stays.
pub fn contest(
    plan: &Plan,
    methods: &[Method],
    seeds: u64,
    folder: &Path,
    interrupted: &AtomicBool,
    begun: &mut dyn FnMut(Method, u64),
    listener: &mut dyn FnMut(&Event),
) -> Result<Vec<Entry>, RunError> {
    let mut entries = Vec::new();
    for seed in (0..seeds).map(|n| plan.optimize.seed + n) {
        for &optimizer in methods {
            begun(optimizer, seed);
            let mut own = plan.clone();
            (own.optimize.optimizer, own.optimize.seed) = (optimizer, seed);
            let run = folder.join(format!("{}-seed{seed}", optimizer.name()));
            let (program, metric) = (super::program_and_tell(&own, listener)?, super::metric(&own));
            let Finished { summary, validation, test, curve } = finish(&own, &program, &*metric, &run, interrupted, listener)?;
            let tested = test.iter().flat_map(|test| [&test.seed.usage, &test.best.usage]);
            let tested: u64 = tested.map(|usage| usage.prefilled + usage.decoded).sum();
            let tokens = (summary.engine.prefill_tokens + summary.engine.decode_tokens).saturating_sub(tested);
            let test = test.map(|test| test.best.scores).unwrap_or_default();
            entries.push(Entry { optimizer, seed, run, validation, test, curve, tokens, summary });
            // After each, so that a page can be made while others go on.
            write_json(&folder.join(FILE), &comparison_file(&entries))?;
        }
    }
    write_bytes(&folder.join(REPORT), comparison_file(&entries).page(&name_of(folder)).as_bytes())?;
    Ok(entries)
}

/// Returns what the folder of a comparison keeps of it.
fn comparison_file(entries: &[Entry]) -> ComparisonFile {
    ComparisonFile {
        table: table(entries).iter().map(|standing| json!(standing)).collect(),
        runs: entries.iter().map(|entry| json!(entry)).collect(),
    }
}

/// The table: a line for each method, in the order of the entries.
#[must_use]
pub fn table(entries: &[Entry]) -> Vec<Standing> {
    let mut methods: Vec<Method> = Vec::new();
    for entry in entries {
        if !methods.contains(&entry.optimizer) {
            methods.push(entry.optimizer);
        }
    }
    let of = |method: Method| entries.iter().filter(move |entry| entry.optimizer == method);
    let scores = |method: Method, part: fn(&Entry) -> &[Option<f64>]| over_seeds(&of(method).map(part).collect::<Vec<_>>());
    let difference = |method: Method, part: fn(&Entry) -> &[Option<f64>]| {
        let first = *methods.first().filter(|first| **first != method)?;
        let (own, others) = (scores(method, part), scores(first, part));
        let pairs = own.iter().zip(&others).map(|(own, other)| Some((*own)? - (*other)?));
        estimate(&pairs.collect::<Vec<_>>())
    };
    let standing = |&method: &Method| {
        let seeds = of(method).count();
        let each = |value: fn(&Summary) -> f64| of(method).map(|entry| value(&entry.summary)).sum::<f64>() / seeds as f64;
        let attempts = of(method).map(|entry| entry.summary.reflections.trials.as_slice());
        let trials = trials(&attempts.collect::<Vec<_>>());
        Standing {
            optimizer: method,
            seeds,
            validation: estimate(&scores(method, |entry| &entry.validation)),
            test: estimate(&scores(method, |entry| &entry.test)),
            validation_difference: difference(method, |entry| &entry.validation),
            test_difference: difference(method, |entry| &entry.test),
            rollouts: each(|summary| summary.rollouts as f64),
            calls: each(|summary| summary.reflector_calls as f64),
            tokens: of(method).map(|entry| entry.tokens as f64).sum::<f64>() / seeds as f64,
            minutes: each(|summary| summary.seconds.total / 60.0),
            trials,
        }
    };
    methods.iter().map(standing).collect()
}

/// Means after each trial over the runs that had any; one that was done earlier stays where it ended.
fn trials(runs: &[&[f64]]) -> Vec<f64> {
    let most = runs.iter().map(|trials| trials.len()).max().unwrap_or(0);
    let after = |n: usize| {
        let scores: Vec<Option<f64>> =
            runs.iter().filter_map(|trials| trials.get(n).or(trials.last())).map(|&score| Some(score)).collect();
        mean(&scores)
    };
    (0..most).filter_map(after).collect()
}

/// Each example's mean over the runs that scored it.
fn over_seeds(runs: &[&[Option<f64>]]) -> Vec<Option<f64>> {
    let examples = runs.iter().map(|scores| scores.len()).max().unwrap_or(0);
    let of = |example: usize| mean(&runs.iter().map(|scores| scores.get(example).copied().flatten()).collect::<Vec<_>>());
    (0..examples).map(of).collect()
}

fn estimate(scores: &[Option<f64>]) -> Option<Estimate> {
    let known: Vec<f64> = scores.iter().copied().flatten().collect();
    Some(Estimate { mean: mean(scores)?, interval: Interval::of_mean(&known) })
}

/// Methods by their names, each once, in their order.
///
/// # Errors
/// [`RunError::Plan`] with the names that there are.
pub fn methods(names: &[String]) -> Result<Vec<Method>, RunError> {
    let known: BTreeMap<&str, Method> = Method::ALL.iter().map(|method| (method.name(), *method)).collect();
    let mut methods = Vec::new();
    for name in names {
        let Some(&method) = known.get(name.trim()) else {
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
    fn a_run_that_was_done_earlier_stays_where_it_ended() {
        assert_eq!(trials(&[&[0.5, 1.0], &[0.0, 0.25, 0.5], &[]]), [0.25, 0.625, 0.75]);
        assert_eq!(trials(&[&[]]), [0.0; 0]);
    }

    #[test]
    fn methods_are_known_by_their_names() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(methods(&names(&["gepa", " opro", "gepa"])).unwrap(), [Method::Gepa, Method::Opro]);
        let error = methods(&names(&["mipro"])).unwrap_err().to_string();
        assert!(error.contains("no optimizer `mipro`") && error.contains("miprov2"), "{error}");
    }
}

//! Runs compared with each other, on the examples that they have in common.

use crate::program::PoolIndex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::history::{History, SeenExample, split_index};
use super::outcome::Outcome;
use super::paired::Paired;
use crate::data::split::Split;
use crate::run_directory::RunDirectoryError;

/// Several runs, each compared with the first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The runs, in the order given.
    pub runs: Vec<ComparedRun>,
    /// The best candidate of each run but the first, compared with that of the first, on the test and on the validation
    /// examples.
    pub pairs: Vec<ComparedPair>,
    /// Why scores cannot be compared, or only with caution, a sentence each.
    pub warnings: Vec<String>,
}

/// The figures of one run. Scores are means in [0, 1].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparedRun {
    /// The run directory.
    pub run: PathBuf,
    /// Whether the run is finished.
    pub finished: bool,
    /// The seed's score on the validation examples; None before it was scored.
    pub seed_score: Option<f64>,
    /// The best candidate's score on the validation examples; None before the seed was scored.
    pub best_score: Option<f64>,
    /// The pool index of the best candidate; None before the seed was scored.
    pub best_candidate: Option<PoolIndex>,
    /// The seed's score on the test examples that it and the best candidate have a score on; None if there are none.
    pub test_seed_score: Option<f64>,
    /// The best candidate's score on these test examples; None if there are none.
    pub test_best_score: Option<f64>,
    /// Rollouts charged to the budget.
    pub rollouts: u64,
    /// Candidates in the pool.
    pub candidates: usize,
    /// Seconds of work on the search.
    pub seconds: f64,
}

/// The best candidates of two runs on the same examples of one split.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparedPair {
    /// The split.
    pub split: Split,
    /// The index of the run that is compared with the first run.
    pub second: usize,
    /// The comparison; None if the runs have no example in common.
    pub paired: Option<Paired>,
    /// The number of examples that are left out because the runs have different inputs under the same id.
    pub other_content: usize,
}

/// Reads runs and compares each with the first.
///
/// # Errors
/// [`RunDirectoryError`] of the first run that cannot be read.
pub fn compare(folders: &[PathBuf]) -> Result<Comparison, RunDirectoryError> {
    let histories = folders.iter().map(|folder| History::read(folder)).collect::<Result<Vec<_>, _>>()?;
    let runs = folders.iter().zip(&histories).map(|(folder, history)| compared_run(folder, history)).collect();
    let mut pairs = Vec::new();
    let mut warnings = Vec::new();
    for second in 1..histories.len() {
        warnings.extend(fingerprint_warnings(folders, &histories, second));
        for split in [Split::Test, Split::Val] {
            let pair = compared_pair(&histories, second, split);
            warnings.extend(pair_warnings(folders, &histories, &pair));
            pairs.push(pair);
        }
    }
    Ok(Comparison { runs, pairs, warnings })
}

fn compared_run(folder: &Path, history: &History) -> ComparedRun {
    let outcome = Outcome::new(history);
    let mean = |pool_index: Option<PoolIndex>| Some(history.members.get(pool_index?.0)?.mean);
    ComparedRun {
        run: folder.to_owned(),
        finished: history.end.is_some(),
        seed_score: mean(Some(PoolIndex::SEED)),
        best_score: mean(outcome.best),
        best_candidate: outcome.best,
        test_seed_score: outcome.test.as_ref().map(|test| test.first),
        test_best_score: outcome.test.as_ref().map(|test| test.second),
        rollouts: history.rollouts,
        candidates: history.members.len(),
        seconds: history.spending.search,
    }
}

fn compared_pair(histories: &[History], second: usize, split: Split) -> ComparedPair {
    let (a, b) = (&histories[0], &histories[second]);
    let (mut scores_a, scores_b) = (best_scores(a, split), best_scores(b, split));
    let differing = ids_with_other_inputs(a, b, split);
    let before = scores_a.len();
    scores_a.retain(|id, _| !differing.contains(id));
    ComparedPair { split, second, paired: Paired::new(&scores_a, &scores_b), other_content: before - scores_a.len() }
}

/// Returns the scores of a run's best candidate by example id.
fn best_scores(history: &History, split: Split) -> BTreeMap<&str, Option<f64>> {
    history.best().map(|best| history.scores(best, split)).unwrap_or_default()
}

/// Returns the ids of `a` under which the runs have different examples: a field of the same name has different texts, or no
/// field has the same name.
fn ids_with_other_inputs<'a>(a: &'a History, b: &History, split: Split) -> BTreeSet<&'a str> {
    let of_b: BTreeMap<&str, &SeenExample> = b.examples[split_index(split)].iter().map(|seen| (seen.id.as_str(), seen)).collect();
    let differs = |seen: &&'a SeenExample| {
        let Some(other) = of_b.get(seen.id.as_str()) else { return false };
        let other: BTreeMap<&str, &str> =
            other.inputs.iter().map(|(name, text)| (b.texts.get(*name), b.texts.get(*text))).collect();
        let fields = seen.inputs.iter().map(|(name, text)| (a.texts.get(*name), a.texts.get(*text)));
        let shared: Vec<(&str, &str)> = fields.filter_map(|(name, text)| Some((text, *other.get(name)?))).collect();
        let has_no_field_in_common = shared.is_empty() && !seen.inputs.is_empty() && !other.is_empty();
        has_no_field_in_common || shared.iter().any(|(text_a, text_b)| text_a != text_b)
    };
    a.examples[split_index(split)].iter().filter(differs).map(|seen| seen.id.as_str()).collect()
}

/// Returns the differences between the metrics and data of two runs, a sentence each.
fn fingerprint_warnings(folders: &[PathBuf], histories: &[History], second: usize) -> Vec<String> {
    let (a, b) = (&histories[0].fingerprint, &histories[second].fingerprint);
    let names = format!("{} and {}", folders[0].display(), folders[second].display());
    let differs = |key: &str| a.get(key) != b.get(key);
    let mut warnings = Vec::new();
    let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let is_of_metric = |key: &str| key == "metric" || key.starts_with("metric.");
    let metric: Vec<&str> = keys.into_iter().map(String::as_str).filter(|key| is_of_metric(key) && differs(key)).collect();
    if !metric.is_empty() {
        warnings.push(format!("{names} have different metrics ({}): their scores cannot be compared", metric.join(", ")));
    }
    for split in [Split::Test, Split::Val] {
        let key = format!("data.{split}.sha256");
        if a.contains_key(&key) && b.contains_key(&key) && differs(&key) {
            warnings.push(format!(
                "{names} have different {split} data: only examples with the same id and the same inputs are compared, and their \
                 expected answers may differ"
            ));
        }
    }
    // Without a validation file, the validation examples are split off from the training data.
    let has_no_validation_file = |fingerprint: &BTreeMap<String, String>| !fingerprint.contains_key("data.val.sha256");
    if (has_no_validation_file(a) || has_no_validation_file(b)) && differs("data.train.sha256") {
        warnings.push(format!(
            "{names} have different training data, from which validation examples were taken: the expected answers of examples \
             with the same id may differ"
        ));
    }
    warnings
}

/// Returns why a pair has no comparison, or does not compare all examples, a sentence each.
fn pair_warnings(folders: &[PathBuf], histories: &[History], pair: &ComparedPair) -> Vec<String> {
    let mut warnings = Vec::new();
    let runs = [0, pair.second];
    let without_scores: Vec<usize> =
        runs.into_iter().filter(|&run| best_scores(&histories[run], pair.split).is_empty()).collect();
    for &run in &without_scores {
        warnings.push(format!("{} has no {} scores of its best candidate", folders[run].display(), pair.split));
    }
    if without_scores.is_empty() && pair.paired.is_none() {
        let names = runs.map(|run| folders[run].display().to_string());
        warnings.push(format!("{} have no {} example in common", names.join(" and "), pair.split));
    }
    if pair.other_content > 0 {
        let (first, second) = (folders[0].display(), folders[pair.second].display());
        let (split, count) = (pair.split, pair.other_content);
        let names = if count == 1 { "1 id names".to_owned() } else { format!("{count} ids name") };
        warnings.push(format!("{names} another {split} example in {first} than in {second}; these examples are left out"));
    }
    warnings
}

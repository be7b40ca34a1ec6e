//! Runs side by side, paired on the examples that they have in common.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::history::{History, Seen, place_of};
use super::outcome::Outcome;
use super::paired::Paired;
use crate::data::split::Split;
use crate::journal::JournalError;

/// Runs, each compared with the first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The runs, in the order given.
    pub runs: Vec<Side>,
    /// The best of the first against the best of each other, on test and on validation.
    pub pairs: Vec<Pair>,
    /// Why figures cannot be compared, or only with care.
    pub warnings: Vec<String>,
}

/// A run in a line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Side {
    /// Its directory.
    pub run: PathBuf,
    /// Whether it came to its end.
    pub finished: bool,
    /// The seed on validation; None before it was scored.
    pub seed_score: Option<f64>,
    /// Its best on validation.
    pub best_score: Option<f64>,
    /// That one's place in the pool.
    pub best_candidate: Option<usize>,
    /// Its seed on test, on the examples on which both were scored.
    pub test_seed_score: Option<f64>,
    /// Its best on test.
    pub test_best_score: Option<f64>,
    /// Rollouts charged.
    pub rollouts: u64,
    /// Candidates in the pool.
    pub candidates: usize,
    /// Seconds of work on the search.
    pub seconds: f64,
}

/// Two runs' best candidates on the same examples.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// The data.
    pub split: Split,
    /// The place of the run that is compared with the first.
    pub second: usize,
    /// The comparison, the second less the first; None where there is no common example.
    pub paired: Option<Paired>,
    /// Examples with the same id that are left out, since the two runs read different things under it.
    pub other_content: usize,
}

/// Reads runs and compares them with the first.
///
/// # Errors
/// [`JournalError`] of the first that cannot be read.
pub fn compare(folders: &[PathBuf]) -> Result<Comparison, JournalError> {
    let histories = folders.iter().map(|folder| History::read(folder)).collect::<Result<Vec<_>, _>>()?;
    let runs: Vec<Side> = folders.iter().zip(&histories).map(|(folder, history)| side(folder, history)).collect();
    let mut pairs = Vec::new();
    let mut warnings = Vec::new();
    for second in 1..histories.len() {
        warnings.extend(differences(folders, &histories, second));
        for split in [Split::Test, Split::Val] {
            let pair = pair(&histories, second, split);
            warnings.extend(missing(folders, &histories, &pair));
            pairs.push(pair);
        }
    }
    Ok(Comparison { runs, pairs, warnings })
}

fn side(folder: &Path, history: &History) -> Side {
    let outcome = Outcome::of(history);
    let mean = |place: Option<usize>| place.and_then(|place| history.members.get(place)).map(|member| member.mean);
    Side {
        run: folder.to_owned(),
        finished: history.end.is_some(),
        seed_score: mean(Some(0)),
        best_score: mean(outcome.best),
        best_candidate: outcome.best,
        test_seed_score: outcome.test.as_ref().map(|test| test.first),
        test_best_score: outcome.test.as_ref().map(|test| test.second),
        rollouts: history.rollouts,
        candidates: history.members.len(),
        seconds: history.spending.search,
    }
}

fn pair(histories: &[History], second: usize, split: Split) -> Pair {
    let (a, b) = (&histories[0], &histories[second]);
    let (mut first, others) = (best_scores(a, split), best_scores(b, split));
    let other: BTreeSet<&str> = other_content(a, b, split);
    let before = first.len();
    first.retain(|id, _| !other.contains(id));
    Pair { split, second, paired: Paired::of(&first, &others), other_content: before - first.len() }
}

fn best_scores(history: &History, split: Split) -> BTreeMap<&str, Option<f64>> {
    history.best().map(|best| history.scores(best, split)).unwrap_or_default()
}

/// Ids under which both runs read a field of the same name, but not the same text; or no field of the same name at all.
fn other_content<'a>(a: &'a History, b: &History, split: Split) -> BTreeSet<&'a str> {
    let place = place_of(split);
    let of_b: BTreeMap<&str, &Seen> = b.examples[place].iter().map(|seen| (seen.id.as_str(), seen)).collect();
    let differs = |seen: &&'a Seen| {
        let Some(other) = of_b.get(seen.id.as_str()) else { return false };
        let other: BTreeMap<&str, &str> =
            other.inputs.iter().map(|(name, text)| (b.texts.get(*name), b.texts.get(*text))).collect();
        let fields = seen.inputs.iter().map(|(name, text)| (a.texts.get(*name), a.texts.get(*text)));
        let shared: Vec<(&str, &str)> = fields.filter_map(|(name, text)| Some((text, *other.get(name)?))).collect();
        // Two that have no field in common are of two tasks.
        let is_of_another = shared.is_empty() && !seen.inputs.is_empty() && !other.is_empty();
        is_of_another || shared.iter().any(|(text, theirs)| text != theirs)
    };
    a.examples[place].iter().filter(differs).map(|seen| seen.id.as_str()).collect()
}

/// What makes the figures of two runs hard to compare.
fn differences(folders: &[PathBuf], histories: &[History], second: usize) -> Vec<String> {
    let (a, b) = (&histories[0].fingerprint, &histories[second].fingerprint);
    let names = format!("{} and {}", folders[0].display(), folders[second].display());
    let differs = |key: &str| a.get(key) != b.get(key);
    let mut words = Vec::new();
    let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let metric = |key: &&&String| key.as_str() == "metric" || key.starts_with("metric.");
    let metric: Vec<&str> = keys.iter().filter(metric).filter(|key| differs(key)).map(|key| key.as_str()).collect();
    if !metric.is_empty() {
        words.push(format!("{names} have different metrics ({}): their scores are not on one scale", metric.join(", ")));
    }
    for split in [Split::Test, Split::Val] {
        let key = format!("data.{split}.sha256");
        if a.contains_key(&key) && b.contains_key(&key) && differs(&key) {
            words.push(format!(
                "{names} have different {split} data: only examples with the same id and the same inputs are compared, and what \
                 is expected of these may differ"
            ));
        }
    }
    // Where the validation rows are split off from these, they are what is compared.
    let train = "data.train.sha256";
    let is_split_off = |of: &BTreeMap<String, String>| !of.contains_key("data.val.sha256");
    if (is_split_off(a) || is_split_off(b)) && differs(train) {
        words.push(format!(
            "{names} have different training data, and validation rows from it: what is expected of examples with the same id may \
             differ"
        ));
    }
    words
}

/// Why there is nothing to compare, or not all.
fn missing(folders: &[PathBuf], histories: &[History], pair: &Pair) -> Vec<String> {
    let mut words = Vec::new();
    let sides = [0, pair.second];
    let empty: Vec<usize> = sides.into_iter().filter(|&side| best_scores(&histories[side], pair.split).is_empty()).collect();
    for &side in &empty {
        words.push(format!("{} has no {} scores of its best candidate", folders[side].display(), pair.split));
    }
    if empty.is_empty() && pair.paired.is_none() {
        let names = sides.map(|side| folders[side].display().to_string());
        words.push(format!("{} have no {} example in common", names.join(" and "), pair.split));
    }
    if pair.other_content > 0 {
        let (first, second) = (folders[0].display(), folders[pair.second].display());
        let ids = if pair.other_content == 1 { "1 id stands".to_owned() } else { format!("{} ids stand", pair.other_content) };
        words.push(format!("{ids} for another {} example in {first} than in {second}; these are left out", pair.split));
    }
    words
}

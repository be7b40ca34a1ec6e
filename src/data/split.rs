//! Train, validation and test: which rows each has, and that test rows stand nowhere else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{DataError, Dataset, Example};
use crate::hash::{number, sha256_hex};

/// The most rows that are taken from the training data for validation.
const MOST_VALIDATION: usize = 100;

/// Which data a rollout ran on. Part of every cache key: ids of two splits may be equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// What reflection may read.
    Train,
    /// What selects candidates; never shown to a model that writes prompts.
    Val,
    /// What nothing but the final score sees.
    Test,
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        })
    }
}

/// All examples of a run.
#[derive(Debug)]
pub struct Splits {
    /// Reflection reads these.
    pub train: Vec<Example>,
    /// Selection reads these.
    pub val: Vec<Example>,
    /// The final score reads these; empty where the task has no test data.
    pub test: Vec<Example>,
    /// Whether `val` was taken from the training data.
    pub val_from_train: bool,
    /// Content hashes by split, for the journal's fingerprint.
    pub hashes: Vec<(String, String)>,
}

impl Splits {
    /// The examples of a split.
    #[must_use]
    pub fn of(&self, split: Split) -> &[Example] {
        match split {
            Split::Train => &self.train,
            Split::Val => &self.val,
            Split::Test => &self.test,
        }
    }
}

/// Where the data is.
#[derive(Debug, Clone)]
pub struct Files {
    /// Training data.
    pub train: PathBuf,
    /// Validation data; left out, it is taken from the training data.
    pub val: Option<PathBuf>,
    /// Test data.
    pub test: Option<PathBuf>,
    /// Whether test rows may stand in the other files.
    pub allow_overlap: bool,
}

/// Reads and checks all rows. `required` fields must be in every row; `inputs` are those by which
/// two rows are the same question.
///
/// # Errors
/// [`DataError`] for the first file or row that cannot be used, an empty split, or test rows that
/// stand in the other splits.
pub fn load(files: &Files, required: &[String], inputs: &[String]) -> Result<Splits, DataError> {
    let mut hashes = Vec::new();
    let mut read = |split: Split, path: &Path| {
        let data = Dataset::open(path, None)?;
        hashes.push((format!("data.{split}.sha256"), data.sha256()));
        data.check(required)
    };
    let train = read(Split::Train, &files.train)?;
    let val = files.val.as_deref().map(|path| read(Split::Val, path)).transpose()?;
    let test = files.test.as_deref().map(|path| read(Split::Test, path)).transpose()?;

    let empty = |path: &Path, need| DataError::Empty { path: path.to_owned(), need };
    if train.is_empty() {
        return Err(empty(&files.train, "reflection reads training examples"));
    }
    if let (Some(path), Some([])) = (&files.val, val.as_deref()) {
        return Err(empty(path, "candidates are compared on validation examples; leave `val` out to use part of train"));
    }
    if let (Some(path), Some([])) = (&files.test, test.as_deref()) {
        return Err(empty(path, "leave `test` out if there is no test data"));
    }
    if let (Some(path), Some(test), false) = (&files.test, &test, files.allow_overlap) {
        refuse_overlap(path, test, &files.train, &train, inputs)?;
        if let (Some(other), Some(val)) = (&files.val, &val) {
            refuse_overlap(path, test, other, val, inputs)?;
        }
    }
    let val_from_train = val.is_none();
    let (train, val) = match val {
        Some(val) => (train, val),
        None => carve(train, &files.train)?,
    };
    Ok(Splits { train, val, test: test.unwrap_or_default(), val_from_train, hashes })
}

/// Takes half of the rows, at most 100, for validation: those whose ids hash lowest, so that the
/// choice depends on the data alone.
fn carve(rows: Vec<Example>, path: &Path) -> Result<(Vec<Example>, Vec<Example>), DataError> {
    let count = (rows.len() / 2).min(MOST_VALIDATION);
    if count == 0 {
        return Err(DataError::Empty {
            path: path.to_owned(),
            need: "at least two rows are needed to split off a validation set",
        });
    }
    let mut ranked: Vec<(u64, usize)> = rows.iter().enumerate().map(|(i, e)| (number(&["val", &e.id]), i)).collect();
    ranked.sort_unstable();
    let chosen: std::collections::BTreeSet<usize> = ranked.iter().take(count).map(|&(_, i)| i).collect();
    let (mut train, mut val) = (Vec::new(), Vec::new());
    for (index, row) in rows.into_iter().enumerate() {
        if chosen.contains(&index) { val.push(row) } else { train.push(row) }
    }
    Ok((train, val))
}

fn refuse_overlap(
    test_path: &Path,
    test: &[Example],
    other_path: &Path,
    other: &[Example],
    inputs: &[String],
) -> Result<(), DataError> {
    let key = |example: &Example| {
        let values: Vec<String> = inputs.iter().map(|f| example.text(f).unwrap_or_default()).collect();
        sha256_hex(serde_json::json!(values).to_string().as_bytes())
    };
    let known: BTreeMap<String, ()> = other.iter().map(|e| (key(e), ())).collect();
    let same: Vec<&Example> = test.iter().filter(|e| known.contains_key(&key(e))).collect();
    match same.first() {
        None => Ok(()),
        Some(first) => Err(DataError::Overlap {
            test: test_path.to_owned(),
            other: other_path.to_owned(),
            count: same.len(),
            first: first.id.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(ids: &[u32]) -> Vec<Example> {
        ids.iter().map(|id| Example { id: id.to_string(), fields: serde_json::Map::new() }).collect()
    }

    proptest! {
        #[test]
        fn carving_depends_on_ids_alone(count in 2_u32..400) {
            let forward: Vec<u32> = (0..count).collect();
            let backward: Vec<u32> = (0..count).rev().collect();
            let (train, val) = carve(rows(&forward), Path::new("t")).unwrap();
            let (_, val_backward) = carve(rows(&backward), Path::new("t")).unwrap();
            prop_assert_eq!(val.len(), (count as usize / 2).min(100));
            prop_assert_eq!(train.len() + val.len(), count as usize);
            let ids = |v: &[Example]| v.iter().map(|e| e.id.clone()).collect::<std::collections::BTreeSet<_>>();
            prop_assert_eq!(ids(&val), ids(&val_backward));
            prop_assert!(ids(&train).is_disjoint(&ids(&val)));
        }
    }

    #[test]
    fn one_row_cannot_be_split() {
        assert!(matches!(carve(rows(&[1]), Path::new("t")), Err(DataError::Empty { .. })));
    }
}

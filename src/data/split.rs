//! Train, validation and test: which rows each has, and that test rows stand nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

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
        hashes.push((format!("data.{split}.sha256"), data.sha256()?));
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

/// Takes a part of the rows for validation, by [`chosen`].
fn carve(rows: Vec<Example>, path: &Path) -> Result<(Vec<Example>, Vec<Example>), DataError> {
    let chosen = chosen(rows.len(), path, |index| Ok(rows[index].id.clone()))?;
    let (mut train, mut val) = (Vec::new(), Vec::new());
    for (index, row) in rows.into_iter().enumerate() {
        if chosen.contains(&index) { val.push(row) } else { train.push(row) }
    }
    Ok((train, val))
}

/// The first `limit` rows of training (or of validation, where `split` says so) of a file that validation is taken from, as
/// [`load`] divides it. Of the other rows nothing but the id is read, and they are not checked.
///
/// # Errors
/// [`DataError`] for the first row that cannot be used, or too few of them.
pub fn carved(path: &Path, split: Split, limit: Option<usize>, required: &[String]) -> Result<Vec<Example>, DataError> {
    let data = Dataset::open(path, None)?;
    let chosen = chosen(data.len(), path, |index| data.id(index))?;
    let rows = (0..data.len()).filter(|index| chosen.contains(index) == (split == Split::Val));
    data.check_rows(rows.take(limit.unwrap_or(usize::MAX)), required)
}

/// Which of `count` rows are for validation: half of them, at most 100, those whose ids hash lowest, so that the choice depends
/// on the data alone.
fn chosen(
    count: usize,
    path: &Path,
    id: impl Fn(usize) -> Result<String, DataError> + Sync,
) -> Result<BTreeSet<usize>, DataError> {
    let most = (count / 2).min(MOST_VALIDATION);
    if most == 0 {
        return Err(DataError::Empty {
            path: path.to_owned(),
            need: "at least two rows are needed to split off a validation set",
        });
    }
    let lowest = |mut a: BTreeSet<(u64, usize)>, b: BTreeSet<(u64, usize)>| {
        a.extend(b);
        while a.len() > most {
            a.pop_last();
        }
        a
    };
    let add = |known: BTreeSet<(u64, usize)>, index: usize| {
        let ranked = (number(&["val", &id(index)?]), index);
        Ok(lowest(known, BTreeSet::from([ranked])))
    };
    let ranked: Result<_, DataError> =
        (0..count).into_par_iter().try_fold(BTreeSet::new, add).try_reduce(BTreeSet::new, |a, b| Ok(lowest(a, b)));
    // Of several bad rows, the first is told, whichever thread was faster.
    let ranked = ranked.map_err(|error| (0..count).find_map(|index| id(index).err()).unwrap_or(error))?;
    Ok(ranked.into_iter().map(|(_, index)| index).collect())
}

fn refuse_overlap(
    test_path: &Path,
    test: &[Example],
    other_path: &Path,
    other: &[Example],
    inputs: &[String],
) -> Result<(), DataError> {
    let key = |example: &Example| {
        let values: Vec<String> = inputs.iter().map(|f| example.input(f).unwrap_or_default()).collect();
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
    fn a_part_of_the_rows_is_the_same_as_of_all() {
        let folder = tempfile::tempdir().unwrap();
        let train = folder.path().join("train.jsonl");
        let rows: Vec<String> = (0..300).map(|n| format!(r#"{{"q": "{n}", "id": "{}"}}"#, n * 7)).collect();
        std::fs::write(&train, rows.join("\n")).unwrap();
        let files = Files { train: train.clone(), val: None, test: None, allow_overlap: false };
        let whole = load(&files, &[], &["q".into()]).unwrap();
        for split in [Split::Train, Split::Val] {
            assert_eq!(carved(&train, split, None, &[]).unwrap(), whole.of(split));
            assert_eq!(carved(&train, split, Some(7), &[]).unwrap(), whole.of(split)[..7]);
        }
    }

    #[test]
    fn of_bad_rows_the_first_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let train = folder.path().join("train.jsonl");
        let rows: Vec<String> = (0..300).map(|n| if n % 100 == 50 { "{".into() } else { format!(r#"{{"id": {n}}}"#) }).collect();
        std::fs::write(&train, rows.join("\n")).unwrap();
        let error = carved(&train, Split::Val, Some(1), &[]).unwrap_err().to_string();
        assert!(error.contains("train.jsonl:51: not valid JSON"), "{error}");
    }

    #[test]
    fn one_row_cannot_be_split() {
        assert!(matches!(carve(rows(&[1]), Path::new("t")), Err(DataError::Empty { .. })));
    }
}

//! The splits of a task's data: training, validation and test examples. Test rows must not stand in the other splits.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::check::{CheckedRows, Requirements};
use super::dataset::Dataset;
use super::error::DataError;
use super::example::Example;
use crate::hash::{number, sha256_hex};

/// The most rows that are split off from the training data for validation.
const MOST_VALIDATION: usize = 100;

/// The split of the data that an example belongs to. It is a part of every cache key, because two splits may have equal ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Training examples. Reflectors may read them.
    Train,
    /// Validation examples. Candidates are compared on them; no reflector reads them.
    Val,
    /// Test examples. They are used for the final scores only.
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

/// The examples of all splits.
#[derive(Debug)]
pub struct Splits {
    /// The training examples.
    pub train: Vec<Example>,
    /// The validation examples.
    pub val: Vec<Example>,
    /// The test examples. Empty if the task has no test data.
    pub test: Vec<Example>,
    /// Whether `val` was split off from the training data.
    pub val_from_train: bool,
    /// The number of rows that were left out because they lack a label.
    pub unlabelled: usize,
    /// The SHA-256 of each data file under a key of the run's fingerprint, like `data.train.sha256`.
    pub hashes: Vec<(String, String)>,
}

impl Splits {
    /// Returns the examples of a split.
    #[must_use]
    pub fn of(&self, split: Split) -> &[Example] {
        match split {
            Split::Train => &self.train,
            Split::Val => &self.val,
            Split::Test => &self.test,
        }
    }
}

/// The paths of a task's data files.
#[derive(Debug, Clone)]
pub struct Files {
    /// The file of the training rows.
    pub train: PathBuf,
    /// The file of the validation rows. None: they are split off from the training rows.
    pub val: Option<PathBuf>,
    /// The file of the test rows. None: there is no test.
    pub test: Option<PathBuf>,
    /// Whether test rows may also stand in the other files.
    pub allow_overlap: bool,
}

/// Reads and checks the rows of all files. Every row must have what is `required`. Two rows count as the same if their
/// `inputs` are equal.
///
/// # Errors
/// [`DataError`] for the first file or row that cannot be used, for an empty split, and for test rows that also stand in another
/// split.
pub fn load(files: &Files, required: &Requirements, inputs: &[String]) -> Result<Splits, DataError> {
    let (mut hashes, mut unlabelled) = (Vec::new(), 0);
    let mut read = |split: Split, path: &Path| {
        let data = Dataset::open(path, None)?;
        hashes.push((format!("data.{split}.sha256"), data.sha256()?));
        let checked = data.check_rows(0..data.len(), required)?;
        unlabelled += checked.unlabelled;
        Ok::<_, DataError>(checked.examples)
    };
    let train = read(Split::Train, &files.train)?;
    let val = files.val.as_deref().map(|path| read(Split::Val, path)).transpose()?;
    let test = files.test.as_deref().map(|path| read(Split::Test, path)).transpose()?;

    let empty = |path: &Path, need| DataError::Empty { path: path.to_owned(), rows: 0, unlabelled, need };
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
        None => split_off_validation(train, &files.train, unlabelled)?,
    };
    Ok(Splits { train, val, test: test.unwrap_or_default(), val_from_train, unlabelled, hashes })
}

/// Divides the rows of a training file into training and validation examples, by [`validation_indices`]. `unlabelled` is the number
/// of its rows that were left out.
fn split_off_validation(rows: Vec<Example>, path: &Path, unlabelled: usize) -> Result<(Vec<Example>, Vec<Example>), DataError> {
    let validation = validation_indices(rows.len(), path, unlabelled, |index| Ok(rows[index].id.clone()))?;
    let (mut train, mut val) = (Vec::new(), Vec::new());
    for (index, row) in rows.into_iter().enumerate() {
        if validation.contains(&index) { val.push(row) } else { train.push(row) }
    }
    Ok((train, val))
}

/// Reads the first `limit` training or validation rows of a training file from which validation is split off, as [`load`] does.
/// Of the other rows only the id is read, and they are not checked, unless rows without a label are left out.
///
/// # Errors
/// [`DataError`] for the first row that cannot be used, and for a file of fewer than two rows.
pub fn load_part_of_training(
    path: &Path,
    split: Split,
    limit: Option<usize>,
    required: &Requirements,
) -> Result<CheckedRows, DataError> {
    let data = Dataset::open(path, None)?;
    let limit = limit.unwrap_or(usize::MAX);
    if required.skip_unlabelled {
        // Rows without a label are left out before the rest is split, so all rows must be read.
        let CheckedRows { examples, unlabelled } = data.check_rows(0..data.len(), required)?;
        let (train, val) = split_off_validation(examples, path, unlabelled)?;
        let mut examples = if split == Split::Val { val } else { train };
        examples.truncate(limit);
        return Ok(CheckedRows { examples, unlabelled });
    }
    let validation = validation_indices(data.len(), path, 0, |index| data.id(index))?;
    let rows = (0..data.len()).filter(|index| validation.contains(index) == (split == Split::Val));
    data.check_rows(rows.take(limit), required)
}

/// Returns the indices of the rows that are split off for validation: of `count` rows, the half with the lowest hashes of their
/// ids, but at most 100 rows. So the choice depends on the ids alone.
fn validation_indices(
    count: usize,
    path: &Path,
    unlabelled: usize,
    id: impl Fn(usize) -> Result<String, DataError> + Sync,
) -> Result<BTreeSet<usize>, DataError> {
    let most = (count / 2).min(MOST_VALIDATION);
    if most == 0 {
        return Err(DataError::Empty {
            path: path.to_owned(),
            rows: count,
            unlabelled,
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
    // The threads may find another bad row first, so the first one is searched for again.
    let ranked = ranked.map_err(|error| (0..count).find_map(|index| id(index).err()).unwrap_or(error))?;
    Ok(ranked.into_iter().map(|(_, index)| index).collect())
}

/// Refuses test rows whose `inputs` are equal to those of a row in the other file.
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
    let others: BTreeSet<String> = other.iter().map(key).collect();
    let same: Vec<&Example> = test.iter().filter(|e| others.contains(&key(e))).collect();
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
        fn the_split_depends_on_ids_alone(count in 2_u32..400) {
            let forward: Vec<u32> = (0..count).collect();
            let backward: Vec<u32> = (0..count).rev().collect();
            let (train, val) = split_off_validation(rows(&forward), Path::new("t"), 0).unwrap();
            let (_, val_backward) = split_off_validation(rows(&backward), Path::new("t"), 0).unwrap();
            prop_assert_eq!(val.len(), (count as usize / 2).min(100));
            prop_assert_eq!(train.len() + val.len(), count as usize);
            let ids = |v: &[Example]| v.iter().map(|e| e.id.clone()).collect::<std::collections::BTreeSet<_>>();
            prop_assert_eq!(ids(&val), ids(&val_backward));
            prop_assert!(ids(&train).is_disjoint(&ids(&val)));
        }
    }

    #[test]
    fn a_part_of_the_rows_has_the_same_split_as_all() {
        let folder = tempfile::tempdir().unwrap();
        let train = folder.path().join("train.jsonl");
        let label = |n: usize| if n.is_multiple_of(5) { "null" } else { "1" };
        let row = |n: usize| format!(r#"{{"q": "{n}", "id": "{}", "label": {}}}"#, n * 7, label(n));
        let rows: Vec<String> = (0..300).map(row).collect();
        std::fs::write(&train, rows.join("\n")).unwrap();
        let files = Files { train: train.clone(), val: None, test: None, allow_overlap: false };
        for (labels, skip_unlabelled) in [(vec![], false), (vec!["q".into()], true), (vec!["label".into()], true)] {
            let required = Requirements { fields: vec!["q".into()], labels, skip_unlabelled };
            let whole = load(&files, &required, &["q".into()]).unwrap();
            let part = |split, limit| load_part_of_training(&train, split, limit, &required).unwrap().examples;
            for split in [Split::Train, Split::Val] {
                assert_eq!(part(split, None), whole.of(split));
                assert_eq!(part(split, Some(7)), whole.of(split)[..7]);
            }
        }
    }

    #[test]
    fn the_error_names_the_first_bad_row() {
        let folder = tempfile::tempdir().unwrap();
        let train = folder.path().join("train.jsonl");
        let rows: Vec<String> = (0..300).map(|n| if n % 100 == 50 { "{".into() } else { format!(r#"{{"id": {n}}}"#) }).collect();
        std::fs::write(&train, rows.join("\n")).unwrap();
        let error = load_part_of_training(&train, Split::Val, Some(1), &Requirements::default()).unwrap_err().to_string();
        assert!(error.contains("train.jsonl:51: not valid JSON"), "{error}");
    }

    #[test]
    fn too_few_rows_are_counted_rightly() {
        for (count, unlabelled, says) in [
            (1, 0, "t has 1 row; at least two rows are needed"),
            (0, 0, "t has no rows; at least two"),
            (0, 3, "t has no rows with a label (3 without are left out); at least two"),
            (1, 1, "t has 1 row with a label (1 without is left out); at least two"),
        ] {
            let error = split_off_validation(rows(&vec![1; count]), Path::new("t"), unlabelled).unwrap_err();
            assert!(error.to_string().starts_with(says), "{error}");
        }
    }
}

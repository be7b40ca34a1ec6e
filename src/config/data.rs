//! `[data]`: where the examples are.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::fingerprint::Keys;
use crate::data::split::Split;

/// `[data]`
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DataPlan {
    /// The file of the training rows, which reflectors may read. It is JSONL (each line is a JSON object) or CSV (`.csv`,
    /// `.tsv`; the first row names the fields, and all values are text). Rows may have an `id`. 20 to 100 rows are enough. Paths
    /// are relative to the task file.
    pub train: PathBuf,
    /// The file of the validation rows, on which candidates are compared; None: half of the training rows, at most 100, chosen
    /// by a hash of their ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub val: Option<PathBuf>,
    /// The file of the test rows, on which seed and best candidate are scored after the search; None: there is no test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    /// Whether test rows may also stand in the other files. Otherwise such rows are an error, because they would make the test
    /// score too high.
    pub allow_overlap: bool,
    /// Whether rows without a right answer for the metric (null, blank or missing) are left out. Their number is told. Otherwise
    /// such a row is an error, with its line.
    pub skip_unlabelled: bool,
}

/// The data files are outside: the run adds hashes of their content.
pub(super) static KEYS: Keys = Keys { inside: "allow_overlap skip_unlabelled", outside: "train val test", ..Keys::NONE };

impl DataPlan {
    /// Returns the file that has the rows of a split: the training file if the split has no file.
    #[must_use]
    pub fn file(&self, split: Split) -> &Path {
        let separate = match split {
            Split::Train => None,
            Split::Val => self.val.as_deref(),
            Split::Test => self.test.as_deref(),
        };
        separate.unwrap_or(&self.train)
    }
}

//! Examples: files, their rows and how they are split.

pub mod corpus;
mod csv;
mod dataset;
mod index;
mod jsonl;
mod source;
pub mod split;

pub use corpus::{Corpus, Indexing};
pub use dataset::Dataset;
pub use index::ExampleIndex;

use std::fmt::Display;
use std::ops::Index;
use std::path::PathBuf;

use serde_json::{Map, Value};

/// One row of a dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The row's `id`, or `line-N` where it has none. Unique within its file.
    pub id: String,
    /// All fields of the row, in their order.
    pub fields: Map<String, Value>,
}

impl Example {
    /// A field as a prompt shows it: text as it is, anything else as JSON.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<String> {
        self.fields.get(field).map(to_text)
    }

    /// A field as something to read: where it is null there is nothing, as in tables of other programs.
    #[must_use]
    pub fn input(&self, field: &str) -> Option<String> {
        self.fields.get(field).filter(|value| !value.is_null()).map(to_text)
    }
}

impl Index<ExampleIndex> for [Example] {
    type Output = Example;

    fn index(&self, index: ExampleIndex) -> &Example {
        &self[index.0]
    }
}

/// A JSON value as a prompt shows it: text as it is, anything else as JSON.
#[must_use]
pub fn to_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Names in a text: each in backticks, with commas between them.
#[must_use]
pub fn listed<T: Display>(names: impl IntoIterator<Item = T>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// So many of a thing: `1 row`, `2 rows`.
#[must_use]
pub fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// A text of at most `most` characters as it is; of a longer one, the first two thirds of so many and the last third, and
/// between them what `mark` makes of how many are left out.
#[must_use]
pub fn cut_middle(text: &str, most: usize, mark: impl FnOnce(usize) -> String) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let (first, last) = (most * 2 / 3, most / 3);
    let head: String = text.chars().take(first).collect();
    let tail: String = text.chars().skip(count - last).collect();
    format!("{head}{}{tail}", mark(count - first - last))
}

/// What can be wrong with a user's data.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file cannot be read.
    #[error("cannot read {path}: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A row cannot be used.
    #[error("{path}:{line}: {cause}")]
    Row {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what would be right.
        cause: String,
    },
    /// The metric cannot judge a row.
    #[error("{path}: {cause}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Which example, and what is wrong with it.
        cause: String,
    },
    /// The index of a corpus cannot be made or used.
    #[error("the index in {path}: {cause}")]
    Index {
        /// Its folder.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// A split has no rows.
    #[error("{path} has no rows; {need}")]
    Empty {
        /// The file.
        path: PathBuf,
        /// What it is needed for.
        need: &'static str,
    },
    /// Test rows stand in the training or validation data.
    #[error(
        "{count} of the test rows in {test} also stand in {other} (`{first}` for one): the test score would \
         flatter the result; remove them, or set `allow_overlap = true` under [data]"
    )]
    Overlap {
        /// The test file.
        test: PathBuf,
        /// The file that holds the same inputs.
        other: PathBuf,
        /// How many test rows it holds.
        count: usize,
        /// The id of the first of them.
        first: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_and_a_long_text_loses_its_middle() {
        assert_eq!(listed(["a", "b"]), "`a`, `b`");
        assert_eq!(listed(Vec::<String>::new()), "");
        assert_eq!([0, 1, 2].map(|count| counted(count, "row")), ["0 rows", "1 row", "2 rows"]);
        let cut = |text: &str| cut_middle(text, 6, |left_out| format!("[{left_out}]"));
        assert_eq!((cut("abcdef"), cut("äbcdefghij")), ("abcdef".to_owned(), "äbcd[4]ij".to_owned()));
    }
}

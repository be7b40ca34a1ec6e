//! Checks of the rows of a data file: the fields that each must have, and the labels without which it cannot be scored.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::dataset::Dataset;
use super::error::DataError;
use super::example::Example;
use super::wording::listed;

/// What every row of a data file must have.
#[derive(Debug, Clone, Default)]
pub struct Requirements {
    /// The fields that a row must have. Their values may be null.
    pub fields: Vec<String>,
    /// The fields that must hold a value: neither null nor blank text.
    pub labels: Vec<String>,
    /// Whether a row without one of the labels is left out. Otherwise it is an error.
    pub skip_unlabelled: bool,
}

impl Requirements {
    /// Returns the requirement that a row has these fields, with any value.
    #[must_use]
    pub fn of_fields(fields: &[String]) -> Self {
        Self { fields: fields.to_vec(), ..Self::default() }
    }

    /// Returns the first label that a row lacks. None if it has all of them.
    fn missing_label(&self, row: &Example) -> Option<&String> {
        self.labels.iter().find(|label| row.fields.get(*label).is_none_or(is_blank))
    }
}

/// Whether a value says nothing: it is null, or a text of white space.
#[must_use]
pub fn is_blank(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// Rows that were read and checked.
#[derive(Debug)]
pub struct CheckedRows {
    /// The rows that have all they must have.
    pub examples: Vec<Example>,
    /// The number of rows that were left out because they lack a label.
    pub unlabelled: usize,
}

impl Dataset {
    /// Reads and checks all rows: each must be readable, have all `fields`, and an id that no row before it has.
    ///
    /// # Errors
    /// [`DataError::Row`] for the first row that breaks a rule.
    pub fn check(&self, fields: &[String]) -> Result<Vec<Example>, DataError> {
        Ok(self.check_rows(0..self.len(), &Requirements::of_fields(fields))?.examples)
    }

    /// Reads and checks the rows at some indices only: each must be readable, have all that is required, and an id that no row
    /// before it has.
    ///
    /// # Errors
    /// [`DataError::Row`] for the first row that breaks a rule.
    pub fn check_rows(
        &self,
        indices: impl IntoIterator<Item = usize>,
        required: &Requirements,
    ) -> Result<CheckedRows, DataError> {
        let mut checked = CheckedRows { examples: Vec::new(), unlabelled: 0 };
        let mut lines: BTreeMap<String, usize> = BTreeMap::new();
        for index in indices {
            let example = self.get(index)?;
            let unlabelled = required.missing_label(&example);
            if unlabelled.is_some() && required.skip_unlabelled {
                checked.unlabelled += 1;
                continue;
            }
            if let Some(label) = unlabelled {
                return Err(self.unusable(index, unscorable(&example, label)));
            }
            self.require(index, &example, &required.fields)?;
            let line = self.line(index);
            if let Some(first) = lines.insert(example.id.clone(), line) {
                let cause = format!("the id `{}` stands in line {first} already; ids must be unique", example.id);
                return Err(self.unusable(index, cause));
            }
            checked.examples.push(example);
        }
        Ok(checked)
    }

    /// Reads the row at `index`, counted from 0, which must have all `fields`.
    ///
    /// # Errors
    /// [`DataError::Row`] if it cannot be read or lacks one of them.
    pub fn get_with(&self, index: usize, fields: &[String]) -> Result<Example, DataError> {
        let example = self.get(index)?;
        self.require(index, &example, fields)?;
        Ok(example)
    }

    /// Fails if the row at `index` lacks one of the fields.
    fn require(&self, index: usize, row: &Example, fields: &[String]) -> Result<(), DataError> {
        match fields.iter().find(|field| !row.fields.contains_key(*field)) {
            Some(field) => Err(self.unusable(index, missing_field(field, &row.fields))),
            None => Ok(()),
        }
    }
}

/// Returns why a row without this label cannot be scored, and what to do.
fn unscorable(row: &Example, label: &str) -> String {
    let value = match row.fields.get(label) {
        None => format!("is missing (the row has {})", listed(row.fields.keys())),
        Some(Value::Null) => "is null".into(),
        Some(_) => "is empty".into(),
    };
    format!(
        "the row `{}` cannot be scored: its `{label}` {value}; write the right value, or set `skip_unlabelled = true` under [data] \
         to leave such rows out",
        row.id
    )
}

fn missing_field(field: &str, fields: &Map<String, Value>) -> String {
    format!("the field `{field}` is missing; the row has {}", listed(fields.keys()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn dataset(ending: &str, content: &str) -> Dataset {
        let mut file = tempfile::Builder::new().suffix(ending).tempfile().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        Dataset::open(file.path(), None).unwrap()
    }

    fn labels(skip_unlabelled: bool) -> Requirements {
        Requirements { fields: vec!["label".into()], labels: vec!["label".into()], skip_unlabelled }
    }

    #[test]
    fn a_row_without_a_label_is_an_error_or_left_out_and_counted() {
        for (ending, content, says) in [
            (
                ".jsonl",
                "{\"label\": \"a\"}\n{\"label\": null}\n{\"label\": \"b\"}",
                ":2: the row `line-2` cannot be scored: its `label` is null",
            ),
            (
                ".jsonl",
                "{\"label\": \"a\"}\n\n{\"id\": 7, \"label\": \" \"}\n{\"label\": 0}",
                ":3: the row `7` cannot be scored: its `label` is empty",
            ),
            (
                ".jsonl",
                "{\"label\": false}\n{\"text\": \"t\"}\n{\"label\": []}",
                ":2: the row `line-2` cannot be scored: its `label` is missing (the row has `text`)",
            ),
            (".csv", "text,label\nx,a\ny,\nz,b\n", ":3: the row `line-3` cannot be scored: its `label` is empty"),
            (".tsv", "text\tlabel\nx\ta\ny\t \nz\tb\n", ":3: the row `line-3` cannot be scored: its `label` is empty"),
        ] {
            let data = dataset(ending, content);
            let error = data.check_rows(0..3, &labels(false)).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
            let CheckedRows { examples, unlabelled } = data.check_rows(0..3, &labels(true)).unwrap();
            assert_eq!((examples.len(), unlabelled), (2, 1), "{content}");
        }
    }
}

//! Rows for training a retriever: a question with passages that fit it, and with others that do not.

use super::converted::Converted;
use crate::data::{Example, listed};

/// Usual names of the passages that fit, and of those that do not.
const FITTING: [&str; 4] = ["pos", "positive", "positives", "positive_passages"];
const OTHERS: [&str; 6] = ["neg", "negative", "negatives", "negative_passages", "hard_negatives", "hard_negative"];

/// Refuses rows with both. Nothing in them is an answer that a program could write.
pub(super) fn refuse(rows: &[Example]) -> Result<Option<Converted>, String> {
    let found = |names: &'static [&'static str]| {
        let in_all = |name: &&&str| !rows.is_empty() && rows.iter().all(|row| row.fields.contains_key(**name));
        names.iter().find(in_all)
    };
    match (found(&FITTING), found(&OTHERS)) {
        (Some(fitting), Some(others)) => Err(format!(
            "its rows train a retriever ({}), and none of their fields is an answer that a program writes. The metric `retrieval` judges \
             what a step with `kind = \"retrieve\"` finds (docs/metrics.md); --output takes a field as the answer all the same",
            listed([fitting, others])
        )),
        _ => Ok(None),
    }
}
